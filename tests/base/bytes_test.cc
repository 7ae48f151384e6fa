#include "base/bytes.h"

#include <catch2/catch_test_macros.hpp>
#include <vector>

using parley::ByteReader;
using parley::CheckedAdd;
using parley::CheckedMul;
using parley::CheckedPad;
using parley::Code;
using parley::MemorySource;

namespace {

constexpr uint64_t kMax = ~uint64_t{0};

}  // namespace

TEST_CASE("checked arithmetic is exact up to 2^64 - 1 and refuses what wraps") {
  uint64_t out = 0;
  CHECK(CheckedAdd(kMax - 1, 1, &out));
  CHECK(out == kMax);
  CHECK_FALSE(CheckedAdd(kMax, 1, &out));
  CHECK(CheckedMul(uint64_t{1} << 32, (uint64_t{1} << 32) - 1, &out));
  CHECK(out == kMax - 0xffffffffu);
  CHECK_FALSE(CheckedMul(uint64_t{1} << 32, uint64_t{1} << 32, &out));
  CHECK(CheckedMul(kMax, 1, &out));
  CHECK(CheckedMul(kMax, 0, &out));
  CHECK(out == 0);
  CHECK(CheckedPad(0, 32, &out));
  CHECK(out == 0);
  CHECK(CheckedPad(1, 32, &out));
  CHECK(out == 32);
  CHECK(CheckedPad(32, 32, &out));
  CHECK(out == 32);
  CHECK(CheckedPad(kMax - 31, 32, &out));
  CHECK(out == kMax - 31);
  CHECK_FALSE(CheckedPad(kMax - 30, 32, &out));
  CHECK(CheckedPad(kMax, 1, &out));
  CHECK(out == kMax);
}

TEST_CASE("a reader gives little-endian values and counts from the file's start") {
  const std::vector<uint8_t> bytes = {1, 2, 0, 0, 0, 0x80, 0x3f, 0xff, 9};
  ByteReader reader(bytes, 100);
  CHECK(reader.offset() == 100);
  CHECK(*reader.Read<uint8_t>("a") == 1);
  CHECK(*reader.Read<uint16_t>("b") == 2);
  CHECK(*reader.Read<float>("c") == 1.0f);
  CHECK(*reader.Read<int8_t>("d") == -1);
  CHECK(reader.remaining() == 1);
  CHECK(reader.offset() == 108);
  const auto past = reader.Read<uint16_t>("the last");
  REQUIRE_FALSE(past.ok());
  CHECK(past.error().code == Code::kTruncated);
  CHECK(past.error().offset == 108);
  CHECK(past.error().message == "the last: 2 bytes expected, 1 left");
  CHECK(*reader.Read<uint8_t>("still there") == 9);
}

TEST_CASE("a reader gives bytes and strings within its bounds only") {
  const std::vector<uint8_t> bytes = {2, 0, 0, 0, 0, 0, 0, 0, 'h', 'i', 7};
  {
    ByteReader reader(bytes);
    const auto text = reader.ReadString(2, "text");
    REQUIRE(text.ok());
    CHECK(*text == "hi");
    CHECK(reader.ReadBytes(2, "two").error().code == Code::kTruncated);
    CHECK(reader.Skip(2, "two").error().code == Code::kTruncated);
    CHECK(reader.ReadBytes(0, "none")->empty());
    CHECK(reader.Skip(1, "one").ok());
    CHECK(reader.remaining() == 0);
    CHECK(reader.Skip(kMax, "all").error().code == Code::kTruncated);
  }
  ByteReader reader(bytes);
  const auto over = reader.ReadString(1, "text");
  REQUIRE_FALSE(over.ok());
  CHECK(over.error().code == Code::kLimit);
  CHECK(over.error().offset == 0);
}

TEST_CASE("strings read at once are those read one by one, and fail alike") {
  const std::vector<uint8_t> bytes = {2, 0, 0, 0, 0, 0, 0, 0, 'h', 'i', 0, 0,   0,   0,  0,
                                      0, 0, 0, 3, 0, 0, 0, 0, 0,   0,   0, 'y', 'o', 'u'};
  std::string_view strings[3];
  ByteReader reader(bytes, 100);
  REQUIRE(reader.ReadStrings(3, 3, "text", strings).ok());
  CHECK(strings[0] == "hi");
  CHECK(strings[1].empty());
  CHECK(strings[2] == "you");
  CHECK(reader.remaining() == 0);
  CHECK(ByteReader(bytes).ReadStrings(3, 3, "text", nullptr).ok());

  struct Case {
    size_t n_bytes;
    uint64_t max_length;
    Code code;
    uint64_t offset;  // in the file
  };
  // Too long; cut in the last text, in its length, before it.
  for (const Case& bad : {Case{29, 2, Code::kLimit, 118}, Case{28, 3, Code::kTruncated, 126},
                          Case{25, 3, Code::kTruncated, 118}, Case{18, 3, Code::kTruncated, 118}}) {
    ByteReader cut({bytes.data(), bad.n_bytes}, 100);
    const auto status = cut.ReadStrings(3, bad.max_length, "text", nullptr);
    CHECK(status.error().code == bad.code);
    CHECK(status.error().offset == bad.offset);
  }
  const std::vector<uint8_t> wraps(8, 0xff);  // a length of 2^64 - 1
  CHECK(ByteReader(wraps).ReadStrings(1, kMax, "text", nullptr).error().code == Code::kTruncated);
}

TEST_CASE("a source in memory gives what is there, and IO past its end") {
  const std::vector<uint8_t> bytes = {1, 2, 3};
  MemorySource source(bytes);
  CHECK(source.size() == 3);
  uint8_t out[3] = {};
  CHECK(source.ReadAt(0, out).ok());
  CHECK(out[2] == 3);
  CHECK(source.ReadAt(3, {}).ok());
  CHECK(source.ReadAt(1, out).error().code == Code::kIo);
  CHECK(source.ReadAt(4, {}).error().code == Code::kIo);
  CHECK(source.ReadAt(kMax, out).error().code == Code::kIo);
}
