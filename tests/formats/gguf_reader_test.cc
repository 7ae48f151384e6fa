// Lawful GGUF headers: every type of value, lookup, prefixes. Faults are in gguf_faults_test.cc.
#include "formats/gguf_reader.h"

#include <catch2/catch_test_macros.hpp>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "formats/gguf_source.h"
#include "support/gguf_file.h"

using parley::Code;
using parley::GgufHeader;
using parley::GgufType;
using namespace parley::test;

namespace {

GgufHeader Parse(const std::vector<uint8_t>& bytes) {
  auto header = GgufHeader::Parse(bytes, bytes.size());
  INFO(header.error().message);
  REQUIRE(header.ok());
  return std::move(*header);
}

}  // namespace

TEST_CASE("a GGUF header gives integers of every width where they fit") {
  GgufFile file;
  file.entries = {{.key = "u8", .type = 0, .value = Little(uint8_t{200})},
                  {.key = "i8", .type = 1, .value = Little(int8_t{-100})},
                  {.key = "u16", .type = 2, .value = Little(uint16_t{60000})},
                  {.key = "i16", .type = 3, .value = Little(int16_t{300})},
                  {.key = "u32", .type = 4, .value = Little(uint32_t{4000000000u})},
                  {.key = "i32", .type = 5, .value = Little(int32_t{2000000000})},
                  {.key = "u64", .type = 10, .value = Little(~uint64_t{0})},
                  {.key = "i64", .type = 11, .value = Little(int64_t{1} << 40)}};
  const GgufHeader header = Parse(file.Build().bytes);
  CHECK(*header.GetUint("u8", 0) == 200);
  CHECK(header.GetUint("i8", 0).error().code == Code::kBadType);
  CHECK(*header.GetUint("u16", 0) == 60000);
  CHECK(*header.GetUint("i16", 0) == 300);
  CHECK(*header.GetUint("u32", 0) == 4000000000u);
  CHECK(*header.GetUint("i32", 0) == 2000000000);
  CHECK(*header.GetUint("u64", 0) == ~uint64_t{0});
  CHECK(*header.GetUint("i64", 0) == uint64_t{1} << 40);
  CHECK(*header.GetUint("absent", 7) == 7);
  CHECK(header.Has("u8"));
  CHECK_FALSE(header.Has("absent"));
}

TEST_CASE("a GGUF header gives floats, bools, strings and arrays") {
  GgufFile file;
  file.entries = {
      {.key = "f32", .type = 6, .value = Little(0.5f)},
      {.key = "f64", .type = 12, .value = Little(-0.25)},
      {.key = "yes", .type = 7, .value = {1}},
      TextEntry("text", std::string("a\0b", 3)),
      ArrayEntry("texts", kGgufString, 3, GgufBytes().Text("one").Text("").Text("three").Take()),
      ArrayEntry("i8s", 1, 2, {0xff, 5}),
      ArrayEntry("u32s", kGgufU32, 2, GgufBytes().Put(1u).Put(0x7fffffffu).Take()),
      ArrayEntry("i64s", 11, 1, Little(int64_t{-2147483648})),
      ArrayEntry("none", kGgufString, 0, {})};
  const GgufHeader header = Parse(file.Build().bytes);
  CHECK(*header.GetFloat("f32", 0) == 0.5);
  CHECK(*header.GetFloat("f64", 0) == -0.25);
  CHECK(*header.GetFloat("absent", 2) == 2);
  CHECK(*header.GetBool("yes", false));
  CHECK(*header.GetBool("absent", true));
  CHECK(*header.GetString("text", "") == std::string_view("a\0b", 3));
  CHECK(*header.GetString("absent", "fallback") == "fallback");
  const auto texts = header.GetStrings("texts");
  REQUIRE(texts.ok());
  REQUIRE(texts->size() == 3);
  CHECK((*texts)[0] == "one");
  CHECK((*texts)[1].empty());
  CHECK((*texts)[2] == "three");
  CHECK(header.GetStrings("none")->empty());
  CHECK(header.GetStrings("absent")->empty());
  const auto i8s = header.GetInts("i8s");
  REQUIRE(i8s.ok());
  CHECK((*i8s)[0] == -1);
  CHECK((*i8s)[1] == 5);
  CHECK((*header.GetInts("u32s"))[1] == 0x7fffffff);
  CHECK((*header.GetInts("i64s"))[0] == INT32_MIN);
}

TEST_CASE("GGUF tensors have their shape slowest first, and their place in the file") {
  GgufFile file;
  file.tensors = {{.name = "matrix", .dims = {32, 2}, .type = 8, .data = std::vector<uint8_t>(68)},
                  {.name = "vector", .dims = {3}, .data = std::vector<uint8_t>(12)}};
  file.pad_last = false;
  const auto built = file.Build();
  const GgufHeader header = Parse(built.bytes);
  const parley::TensorInfo* matrix = header.FindTensor("matrix");
  REQUIRE(matrix != nullptr);
  CHECK(matrix->n_dims == 2);
  CHECK(matrix->shape[0] == 2);
  CHECK(matrix->shape[1] == 32);
  CHECK(matrix->type == parley::DType::kQ8_0);
  CHECK(matrix->offset == built.at.at("data 0"));
  CHECK(matrix->bytes == 68);
  const parley::TensorInfo* vector = header.FindTensor("vector");
  REQUIRE(vector != nullptr);
  CHECK(vector->offset == built.at.at("data 1"));
  CHECK(vector->bytes == 12);
  CHECK(header.FindTensor("matri") == nullptr);
  CHECK(header.data_offset() == built.at.at("data"));
}

TEST_CASE("a GGUF header outlives the bytes that it was parsed from") {
  auto bytes = SmallestModel().Build().bytes;
  const GgufHeader header = Parse(bytes);
  std::fill(bytes.begin(), bytes.end(), uint8_t{0xee});
  CHECK(*header.GetString("general.architecture", "") == "gpt2");
  CHECK(header.FindTensor("token_embd.weight") != nullptr);
  CHECK((*header.GetStrings("tokenizer.ggml.tokens"))[65] == "A");
}

TEST_CASE("a prefix is enough once it holds the header, and TRUNCATED before") {
  const auto built = SmallestModel().Build();
  const std::span<const uint8_t> file(built.bytes);
  const size_t header_end = built.at.at("header end");
  for (size_t size = 0; size < header_end; ++size) {
    const auto header = GgufHeader::Parse(file.first(size), file.size());
    INFO(size);
    REQUIRE_FALSE(header.ok());
    REQUIRE(header.error().code == Code::kTruncated);
  }
  CHECK(GgufHeader::Parse(file.first(header_end), file.size()).ok());
  CHECK(GgufHeader::Parse(file, file.size() - 1).error().code == Code::kBadArg);
}

TEST_CASE("a header larger than the first attempt is read from a source") {
  GgufFile file = SmallestModel();
  for (int i = 0; i < 10; ++i)
    file.entries.push_back(TextEntry("filler" + std::to_string(i), std::string(50000, 'x')));
  const auto built = file.Build();
  parley::MemorySource source(built.bytes);
  const auto header = parley::ReadGgufHeader(&source);
  INFO(header.error().message);
  REQUIRE(header.ok());
  CHECK(header->GetString("filler9", "")->size() == 50000);
  parley::MemorySource nothing({});
  CHECK(parley::ReadGgufHeader(&nothing).error().code == Code::kTruncated);
}

TEST_CASE("refusing a GGUF file takes little memory for its size") {
  // As many of the smallest entries as fit, the last one cut: at most 4 bytes for each of the
  // file's, and 1 MiB.
  GgufFile file;
  for (int i = 0; i < 60000; ++i) {
    file.entries.push_back({.key = std::to_string(i), .type = kGgufU8, .value = {0}});
  }
  auto bytes = file.Build().bytes;
  bytes.pop_back();
  const uint64_t before = parley::GetAllocationCounts().live_bytes;
  parley::ResetAllocationPeak();
  CHECK(GgufHeader::Parse(bytes, bytes.size()).error().code == Code::kTruncated);
  CHECK(parley::GetAllocationCounts().peak_bytes - before <= 4 * bytes.size() + (1 << 20));
  CHECK(parley::GetAllocationCounts().live_bytes == before);
}
