// The pieces of a text: by hand, and against a second, literal reading of GPT-2's pattern. The
// other pre-tokenizers are held to another implementation's results in golden_test.cc.
#include "tokenizer/pretokenize.h"

#include <catch2/catch_test_macros.hpp>
#include <random>
#include <string>
#include <vector>

#include "tokenizer/utf8.h"

namespace parley {
namespace {

using Pieces = std::vector<std::string>;

Pieces Cut(std::string_view text, PreTokenizer kind = PreTokenizer::kGpt2) {
  Pieces pieces;
  for (size_t begin = 0; begin < text.size();) {
    const Piece piece = NextPiece(kind, text, begin);
    REQUIRE(piece.end > begin);
    REQUIRE(piece.end <= text.size());
    std::string shown;
    AppendAsUtf8(text.substr(begin, piece.end - begin), &shown);
    REQUIRE(piece.utf8_bytes == shown.size());
    REQUIRE(piece.well_formed == (text.substr(begin, piece.end - begin) == shown));
    pieces.push_back(shown);
    begin = piece.end;
  }
  return pieces;
}

TEST_CASE("Words take one leading space, numbers and punctuation too") {
  CHECK(Cut("Hello, world! 42 apples") == Pieces{"Hello", ",", " world", "!", " 42", " apples"});
  CHECK(Cut("a1b2") == Pieces{"a", "1", "b", "2"});
  CHECK(Cut("x+=-1") == Pieces{"x", "+=-", "1"});
  CHECK(Cut("caf\u00E9 \u4F60\u597D \u0663\u00BD") ==
        Pieces{"caf\u00E9", " \u4F60\u597D", " \u0663\u00BD"});
}

TEST_CASE("Contractions are pieces, in lower case and without a space before") {
  CHECK(Cut("it's they're I've I'm we'll he'd don't") == Pieces{"it", "'s", " they", "'re", " I",
                                                                "'ve", " I", "'m", " we", "'ll",
                                                                " he", "'d", " don", "'t"});
  CHECK(Cut("'sh 'S") == Pieces{"'s", "h", " '", "S"});
  CHECK(Cut("IT'S") == Pieces{"IT", "'", "S"});
  CHECK(Cut("'r'l'v") == Pieces{"'", "r", "'", "l", "'", "v"});
  CHECK(Cut("!'s") == Pieces{"!'", "s"});
}

TEST_CASE("A run of spaces leaves its last one to what follows") {
  CHECK(Cut("a   b") == Pieces{"a", "  ", " b"});
  CHECK(Cut("a \n b") == Pieces{"a", " \n", " b"});
  CHECK(Cut("a\n\nb") == Pieces{"a", "\n", "\n", "b"});
  CHECK(Cut("a\nb") == Pieces{"a", "\n", "b"});
  CHECK(Cut("a  ") == Pieces{"a", "  "});
  CHECK(Cut(" ") == Pieces{" "});
  CHECK(Cut("  a") == Pieces{" ", " a"});
  CHECK(Cut("a\u00A0\u3000b") == Pieces{"a", "\u00A0", "\u3000", "b"});
  CHECK(Cut("\u0085 .") == Pieces{"\u0085", " ."});
}

TEST_CASE("T3: ill-formed bytes are punctuation, as U+FFFD is") {
  CHECK(Cut("a\xFF\xFE"
            "b") == Pieces{"a", "\uFFFD\uFFFD", "b"});
  CHECK(Cut("a \xE2\x82 b") == Pieces{"a", " \uFFFD", " b"});
  CHECK(Cut("\xC3") == Pieces{"\uFFFD"});
}

TEST_CASE("smollm: each digit is a piece, and ends what stands before it") {
  const auto cut = [](std::string_view text) { return Cut(text, PreTokenizer::kSmollm); };
  CHECK(cut("in 2024") == Pieces{"in", " ", "2", "0", "2", "4"});
  CHECK(cut("a  1 b") == Pieces{"a", "  ", "1", " b"});
  CHECK(cut("x\u00BD\u0663") == Pieces{"x", "\u00BD", "\u0663"});
  CHECK(cut("a   b") == Pieces{"a", "  ", " b"});
  CHECK(cut("it's -3'll") == Pieces{"it", "'s", " -", "3", "'ll"});
  CHECK(cut("7\xFF") == Pieces{"7", "\uFFFD"});
}

TEST_CASE("llama-bpe: a word takes the character before it, digits go by three") {
  const auto cut = [](std::string_view text) { return Cut(text, PreTokenizer::kLlama3); };
  CHECK(cut("Hello, (world)") == Pieces{"Hello", ",", " (", "world", ")"});
  CHECK(cut("a\tb _c") == Pieces{"a", "\tb", " _", "c"});
  CHECK(cut("(world 12345") == Pieces{"(world", " ", "123", "45"});
  CHECK(cut("IT'S it'Ll '\u017Ft") == Pieces{"IT", "'S", " it", "'Ll", " '", "\u017Ft"});
  CHECK(cut("'\u017Ft") == Pieces{"'\u017F", "t"});
  CHECK(cut("end.\r\n\n x") == Pieces{"end", ".\r\n\n", " x"});
  CHECK(cut("a  \n \n  b") == Pieces{"a", "  \n \n", " ", " b"});
  CHECK(cut("a\nb\n") == Pieces{"a", "\n", "b", "\n"});
  CHECK(cut("   a  ") == Pieces{"  ", " a", "  "});
  CHECK(cut("\xFF"
            "b \xE2\x82") == Pieces{"\uFFFDb", " \uFFFD"});
}

TEST_CASE("Classes are those of Unicode 16.0.0") {
  using enum CharacterClass;
  CHECK(ClassOf('a') == kLetter);
  CHECK(ClassOf('7') == kNumber);
  CHECK(ClassOf('_') == kOther);
  for (const uint32_t space : {0x09u, 0x0Au, 0x0Bu, 0x0Cu, 0x0Du, 0x20u, 0x85u, 0xA0u, 0x1680u,
                               0x2000u, 0x200Au, 0x2028u, 0x2029u, 0x202Fu, 0x205Fu, 0x3000u}) {
    CHECK(ClassOf(space) == kSpace);
  }
  for (const uint32_t other :
       {0x1Cu, 0x1Fu, 0x180Eu, 0x200Bu, 0xFEFFu, 0x300u, 0xFFFDu, 0x10FFFFu}) {
    CHECK(ClassOf(other) == kOther);
  }
  CHECK(ClassOf(0xAA) == kLetter);     // Lo
  CHECK(ClassOf(0x2160) == kNumber);   // Nl
  CHECK(ClassOf(0x2460) == kNumber);   // No
  CHECK(ClassOf(0x14363) == kLetter);  // new in 16.0
  CHECK(ClassOf(0xC5C) == kOther);     // new in 17.0
  uint32_t last = 0x7F;
  for (const CharacterRange& range : CharacterRanges()) {
    REQUIRE(range.first > last);
    REQUIRE(range.last >= range.first);
    last = range.last;
  }
}

// GPT-2's pattern read literally: alternatives in order, each greedy with backtracking. On ASCII
// alone.
size_t LiteralMatch(std::string_view text) {
  for (const std::string_view contraction : {"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"}) {
    if (text.starts_with(contraction)) return contraction.size();
  }
  const auto is_letter = [](char c) { return (c | 32) >= 'a' && (c | 32) <= 'z'; };
  const auto is_number = [](char c) { return c >= '0' && c <= '9'; };
  const auto is_space = [](char c) { return c == ' ' || (c >= 9 && c <= 13); };
  const auto is_other = [&](char c) { return !is_letter(c) && !is_number(c) && !is_space(c); };
  const auto run = [&](auto is_kind) -> size_t {  // ` ?kind+`
    for (const size_t begin : {size_t{text[0] == ' '}, size_t{0}}) {
      size_t end = begin;
      while (end < text.size() && is_kind(text[end])) ++end;
      if (end > begin) return end;
    }
    return 0;
  };
  if (const size_t length = run(is_letter)) return length;
  if (const size_t length = run(is_number)) return length;
  if (const size_t length = run(is_other)) return length;
  size_t spaces = 0;
  while (spaces < text.size() && is_space(text[spaces])) ++spaces;
  for (size_t length = spaces; length > 0; --length) {  // \s+(?!\S)
    if (length == text.size() || is_space(text[length])) return length;
  }
  return spaces;  // \s+
}

TEST_CASE("The pieces are those of the pattern read literally") {
  std::mt19937 random(11);
  constexpr std::string_view kCharacters = "aBz'stremld09 !_\n\t  '";
  for (int round = 0; round < 20000; ++round) {
    std::string text(random() % 16, ' ');
    for (char& c : text) c = kCharacters[random() % kCharacters.size()];
    Pieces expected;
    for (size_t begin = 0; begin < text.size();) {
      expected.push_back(text.substr(begin, LiteralMatch(std::string_view(text).substr(begin))));
      begin += expected.back().size();
    }
    INFO(text);
    CHECK(Cut(text) == expected);
  }
}

}  // namespace
}  // namespace parley
