// The row codecs against blocks of PyPI's gguf (scripts/golden_quantize.py): the same bytes, and
// the same values back.
#include "kernels/quantize.h"

#include <bit>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "base/half.h"
#include "support/decoded_blocks.h"

using parley::DecodeRow;
using parley::DType;
using parley::EncodeRow;
using parley::RowBytes;
using parley::test::DecodedBlock;
using parley::test::DecodedBlocks;

namespace {

nlohmann::json Golden() {
  std::ifstream file(PARLEY_SOURCE_DIR "/tests/golden/quantize/blocks.json");
  REQUIRE(file.is_open());
  return nlohmann::json::parse(file);
}

// Types that are decoded only; every byte of a block counts in some value.
constexpr DType kDecodedOnly[] = {DType::kQ4_1,   DType::kQ5_0, DType::kQ5_1,
                                  DType::kIQ4_NL, DType::kQ2_K, DType::kQ3_K,
                                  DType::kQ4_K,   DType::kQ5_K, DType::kQ6_K};

std::vector<float> Floats(const nlohmann::json& bits) {
  std::vector<float> values;
  for (const auto& value : bits) values.push_back(std::bit_cast<float>(value.get<uint32_t>()));
  return values;
}

std::string Hex(const std::vector<uint8_t>& bytes) {
  std::string text;
  for (const uint8_t byte : bytes) {
    text += "0123456789abcdef"[byte >> 4];
    text += "0123456789abcdef"[byte & 15];
  }
  return text;
}

std::vector<uint32_t> Bits(const std::vector<float>& values) {
  std::vector<uint32_t> bits;
  for (const float value : values) bits.push_back(std::bit_cast<uint32_t>(value));
  return bits;
}

}  // namespace

TEST_CASE("Q8_0 and Q4_0 blocks have the bytes and values of ggml's reference") {
  const nlohmann::json golden = Golden();
  REQUIRE(golden.size() > 40);
  for (size_t i = 0; i < golden.size(); ++i) {
    const std::vector<float> values = Floats(golden[i]["values"]);
    for (const auto& [type, name] :
         {std::pair(DType::kQ8_0, "q8_0"), std::pair(DType::kQ4_0, "q4_0")}) {
      INFO("block " << i << " as " << name);
      std::vector<uint8_t> bytes(RowBytes(type, 32));
      CHECK(EncodeRow(type, values.data(), 32, bytes.data()));
      CHECK(Hex(bytes) == golden[i][name]["bytes"].get<std::string>());
      std::vector<float> decoded(32);
      DecodeRow(type, bytes.data(), 32, decoded.data());
      CHECK(Bits(decoded) == golden[i][name]["decoded"].get<std::vector<uint32_t>>());
    }
  }
}

TEST_CASE("a row is its blocks one after another") {
  const nlohmann::json golden = Golden();
  std::vector<float> row;
  for (size_t i = 0; i < 5; ++i) {
    for (const float value : Floats(golden[20 + i]["values"])) row.push_back(value);
  }
  for (const auto& [type, name] :
       {std::pair(DType::kQ8_0, "q8_0"), std::pair(DType::kQ4_0, "q4_0")}) {
    std::string expected;
    for (size_t i = 0; i < 5; ++i) expected += golden[20 + i][name]["bytes"].get<std::string>();
    std::vector<uint8_t> bytes(RowBytes(type, row.size()));
    CHECK(EncodeRow(type, row.data(), row.size(), bytes.data()));
    CHECK(Hex(bytes) == expected);
  }
}

TEST_CASE("F32, F16 and BF16 rows are what their halves are") {
  const std::vector<float> values = {0.0f, -0.0f, 1.0f, -2.5f, 65504.0f, 1e-7f, 0.1f};
  std::vector<uint8_t> bytes(4 * values.size());
  std::vector<float> decoded(values.size());
  CHECK(EncodeRow(DType::kF32, values.data(), values.size(), bytes.data()));
  DecodeRow(DType::kF32, bytes.data(), values.size(), decoded.data());
  CHECK(Bits(decoded) == Bits(values));
  CHECK(EncodeRow(DType::kF16, values.data(), values.size(), bytes.data()));
  // From an address that is not aligned.
  bytes.insert(bytes.begin(), 0);
  DecodeRow(DType::kF16, bytes.data() + 1, values.size(), decoded.data());
  for (size_t i = 0; i < values.size(); ++i)
    CHECK(decoded[i] == parley::F16ToF32(parley::F32ToF16(values[i])));
  const uint8_t bf16[] = {0x80, 0x3f, 0x20, 0xc0};  // 1.0 and -2.5
  DecodeRow(DType::kBF16, bf16, 2, decoded.data());
  CHECK(decoded[0] == 1.0f);
  CHECK(decoded[1] == -2.5f);
}

TEST_CASE("values that f16 cannot hold are told of") {
  std::vector<float> values(32, 1.0f);
  std::vector<uint8_t> bytes(64);
  values[9] = 65520.0f;  // rounds to infinity as f16
  CHECK_FALSE(EncodeRow(DType::kF16, values.data(), 32, bytes.data()));
  CHECK(EncodeRow(DType::kQ8_0, values.data(), 32, bytes.data()));
  CHECK(EncodeRow(DType::kQ4_0, values.data(), 32, bytes.data()));
  values[9] = 65520.0f * 8;
  CHECK_FALSE(EncodeRow(DType::kQ4_0, values.data(), 32, bytes.data()));
  values[9] = 65520.0f * 128;
  CHECK_FALSE(EncodeRow(DType::kQ8_0, values.data(), 32, bytes.data()));
  values[9] = std::numeric_limits<float>::max();
  CHECK_FALSE(EncodeRow(DType::kQ8_0, values.data(), 32, bytes.data()));
}

TEST_CASE("blocks whose scale has no finite inverse become zeros") {
  const std::vector<float> values(32, std::numeric_limits<float>::denorm_min());
  for (const DType type : {DType::kQ8_0, DType::kQ4_0}) {
    std::vector<uint8_t> bytes(RowBytes(type, 32));
    CHECK(EncodeRow(type, values.data(), 32, bytes.data()));
    std::vector<float> decoded(32, 1.0f);
    DecodeRow(type, bytes.data(), 32, decoded.data());
    for (const float value : decoded) CHECK(value == 0.0f);
  }
}

TEST_CASE("blocks of the types that are only decoded have the values of ggml's reference") {
  const std::vector<DecodedBlock> golden = DecodedBlocks();
  REQUIRE(golden.size() > 100);
  std::set<DType> types;
  for (const DecodedBlock& block : golden) {
    types.insert(block.type);
    INFO(block.name);
    std::vector<float> values(block.bits.size());
    REQUIRE(RowBytes(block.type, values.size()) == block.bytes.size());
    DecodeRow(block.type, block.bytes.data(), values.size(), values.data());
    CHECK(Bits(values) == block.bits);
  }
  CHECK(types == std::set<DType>(std::begin(kDecodedOnly), std::end(kDecodedOnly)));
}

TEST_CASE("a row of each type is its blocks one after another, from any address") {
  const std::vector<DecodedBlock> golden = DecodedBlocks();
  for (const DType type : kDecodedOnly) {
    std::vector<uint8_t> row = {0};
    std::vector<uint32_t> expected;
    for (const DecodedBlock& block : golden) {
      if (block.type != type) continue;
      row.insert(row.end(), block.bytes.begin(), block.bytes.end());
      expected.insert(expected.end(), block.bits.begin(), block.bits.end());
    }
    std::vector<float> values(expected.size());
    DecodeRow(type, row.data() + 1, values.size(), values.data());
    CHECK(Bits(values) == expected);
  }
}

TEST_CASE("types say which of the codecs they have, and how large their rows are") {
  for (const DType type : {DType::kF32, DType::kF16, DType::kQ8_0, DType::kQ4_0}) {
    CHECK(parley::CanEncode(type));
    CHECK(parley::CanDecode(type));
  }
  CHECK(parley::CanDecode(DType::kBF16));
  CHECK_FALSE(parley::CanEncode(DType::kBF16));
  for (const DType type : kDecodedOnly) {
    CHECK_FALSE(parley::CanEncode(type));
    CHECK(parley::CanDecode(type));
  }
  CHECK_FALSE(parley::CanDecode(DType::kQ8_1));
  CHECK_FALSE(parley::CanDecode(DType::kQ8_K));
  CHECK_FALSE(parley::CanDecode(DType::kI8));
  CHECK(RowBytes(DType::kQ8_0, 64) == 68);
  CHECK(RowBytes(DType::kQ4_0, 64) == 36);
  CHECK(RowBytes(DType::kF16, 3) == 6);
}
