// What of a file's text reaches the terminal.
#include "cli/printable.h"

#include <catch2/catch_test_macros.hpp>
#include <string>
#include <string_view>

namespace parley {
namespace {

using std::string_view_literals::operator""sv;

TEST_CASE("Characters are shown as they are; controls and ill-formed bytes are question marks") {
  CHECK(Printable("") == "");
  CHECK(Printable("caf\u00e9 \u4f60\u597d \U0001f642 ~\u00a0") ==
        "caf\u00e9 \u4f60\u597d \U0001f642 ~\u00a0");
  CHECK(Printable("\x1b[31mred\x07\r\n\t\0\x7f."sv) == "?[31mred??????.");
  CHECK(Printable("\xc2\x80|\xc2\x9b|\xc2\x9f") == "?|?|?");  // C1, of which U+009B is ESC [
  CHECK(Printable("\x9b|\xff|\xed\xa0\x80|\xe4\xbd") == "?|?|???|?");
  for (int c = 0; c < 256; ++c) {
    INFO(c);
    const std::string byte(1, static_cast<char>(c));
    CHECK(Printable(byte) == (c >= 0x20 && c < 0x7f ? byte : "?"));
  }
}

TEST_CASE("A long text is cut between characters") {
  CHECK(Printable("abc", 3) == "abc");
  CHECK(Printable("abcd", 3) == "abc...");
  CHECK(Printable("ab\u4f60", 5) == "ab\u4f60");
  for (const size_t max_bytes : {2, 3, 4}) CHECK(Printable("ab\u4f60", max_bytes) == "ab...");
}

}  // namespace
}  // namespace parley
