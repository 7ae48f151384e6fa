#include "formats/file_kind.h"

#include <catch2/catch_test_macros.hpp>
#include <string>
#include <string_view>

using std::string_view_literals::operator""sv;

namespace {

parley::FileKind Recognise(std::string_view text) {
  return parley::RecogniseFile({reinterpret_cast<const uint8_t*>(text.data()), text.size()});
}

std::string Describe(std::string_view text) { return Recognise(text).description; }

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

TEST_CASE("an error says what the file is and what to do") {
  CHECK(NotA("a GGUF file", Recognise("<html>")) ==
        "not a GGUF file but an HTML page: the link leads to a page; take the file's own download "
        "link");
  CHECK(NotA("a GGUF file", Recognise("?")) == "not a GGUF file but an unknown kind of file");
  for (const std::string_view text :
       {"version https://git-lfs.github.com/spec/v1"sv, "PK\x03\x04"sv, "\x80\x02}q"sv,
        "\x08\x07\x12\x07pytorch"sv, "\x1f\x8b"sv, "{"sv, "\x40\0\0\0\0\0\0\0{"sv}) {
    CHECK(std::string_view(Recognise(text).advice) != "");
  }
}
