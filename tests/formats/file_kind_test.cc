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

TEST_CASE("a length that begins like another format is a header's when JSON follows it") {
  const auto file = [](uint32_t length, const std::string& rest) {
    std::string text(8, '\0');
    for (size_t i = 0; i < 4; ++i) text[i] = static_cast<char>(length >> (8 * i));
    return text + rest;
  };
  // Pickles of protocols 2 to 5, gzip, JSON.
  for (const uint32_t length : {640u, 896u, 1152u, 1408u, 640u + (3 << 16), 0x8b1fu, 123u}) {
    INFO(length);
    CHECK(Describe(file(length, "{\"w\":{")) == parley::kSafetensorsKind);
    CHECK(Describe(file(length, "")) != parley::kSafetensorsKind);
    CHECK(Describe(file(length, "(")) != parley::kSafetensorsKind);
  }
  // pickle.dumps(b"abcd{}") and pickle.dumps("\0\0\0\0{}") of protocol 2, as Python 2 writes them.
  CHECK(Describe("\x80\x02U\x06"
                 "abcd{}q\0."sv) == "a Python pickle, perhaps a PyTorch checkpoint");
  CHECK(Describe("\x80\x02U\x06\0\0\0\0{}q\0."sv) ==
        "a Python pickle, perhaps a PyTorch checkpoint");
  // {"{": 1} of protocol 4, whose frame's length stands where a header's does.
  CHECK(Describe("\x80\x04\x95\x0a\0\0\0\0\0\0\0}\x94\x8c\x01{\x94K\x01s."sv) == "a Python pickle");
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
