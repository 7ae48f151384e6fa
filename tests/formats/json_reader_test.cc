#include "formats/json_reader.h"

#include <catch2/catch_test_macros.hpp>
#include <string>
#include <vector>

using parley::Code;
using parley::JsonPath;
using parley::JsonValue;
using parley::ReadJson;
using parley::Status;

namespace {

// Writes each value down with its path.
class Recorder final : public parley::JsonHandler {
 public:
  Status OnValue(const JsonPath& path, const JsonValue& value) override {
    using Kind = JsonValue::Kind;
    std::string line = path.ToString() + " ";
    switch (value.kind) {
      case Kind::kNull:
        line += "null";
        break;
      case Kind::kBool:
        line += value.boolean ? "true" : "false";
        break;
      case Kind::kUint:
        line += std::to_string(value.uint);
        break;
      case Kind::kNegative:
        line += std::to_string(value.negative);
        break;
      case Kind::kFloat:
        line += "float";
        break;
      case Kind::kString:
        line += "'" + std::string(value.string) + "'";
        break;
      case Kind::kObject:
        line += "{";
        break;
      case Kind::kObjectEnd:
        line += "}";
        break;
      case Kind::kArray:
        line += "[";
        break;
      case Kind::kArrayEnd:
        line += "]";
        break;
    }
    lines.push_back(line);
    offsets.push_back(value.offset);
    if (lines.size() == stop_at)
      return parley::MakeError(Code::kLimit, "stopped here", value.offset);
    return {};
  }
  std::vector<std::string> lines;
  std::vector<uint64_t> offsets;
  size_t stop_at = 0;
};

std::string Nested(size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); }

}  // namespace

TEST_CASE("JSON is read as values with paths and offsets") {
  Recorder recorder;
  const std::string text = R"({"a": 12, "b": [true, {"c": -3}, "x\u0041"], "d": null, "e": 1.5})";
  REQUIRE(ReadJson(text, &recorder).ok());
  const std::vector<std::string> expected = {
      "the document {", "a 12",      "b [", "b[0] true", "b[1] {",  "b[1].c -3",
      "b[1] }",         "b[2] 'xA'", "b ]", "d null",    "e float", "the document }"};
  CHECK(recorder.lines == expected);
  CHECK(recorder.offsets[0] == 1);
  CHECK(recorder.offsets[1] == text.find("12") + 2);
  CHECK(recorder.offsets[5] == text.find("-3") + 2);
  CHECK(recorder.offsets[7] == text.find("\"x") + 9);
  CHECK(recorder.offsets.back() == text.size());
}

TEST_CASE("what is no JSON is BAD_JSON") {
  for (const char* text : {"",
                           " ",
                           "{",
                           "}",
                           "{\"a\"}",
                           "{\"a\":}",
                           "{\"a\":1,}",
                           "[1 2]",
                           "{} {}",
                           "{}x",
                           "nul",
                           "01",
                           "+1",
                           "1.",
                           ".5",
                           "\"a",
                           "\"\t\"",
                           "\"\\x\"",
                           "\"\\ud800\"",
                           "{'a': 1}",
                           "// c\n1",
                           "\"\xff\"",
                           "\"\xc0\x80\"",
                           "\"\xed\xa0\x80\"",
                           "NaN",
                           "Infinity"}) {
    Recorder recorder;
    INFO(text);
    const Status status = ReadJson(text, &recorder, 100);
    REQUIRE_FALSE(status.ok());
    CHECK(status.error().code == Code::kBadJson);
    CHECK(status.error().offset >= 100);
    CHECK(status.error().offset <= 100 + std::string(text).size());
  }
}

TEST_CASE("numbers keep what they are: only plain integers are integers") {
  struct Case {
    const char* text;
    const char* read;
  };
  for (const Case& c :
       {Case{"18446744073709551615", "18446744073709551615"}, Case{"18446744073709551616", "float"},
        Case{"-9223372036854775808", "-9223372036854775808"}, Case{"-9223372036854775809", "float"},
        Case{"1e3", "float"}, Case{"1.0", "float"}, Case{"0", "0"}}) {
    Recorder recorder;
    REQUIRE(ReadJson(c.text, &recorder).ok());
    CHECK(recorder.lines.front() == std::string("the document ") + c.read);
  }
  Recorder minus_zero;
  REQUIRE(ReadJson("-0", &minus_zero).ok());
  CHECK(minus_zero.lines.front() != "the document -0");  // no plain 0 either: its kind is kNegative
}

TEST_CASE("depth and number of values are bounded") {
  Recorder recorder;
  CHECK(ReadJson(Nested(parley::kMaxJsonDepth), &recorder).ok());
  for (const size_t depth : {size_t{parley::kMaxJsonDepth} + 1, size_t{100000}}) {
    Recorder other;
    const Status status = ReadJson(Nested(depth), &other);
    REQUIRE_FALSE(status.ok());
    CHECK(status.error().code == Code::kLimit);
    CHECK(status.error().offset == parley::kMaxJsonDepth + 1);
  }
  std::string many = "[";
  for (uint64_t i = 0; i < parley::kMaxJsonValues; ++i) many += "0,";
  many += "0]";
  class Ignore final : public parley::JsonHandler {
    Status OnValue(const JsonPath&, const JsonValue&) override { return {}; }
  } ignore;
  CHECK(ReadJson(many, &ignore).error().code == Code::kLimit);
}

TEST_CASE("a handler's error ends the reading and comes back") {
  Recorder recorder;
  recorder.stop_at = 3;
  const Status status = ReadJson("[1, 2, 3, 4]", &recorder);
  REQUIRE_FALSE(status.ok());
  CHECK(status.error().message == "stopped here");
  CHECK(recorder.lines.size() == 3);
}
