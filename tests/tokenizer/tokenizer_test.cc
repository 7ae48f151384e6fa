// The tokenizer: what makes one and what does not (T1, T2), any bytes (T3), any length (T4),
// special tokens (T6), memory.
#include "tokenizer/tokenizer.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <cmath>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "base/buffer.h"
#include "tokenizer/as_utf8.h"
#include "tokenizer/gpt2_vocabulary.h"

namespace parley {
namespace {

using test::AsUtf8;

void CheckRefused(const TestVocabulary& vocabulary, std::string_view message,
                  Code code = Code::kBadVocab) {
  const auto made = vocabulary.Make();
  REQUIRE_FALSE(made.ok());
  CHECK(made.error().code == code);
  CHECK(made.error().message == message);
}

void CheckMergesRefused(std::string_view text, std::string_view message) {
  const auto merges = Tokenizer::ParseMerges(text);
  REQUIRE_FALSE(merges.ok());
  CHECK(merges.error().code == Code::kBadVocab);
  CHECK(merges.error().message == message);
}

TEST_CASE("merges.txt is read line by line, with or without a line break at the end") {
  for (const char* text : {"#version: 0.2\nh e\nl l\n", "#version: 0.2\nh e\nl l"}) {
    const auto merges = Tokenizer::ParseMerges(text);
    REQUIRE(merges.ok());
    REQUIRE(merges->size() == 2);
    CHECK((*merges)[0] == "h e");
    CHECK((*merges)[1] == "l l");
  }
  const auto none = Tokenizer::ParseMerges("#version: 0.2\n");
  REQUIRE(none.ok());
  CHECK(none->empty());
}

TEST_CASE("T1: a line of merges.txt that is no merge is refused with its number") {
  CheckMergesRefused("#version: 0.2\nh e\nll\n",
                     "line 3 of merges.txt, 'll': not two symbols around one space");
  CheckMergesRefused("#version: 0.2\nh e l\n",
                     "line 2 of merges.txt, 'h e l': not two symbols around one space");
  CheckMergesRefused("#version: 0.2\nh  e\n",
                     "line 2 of merges.txt, 'h  e': not two symbols around one space");
  CheckMergesRefused("#version: 0.2\n e\n",
                     "line 2 of merges.txt, ' e': not two symbols around one space");
  CheckMergesRefused("#version: 0.2\nh \n",
                     "line 2 of merges.txt, 'h ': not two symbols around one space");
  CheckMergesRefused("#version: 0.2\n\nh e\n",
                     "line 2 of merges.txt, '': not two symbols around one space");
  CheckMergesRefused("#version: 0.2\r\nh e\r\n",
                     "line 1 of merges.txt, '#version: 0.2?': ends in CRLF; LF is needed");
  CheckMergesRefused("#version: 0.2\nh e\nl l\r\n",
                     "line 3 of merges.txt, 'l l?': ends in CRLF; LF is needed");
  CheckMergesRefused("h e\nl l\n", "line 1 of merges.txt, 'h e': #version is needed first");
  CheckMergesRefused("", "line 1 of merges.txt, '': #version is needed first");
}

TEST_CASE("T1: a merge of unknown symbols, or into one, is refused with its line") {
  TestVocabulary vocabulary = ByteVocabulary();
  vocabulary.AddMerge("h", "e");
  vocabulary.merges.push_back("he y");
  CheckRefused(vocabulary,
               "merge 2 (line 3 of merges.txt), 'he y': 'hey' is not in the vocabulary");
  vocabulary.merges[1] = "ll o";
  CheckRefused(vocabulary, "merge 2 (line 3 of merges.txt), 'll o': 'll' is not in the vocabulary");
  vocabulary.merges[1] = "o ll";
  CheckRefused(vocabulary, "merge 2 (line 3 of merges.txt), 'o ll': 'll' is not in the vocabulary");
  vocabulary.merges[1] = "hey";
  CheckRefused(vocabulary,
               "merge 2 (line 3 of merges.txt), 'hey': not two symbols around one space");
  vocabulary.merges[1] = "h e";
  CheckRefused(vocabulary, "merge 2 (line 3 of merges.txt), 'h e': the same pair as merge 1");
}

TEST_CASE("T2: a token twice, a gap, and a byte without a token are refused") {
  TestVocabulary vocabulary = ByteVocabulary();
  vocabulary.tokens.push_back("!");
  CheckRefused(vocabulary, "tokens 0 and 256 of the vocabulary are the same");
  vocabulary.tokens[256] = "";
  CheckRefused(vocabulary, "token 256 of the vocabulary is missing or empty");
  vocabulary.tokens[256] = "\xFF";
  CheckRefused(vocabulary, "token 256 of the vocabulary is not UTF-8");
  vocabulary.tokens.pop_back();
  vocabulary.special_ids = {256};
  CheckRefused(vocabulary, "special token 256 is not in the vocabulary of 256");
  vocabulary.special_ids = {-1};
  CheckRefused(vocabulary, "special token -1 is not in the vocabulary of 256");
}

TEST_CASE("Other models' vocabularies may lack bytes, which are left out of what is encoded") {
  TestVocabulary vocabulary = ByteVocabulary();
  std::erase(vocabulary.tokens, "!");
  CheckRefused(vocabulary, "the vocabulary has no token '!' for byte 33");
  vocabulary.AddMerge("a", "b");
  vocabulary.AddMerge("?", "?");
  for (const PreTokenizer pre : {PreTokenizer::kSmollm, PreTokenizer::kLlama3}) {
    vocabulary.pre = pre;
    const auto tokenizer = vocabulary.Make();
    REQUIRE(tokenizer.ok());
    CHECK(Decode(**tokenizer, Encode(**tokenizer, "!")).empty());
    CHECK(Decode(**tokenizer, Encode(**tokenizer, "ab!ab")) == "abab");
    // As `tokenizers` has it, what stands around a missing byte is side by side.
    CHECK(Encode(**tokenizer, "?!?") == Encode(**tokenizer, "??"));
    CHECK(Encode(**tokenizer, "??").size() == 1);
  }
  // A byte's token that is special stays refused.
  vocabulary.special_ids = {0};
  CHECK_FALSE(vocabulary.Make().ok());
}

TEST_CASE("llama-bpe: a piece that is a token is that token, though no merge makes it") {
  TestVocabulary vocabulary = ByteVocabulary();
  vocabulary.tokens.push_back("whole");
  vocabulary.pre = PreTokenizer::kLlama3;
  const auto tokenizer = vocabulary.Make();
  REQUIRE(tokenizer.ok());
  CHECK(Encode(**tokenizer, "whole") == std::vector<int32_t>{256});
  CHECK(Encode(**tokenizer, "wholes").size() == 6);
  CHECK(Encode(**tokenizer, "\xC3") == Encode(**tokenizer, "\uFFFD"));
  vocabulary.pre = PreTokenizer::kSmollm;
  const auto other = vocabulary.Make();
  REQUIRE(other.ok());
  CHECK(Encode(**other, "whole").size() == 5);
}

TEST_CASE("T2: each of the 256 bytes is missed when its token is not there, or special") {
  for (size_t missing = 0; missing < 256; ++missing) {
    TestVocabulary vocabulary = ByteVocabulary();
    const std::string symbol = vocabulary.tokens[missing];
    vocabulary.tokens[missing] = "other";
    auto made = vocabulary.Make();
    REQUIRE_FALSE(made.ok());
    CHECK(made.error().code == Code::kBadVocab);
    CHECK(
        made.error().message.starts_with("the vocabulary has no token '" + symbol + "' for byte "));
    vocabulary.tokens[missing] = symbol;
    vocabulary.special_ids = {static_cast<int32_t>(missing)};
    made = vocabulary.Make();
    REQUIRE_FALSE(made.ok());
    CHECK(made.error().code == Code::kBadVocab);
  }
  CHECK_FALSE(TestVocabulary().Make().ok());
}

TEST_CASE("Over 2^20 tokens or merges: LIMIT before anything is allocated") {
  const std::vector<std::string_view> many((1 << 20) + 1, "x");
  const uint64_t before = GetAllocationCounts().allocations;
  const auto tokens = Tokenizer::Make({many, {}, {}});
  REQUIRE_FALSE(tokens.ok());
  CHECK(tokens.error().code == Code::kLimit);
  const auto merges = Tokenizer::Make({{}, many, {}});
  REQUIRE_FALSE(merges.ok());
  CHECK(merges.error().code == Code::kLimit);
  const auto lines = Tokenizer::ParseMerges("#version\n" + std::string((1 << 20) + 1, '\n'));
  REQUIRE_FALSE(lines.ok());
  CHECK(lines.error().code == Code::kLimit);
  CHECK(GetAllocationCounts().allocations == before);
}

TEST_CASE("Tokens outside the byte alphabet are literal text") {
  TestVocabulary vocabulary = ByteVocabulary();
  vocabulary.tokens.push_back("two  spaces");
  vocabulary.tokens.push_back("\u4F60\u597D");
  vocabulary.tokens.push_back("\u0120x");  // "Ġx": all in the alphabet
  const auto made = vocabulary.Make();
  REQUIRE(made.ok());
  CHECK((*made)->Bytes(256) == "two  spaces");
  CHECK((*made)->Bytes(257) == "\u4F60\u597D");
  CHECK((*made)->Bytes(258) == " x");
  CHECK(Encode(**made, "two  spaces").size() == 11);  // never made from text: no merge makes them
}

TEST_CASE("T3: NUL, lone surrogates and truncated characters are read as U+FFFD and stay stable") {
  const Tokenizer& tokenizer = Gpt2Tokenizer();
  CHECK(Encode(tokenizer, std::string_view("\0", 1)) == std::vector<int32_t>{188});
  const std::vector<int32_t> replacement = Encode(tokenizer, "\uFFFD");
  CHECK(replacement == std::vector<int32_t>{4210});  // GPT-2's token for EF BF BD
  CHECK(Encode(tokenizer, "\xFF") == replacement);
  CHECK(Encode(tokenizer, "\xF0\x9F\x99") == replacement);
  CHECK(Encode(tokenizer, "\xED\xA0\x80") == Encode(tokenizer, "\uFFFD\uFFFD\uFFFD"));
}

TEST_CASE("T3: any bytes encode to the ids of their text with U+FFFD, and decode to it") {
  const Tokenizer& tokenizer = Gpt2Tokenizer();
  std::mt19937 random(17);
  const std::vector<std::string> scraps = {
      "the", " of", "'s", "  ", "\n", "\xC3\xA9", "\xF0\x9F\x99\x82", "\xE4\xBD\xA0", "9"};
  for (int round = 0; round < 2000; ++round) {
    std::string bytes;
    for (unsigned i = random() % 30; i > 0; --i) {
      bytes += random() % 3 == 0 ? std::string(1, static_cast<char>(random()))
                                 : scraps[random() % scraps.size()];
    }
    const std::string text = AsUtf8(bytes);
    const std::vector<int32_t> ids = Encode(tokenizer, bytes);
    CHECK(ids == Encode(tokenizer, text));
    CHECK(Decode(tokenizer, ids) == text);
  }
}

TEST_CASE("Well-formed text comes back from its ids exactly") {
  const Tokenizer& tokenizer = Gpt2Tokenizer();
  std::mt19937 random(19);
  for (int round = 0; round < 500; ++round) {
    std::string text;
    for (unsigned i = random() % 50; i > 0; --i) {
      const uint32_t last = std::vector<uint32_t>{0x7F, 0x7FF, 0xD7FF, 0x10FFFF}[random() % 4];
      const uint32_t c = random() % (last + 1);
      if (c >= 0xD800 && c < 0xE000) continue;
      if (c < 0x80) {
        text += static_cast<char>(c);
      } else if (c < 0x800) {
        text += {static_cast<char>(0xC0 + (c >> 6)), static_cast<char>(0x80 + (c & 63))};
      } else if (c < 0x10000) {
        text += {static_cast<char>(0xE0 + (c >> 12)), static_cast<char>(0x80 + (c >> 6 & 63)),
                 static_cast<char>(0x80 + (c & 63))};
      } else {
        text += {static_cast<char>(0xF0 + (c >> 18)), static_cast<char>(0x80 + (c >> 12 & 63)),
                 static_cast<char>(0x80 + (c >> 6 & 63)), static_cast<char>(0x80 + (c & 63))};
      }
    }
    const std::vector<int32_t> ids = Encode(tokenizer, text);
    CHECK(Decode(tokenizer, ids) == text);
    std::string bytes;  // token by token too
    for (const int32_t id : ids) bytes += tokenizer.Bytes(id);
    CHECK(bytes == text);
  }
}

TEST_CASE("T4: 1 MB of anything takes a number of steps linear in its length, each of log n") {
  constexpr size_t kBytes = 1'000'000;
  std::mt19937 random(23);
  std::string text;
  SECTION("one letter") { text.assign(kBytes, 'a'); }
  SECTION("spaces") { text.assign(kBytes, ' '); }
  SECTION("line breaks") { text.assign(kBytes, '\n'); }
  SECTION("digits") { text.assign(kBytes, '0'); }
  SECTION("punctuation") { text.assign(kBytes, '='); }
  SECTION("two letters in turn") {
    for (size_t i = 0; i < kBytes; ++i) text += i % 2 == 0 ? 'a' : 'b';
  }
  SECTION("random letters") {
    for (size_t i = 0; i < kBytes; ++i) text += static_cast<char>('a' + random() % 26);
  }
  SECTION("random bytes") {
    for (size_t i = 0; i < kBytes; ++i) text += static_cast<char>(random());
  }
  SECTION("ill-formed bytes") { text.assign(kBytes, '\xFF'); }
  SECTION("one character of Chinese") {
    while (text.size() < kBytes) text += "\u4F60";
  }
  std::vector<int32_t> ids;
  EncodeCounts counts;
  REQUIRE(Gpt2Tokenizer().Encode(text, false, &ids, &counts).ok());
  const std::string read = AsUtf8(text);
  CHECK(counts.pieces <= read.size());
  CHECK(counts.heap_operations <= 6 * read.size());
  CHECK(Decode(Gpt2Tokenizer(), ids) == read);
}

TEST_CASE("T4: 1 MB of special tokens, and of what almost is one, is read in one pass") {
  TestVocabulary vocabulary = ByteVocabulary();
  for (int length = 1; length <= 200; ++length)
    vocabulary.AddSpecial("<" + std::string(length, '|') + ">");
  const auto made = vocabulary.Make();
  REQUIRE(made.ok());
  std::string text;
  while (text.size() < 500'000) text += "<" + std::string(200, '|') + ">";
  while (text.size() < 1'000'000) text += "<" + std::string(200, '|') + "<";
  std::vector<int32_t> ids;
  EncodeCounts counts;
  REQUIRE((*made)->Encode(text, true, &ids, &counts).ok());
  CHECK(Decode(**made, ids) == text);
  CHECK(counts.heap_operations == 0);  // no merges
}

TEST_CASE("T6: special tokens written in a text are text") {
  const Tokenizer& tokenizer = Gpt2Tokenizer();
  CHECK(Encode(tokenizer, "<|endoftext|>") ==
        std::vector<int32_t>{27, 91, 437, 1659, 5239, 91, 29});
  CHECK(Decode(tokenizer, {27, 91, 437, 1659, 5239, 91, 29}) == "<|endoftext|>");
}

TEST_CASE("T6: a merge that would make a special token from text is refused") {
  TestVocabulary vocabulary = ByteVocabulary();
  vocabulary.AddMerge("<", "|");
  vocabulary.special_ids = {256};
  CheckRefused(
      vocabulary,
      "merge 1 (line 2 of merges.txt), '< |': '<|' is a special token, which text must not give");
}

TEST_CASE(
    "Special tokens are read only where asked, the longest first, with text around them as by "
    "itself") {
  TestVocabulary vocabulary = Gpt2Vocabulary();
  const int32_t eos = vocabulary.special_ids[0];
  const int32_t user = vocabulary.AddSpecial("<|user|>");
  const int32_t user_2 = vocabulary.AddSpecial("<|user|>2");
  const int32_t you = vocabulary.AddSpecial("\u4F60");
  const auto made = vocabulary.Make();
  REQUIRE(made.ok());
  const Tokenizer& tokenizer = **made;
  CHECK(Encode(tokenizer, "<|endoftext|>", true) == std::vector<int32_t>{eos});
  CHECK(Encode(tokenizer, "<|user|>2<|user|>", true) == std::vector<int32_t>{user_2, user});
  CHECK(Encode(tokenizer, "<<|user|", true) == Encode(tokenizer, "<<|user|"));
  std::vector<int32_t> expected = Encode(tokenizer, "a  ");
  expected.push_back(user);
  for (const int32_t id : Encode(tokenizer, " b")) expected.push_back(id);
  CHECK(Encode(tokenizer, "a  <|user|> b", true) == expected);
  // The bytes of a special token inside an ill-formed sequence: the character is complete, so it is
  // the token.
  expected = Encode(tokenizer, "\uFFFD");
  expected.push_back(you);
  CHECK(Encode(tokenizer, "\xE4\xE4\xBD\xA0", true) == expected);
  CHECK(tokenizer.FindSpecial("<|user|>") == user);
  CHECK(tokenizer.FindSpecial("<|user|") == -1);
  CHECK(tokenizer.FindSpecial("the") == -1);
  CHECK(tokenizer.FindSpecial("") == -1);
  CHECK(tokenizer.IsSpecial(user));
  CHECK_FALSE(tokenizer.IsSpecial(0));
}

TEST_CASE("Decoding names special tokens or skips them, and refuses ids outside the vocabulary") {
  const Tokenizer& tokenizer = Gpt2Tokenizer();
  CHECK(Decode(tokenizer, {15496, 50256, 995}) == "Hello<|endoftext|> world");
  CHECK(Decode(tokenizer, {15496, 50256, 995}, true) == "Hello world");
  CHECK(Decode(tokenizer, {}).empty());
  CHECK(Decode(tokenizer, {8582}) == "\uFFFD");  // half of a smiley
  for (const int32_t id : {-1, 50257, INT32_MAX, INT32_MIN}) {
    const std::vector<int32_t> ids = {id};
    const auto text = tokenizer.Decode(ids, false);
    REQUIRE_FALSE(text.ok());
    CHECK(text.error().code == Code::kBadArg);
    CHECK(text.error().message ==
          "token id " + std::to_string(id) + " is outside the vocabulary of 50257");
    CHECK(tokenizer.Bytes(id).empty());
    CHECK_FALSE(tokenizer.IsSpecial(id));
  }
}

TEST_CASE("Encoding appends to what is there") {
  std::vector<int32_t> ids = {1, 2};
  REQUIRE(Gpt2Tokenizer().Encode("Hello", false, &ids).ok());
  CHECK(ids == std::vector<int32_t>{1, 2, 15496});
}

// Refuses the allocation after `g_allowed` more.
int64_t g_allowed = INT64_MAX;

class FailingAllocations {
 public:
  explicit FailingAllocations(int64_t allowed) {
    g_allowed = allowed;
    SetAllocatorHooks({[](size_t bytes, size_t alignment) -> void* {
                         return g_allowed-- > 0 ? DefaultAllocatorHooks().allocate(bytes, alignment)
                                                : nullptr;
                       },
                       DefaultAllocatorHooks().release});
  }
  ~FailingAllocations() { SetAllocatorHooks(DefaultAllocatorHooks()); }
};

TEST_CASE(
    "G19: whichever allocation fails, making and using a tokenizer gives OOM and leaks nothing") {
  TestVocabulary vocabulary = ByteVocabulary();
  vocabulary.AddMerge("h", "e");
  vocabulary.AddSpecial("<|endoftext|>");
  const std::string long_word(5000, 'h');
  const uint64_t live = GetAllocationCounts().live_bytes;
  int64_t allowed = 0;
  for (bool done = false; !done; ++allowed) {
    REQUIRE(allowed < 100);
    const FailingAllocations failing(allowed);
    const auto merges = Tokenizer::ParseMerges("#version: 0.2\nh e\n");
    const auto made = vocabulary.Make();
    std::vector<int32_t> ids = {7};
    Status status;
    if (made.ok()) {
      status = (*made)->Encode("<|endoftext|>he " + long_word, true, &ids);
      if (!status.ok()) {
        CHECK(status.error().code == Code::kOom);
        CHECK(ids == std::vector<int32_t>{7});
      }
    } else {
      CHECK(made.error().code == Code::kOom);
    }
    if (!merges.ok()) CHECK(merges.error().code == Code::kOom);
    done = merges.ok() && made.ok() && status.ok();
  }
  CHECK(allowed > 15);  // the sweep went through them all
  CHECK(GetAllocationCounts().live_bytes == live);
}

TEST_CASE("A tokenizer says how much memory it holds, and holds no more") {
  const uint64_t before = GetAllocationCounts().live_bytes;
  const auto made = Gpt2Vocabulary().Make();
  REQUIRE(made.ok());
  const uint64_t held = GetAllocationCounts().live_bytes - before;
  CHECK((*made)->memory_bytes() >= held);
  CHECK((*made)->memory_bytes() <= held + 8192);
}

}  // namespace
}  // namespace parley
