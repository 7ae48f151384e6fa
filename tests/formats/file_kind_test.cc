#include "formats/file_kind.h"

#include <catch2/catch_test_macros.hpp>
#include <string>
#include <string_view>

namespace {

std::string Describe(std::string_view text) {
  return parley::DescribeFile({reinterpret_cast<const uint8_t*>(text.data()), text.size()});
}

}  // namespace

TEST_CASE("files are recognised by their first bytes, whatever follows") {
  CHECK(Describe("GGUF\x03") == "a GGUF file");
  CHECK(Describe("\xef\xbb\xbf  <!doctype HTML>") == "an HTML page");
  CHECK(Describe("<HTML") == "an HTML page");
  CHECK(Describe("<?xml version=\"1.0\"?><Error>") == "an HTML page");
  CHECK(Describe("\x89HDF\r\n") == "an HDF5 file, perhaps Keras weights");
  CHECK(Describe(std::string_view("\x1c\x00\x00\x00TFL3", 8)) == "a TensorFlow Lite model");
  CHECK(Describe("\x1f\x8b\x08") == "a gzip file");
}

TEST_CASE("what is not recognised is said to be unknown") {
  for (const std::string_view text : {"", "G", "GGU", "<", "\x08", "\x80", "   ", "<htm"}) {
    INFO(text);
    CHECK(Describe(text) == "an unknown kind of file");
  }
}
