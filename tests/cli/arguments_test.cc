// The option parser, the catalog's reader and SHA-256, each by itself.
#include "cli/arguments.h"

#include <catch2/catch_test_macros.hpp>
#include <string>
#include <vector>

#include "cli/catalog.h"
#include "cli/sha256.h"

namespace parley {
namespace {

TEST_CASE("Options are bound in every spelling; positional words keep their order") {
  std::string text = "default", first, second;
  uint32_t number = 7;
  bool flag = false;
  std::vector<std::string> all;
  Arguments arguments("test", "A test.",
                      {"one", "--a-text=x=y", "--number", "12", "--flag", "--each", "p", "--each=q",
                       "--", "--two"});
  arguments.Value("a-text", "TEXT", "", &text);
  arguments.Value("number", "N", "", &number);
  arguments.Flag("flag", "", &flag);
  arguments.Value("each", "X", "", [&](std::string_view value) {
    all.emplace_back(value);
    return Status();
  });
  arguments.Value("absent", "X", "", &second);
  arguments.Positional("ONE", "", &first);
  arguments.Positional("TWO", "", &second, true);
  REQUIRE(arguments.Parse());
  CHECK(first == "one");
  CHECK(second == "--two");
  CHECK(text == "x=y");
  CHECK(number == 12);
  CHECK(flag);
  CHECK(all == std::vector<std::string>{"p", "q"});
  CHECK(arguments.Has("a-text"));
  CHECK(arguments.Has("a_text"));
  CHECK_FALSE(arguments.Has("absent"));
}

TEST_CASE("A value may look like an option") {
  for (const char* value : {"--help", "-h", "--", "--text"}) {
    std::string text, word;
    Arguments arguments("test", "", {"--text", value, "--", "--help"});
    arguments.Value("text", "TEXT", "", &text);
    arguments.Positional("WORD", "", &word);
    REQUIRE(arguments.Parse());
    CHECK(text == value);
    CHECK(word == "--help");
  }
}

TEST_CASE("SHA-256 of the standard's examples") {
  const auto hash = [](std::string_view text, size_t piece) {
    Sha256 sha;
    while (!text.empty()) {
      const std::string_view part = text.substr(0, piece);
      sha.Add({reinterpret_cast<const uint8_t*>(part.data()), part.size()});
      text.remove_prefix(part.size());
    }
    return sha.Finish();
  };
  // FIPS 180-2, appendix B, and the empty text.
  CHECK(hash("", 1) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(hash("abc", 3) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  const std::string two = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
  CHECK(hash(two, 56) == "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  const std::string million(1000000, 'a');
  for (size_t piece : {1, 63, 64, 65, 100000}) {
    CHECK(hash(million, piece) ==
          "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  }
}

TEST_CASE("The catalog's entries: id, parts in order, preset as options") {
  const auto catalog = ReadCatalog(R"({"version": 1, "models": [
    {"id": "a", "preset": {"temperature": 0.7, "top_k": 40}, "files": [
      {"url": "a.gguf", "bytes": 5, "parts": [
        {"url": "a.0", "bytes": 3, "sha256": "00"}, {"url": "a.1", "bytes": 2, "sha256": "11"}]},
      {"url": "other", "parts": [{"url": "no", "bytes": 1, "sha256": "22"}]}]},
    {"id": "b", "files": [{"url": "b.gguf", "bytes": 9}]}]})");
  REQUIRE(catalog.ok());
  REQUIRE(catalog->size() == 2);
  const CatalogEntry& a = catalog->at(0);
  CHECK(a.id == "a");
  REQUIRE(a.parts.size() == 2);
  CHECK(a.parts[0].url == "a.0");
  CHECK(a.parts[1].bytes == 2);
  CHECK(a.parts[1].sha256 == "11");
  CHECK(a.preset ==
        std::vector<std::pair<std::string, std::string>>{{"temperature", "0.7"}, {"top_k", "40"}});
  CHECK(catalog->at(1).parts.empty());
  CHECK(ReadCatalog("{\"models\": [").error().code == Code::kBadJson);
  CHECK(ReadCatalog("{\"models\": [{\"id\": 5}]}").error().code == Code::kBadJson);
}

}  // namespace
}  // namespace parley
