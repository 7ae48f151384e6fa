// Reading UTF-8: the standard's own example, every sequence by a second decoder, and characters
// split between pieces.
#include "tokenizer/utf8.h"

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <random>
#include <string>
#include <vector>

#include "tokenizer/as_utf8.h"

namespace parley {
namespace {

using test::AsUtf8;

// "R" for each replacement, so that expectations are readable.
std::string Shape(std::string_view text) {
  std::string shape;
  for (size_t at = 0; at < text.size();) {
    const Utf8Character character = ReadUtf8(text, at);
    shape += character.well_formed ? static_cast<char>('0' + character.length) : 'R';
    at += character.length;
  }
  return shape;
}

std::string Utf8Of(uint32_t c) {
  if (c < 0x80) return {static_cast<char>(c)};
  if (c < 0x800) return {static_cast<char>(0xC0 + (c >> 6)), static_cast<char>(0x80 + (c & 63))};
  if (c < 0x10000) {
    return {static_cast<char>(0xE0 + (c >> 12)), static_cast<char>(0x80 + (c >> 6 & 63)),
            static_cast<char>(0x80 + (c & 63))};
  }
  return {static_cast<char>(0xF0 + (c >> 18)), static_cast<char>(0x80 + (c >> 12 & 63)),
          static_cast<char>(0x80 + (c >> 6 & 63)), static_cast<char>(0x80 + (c & 63))};
}

TEST_CASE("T3: every scalar value is read as itself, every surrogate as three replacements") {
  for (uint32_t c = 0; c < 0x110000; ++c) {
    const std::string text = Utf8Of(c);
    const Utf8Character character = ReadUtf8(text, 0);
    if (c >= 0xD800 && c < 0xE000) {
      if (Shape(text) != "RRR") FAIL(c);
    } else if (character.code_point != c || character.length != text.size() ||
               !character.well_formed) {
      FAIL(c);
    }
  }
}

TEST_CASE("T3: ill-formed bytes give one U+FFFD for each maximal subpart") {
  // The Unicode standard, section 3.9, table 3-8 and the examples under it (also the WHATWG
  // decoder's results).
  CHECK(Shape("\xC0\xAF\xE0\x80\xBF\xF0\x81\x82\x41") == "RRRRRRRR1");
  CHECK(Shape("\xED\xA0\x80\xED\xBF\xBF\xED\xAF\x41") == "RRRRRRRR1");
  CHECK(Shape("\xF4\x91\x92\x93\xFF\x41\x80\xBF\x42") == "RRRRR1RR1");
  CHECK(Shape("\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41") == "RRRR1");
  CHECK(AsUtf8("\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41") ==
        "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\x41");
  CHECK(AsUtf8(std::string_view("a\0b", 3)) == std::string_view("a\0b", 3));
  CHECK(AsUtf8("").empty());
}

TEST_CASE("T3: what was replaced once is well-formed and stays as it is") {
  std::mt19937 random(3);
  for (int round = 0; round < 2000; ++round) {
    std::string bytes(random() % 40, '\0');
    // Few different bytes, so that real sequences come about.
    constexpr std::array<unsigned char, 12> kBytes = {'a',  0x80, 0xBF, 0xC2, 0xE0, 0xE2,
                                                      0xED, 0xF0, 0xF4, 0xA0, 0x9F, 0x90};
    for (char& c : bytes) c = static_cast<char>(kBytes[random() % kBytes.size()]);
    const std::string once = AsUtf8(bytes);
    CHECK(Shape(once).find('R') == std::string::npos);
    CHECK(AsUtf8(once) == once);
  }
}

TEST_CASE("T5: a character split between pieces is held until it is complete") {
  Utf8Stream stream;
  std::string out;
  stream.Push("a\xF0\x9F", &out);
  CHECK(out == "a");
  CHECK(stream.held() == 2);
  stream.Push("\x99", &out);
  CHECK(out == "a");
  stream.Push("\x82!", &out);
  CHECK(out == "a\xF0\x9F\x99\x82!");
  CHECK(stream.held() == 0);
  stream.Push("\xE2\x82", &out);
  stream.Finish(&out);
  CHECK(out == "a\xF0\x9F\x99\x82!\xEF\xBF\xBD");
  CHECK(stream.held() == 0);
}

TEST_CASE("T5: bytes that no character begins with are not held") {
  CHECK(IncompleteUtf8Tail("") == 0);
  CHECK(IncompleteUtf8Tail("a") == 0);
  CHECK(IncompleteUtf8Tail("\x80") == 0);
  CHECK(IncompleteUtf8Tail("\xC3\xA9") == 0);
  CHECK(IncompleteUtf8Tail("a\xC3") == 1);
  CHECK(IncompleteUtf8Tail("\xE2\x82") == 2);
  CHECK(IncompleteUtf8Tail("\xF0\x9F\x99") == 3);
  CHECK(IncompleteUtf8Tail("\xF0\x9F\x99\x82") == 0);
  CHECK(IncompleteUtf8Tail("\xE0\x80") ==
        0);  // overlong: E0 alone is the subpart, nothing completes it
  CHECK(IncompleteUtf8Tail("\xED\xA0") == 0);  // a surrogate
  CHECK(IncompleteUtf8Tail("\xF4\x90") == 0);  // above U+10FFFF
  CHECK(IncompleteUtf8Tail("\xF5") == 0);
  CHECK(IncompleteUtf8Tail("\xC3\x80\x80\x80") == 0);
}

TEST_CASE("T5: however bytes are cut into pieces, the text is the same as of all at once") {
  std::mt19937 random(5);
  for (int round = 0; round < 500; ++round) {
    std::string bytes;
    for (int i = 0; i < 20; ++i) {
      bytes += random() % 4 == 0 ? std::string(1, static_cast<char>(random()))
                                 : Utf8Of(random() % 0xD800);
    }
    Utf8Stream stream;
    std::string out;
    for (size_t at = 0; at < bytes.size();) {
      const size_t count = 1 + random() % 5;
      stream.Push(std::string_view(bytes).substr(at, count), &out);
      at += count;
    }
    stream.Finish(&out);
    CHECK(out == AsUtf8(bytes));
  }
}

}  // namespace
}  // namespace parley
