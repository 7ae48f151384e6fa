// Files that the command line reads, and what becomes of one that changes meanwhile.
#include "cli/files.h"

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

#include "base/bytes.h"

namespace parley {
namespace {

// A file of its own for a test, removed behind it.
struct TemporaryFile {
  std::filesystem::path path;
  explicit TemporaryFile(const std::string& text)
      : path(std::filesystem::temp_directory_path() /
             ("parley_files_test_" + std::to_string(reinterpret_cast<uintptr_t>(this)))) {
    std::ofstream(path, std::ios::binary) << text;
  }
  ~TemporaryFile() { std::filesystem::remove(path); }
};

TEST_CASE("G20: A file that shrinks after it was opened is an error, not a wait or old bytes") {
  const TemporaryFile file("0123456789");
  const auto source = OpenFile(file.path.string());
  REQUIRE(source.ok());
  CHECK((*source)->size() == 10);
  std::filesystem::resize_file(file.path, 6);
  std::array<uint8_t, 4> bytes = {};
  REQUIRE((*source)->ReadAt(2, bytes).ok());
  CHECK(std::string(bytes.begin(), bytes.end()) == "2345");
  const auto check_end = [&](uint64_t from, uint64_t end) {
    const Status status = (*source)->ReadAt(from, bytes);
    REQUIRE_FALSE(status.ok());
    CHECK(status.error().code == Code::kIo);
    CHECK(status.error().offset == end);
    CHECK(status.error().message == file.path.string() + " ends before its end was reached");
  };
  check_end(4, 6);  // two of the bytes are there
  check_end(6, 6);
}

}  // namespace
}  // namespace parley
