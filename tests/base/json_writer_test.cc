#include "base/json_writer.h"

#include <catch2/catch_test_macros.hpp>

using parley::JsonWriter;

TEST_CASE("JSON is written with commas where they belong") {
  JsonWriter json;
  json.BeginObject();
  json.Key("empty").BeginObject().EndObject();
  json.Key("list")
      .BeginArray()
      .Number(1)
      .BeginArray()
      .EndArray()
      .BeginObject()
      .Key("a")
      .Null()
      .EndObject();
  json.String("x").EndArray();
  json.Key("yes").Bool(true).Key("no").Bool(false);
  json.EndObject();
  CHECK(json.text() == R"({"empty":{},"list":[1,[],{"a":null},"x"],"yes":true,"no":false})");
}

TEST_CASE("integers are written exactly, floats as short as they read back") {
  JsonWriter json;
  json.BeginArray()
      .Number(~uint64_t{0})
      .Number(INT64_MIN)
      .Number(uint8_t{200})
      .Number(0.1)
      .Number(1e300)
      .EndArray();
  CHECK(json.text() == "[18446744073709551615,-9223372036854775808,200,0.1,1e+300]");
}

TEST_CASE("keys and strings are escaped") {
  JsonWriter json;
  json.BeginObject().Key("a\"b").String("line\nback\\slash").EndObject();
  CHECK(json.text() == "{\"a\\\"b\":\"line\\nback\\\\slash\"}");
}
