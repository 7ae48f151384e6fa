// JSON text against the grammar of RFC 8259 and against a parser.
#include "base/json_text.h"

#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <limits>
#include <string>

namespace parley {
namespace {

std::string Quoted(std::string_view text) {
  std::string json;
  AppendJsonString(text, &json);
  return json;
}

std::string Number(double value) {
  std::string json;
  AppendJsonNumber(value, &json);
  return json;
}

TEST_CASE("Strings are escaped where JSON requires it") {
  CHECK(Quoted("") == "\"\"");
  CHECK(Quoted("a\"b\\c") == "\"a\\\"b\\\\c\"");
  CHECK(Quoted("\n\t") == "\"\\n\\u0009\"");
  CHECK(Quoted(std::string_view("\0\x1f\x7f", 3)) == "\"\\u0000\\u001f\\u007f\"");
  CHECK(Quoted("你好 🙂") == "\"你好 🙂\"");
}

TEST_CASE("Bytes that are no UTF-8 become U+FFFD, so that JSON stays valid") {
  const std::string r = "\xEF\xBF\xBD";
  CHECK(Quoted("\xff") == '"' + r + '"');
  CHECK(Quoted("\xe4\xbd") == '"' + r + r + '"');                  // cut short
  CHECK(Quoted("\xc0\x80") == '"' + r + r + '"');                  // overlong
  CHECK(Quoted("\xed\xa0\x80") == '"' + r + r + r + '"');          // a surrogate
  CHECK(Quoted("\xf4\x90\x80\x80") == '"' + r + r + r + r + '"');  // above U+10FFFF
  CHECK(Quoted("a\xe4z") == "\"a" + r + "z\"");
}

TEST_CASE("Numbers are the shortest that read back") {
  CHECK(Number(0) == "0");
  CHECK(Number(0.1) == "0.1");
  CHECK(Number(-2.5) == "-2.5");
  CHECK(Number(1) == "1");
  CHECK(Number(40) == "40");
  CHECK(Number(-100) == "-100");
  CHECK(Number(1234.5) == "1234.5");
  CHECK(Number(1e15) == "1e+15");
  CHECK(Number(9007199254740991) == "9007199254740991");
  for (double value : {1.0 / 3, 1e-300, 5e-324, 1.7976931348623157e308, 0.1 + 0.2}) {
    CHECK(std::strtod(Number(value).c_str(), nullptr) == value);
  }
}

TEST_CASE("What JSON has no number for is null") {
  CHECK(Number(std::numeric_limits<double>::quiet_NaN()) == "null");
  CHECK(Number(-std::numeric_limits<double>::infinity()) == "null");
}

}  // namespace
}  // namespace parley
