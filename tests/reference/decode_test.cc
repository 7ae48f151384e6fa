// The reference's decoders against formulas on hand-made blocks, and against every f16 there is.
#include "reference/decode.h"

#include <bit>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <cstring>
#include <vector>

#include "support/decoded_blocks.h"

namespace parley::reference {
namespace {

std::vector<float> MustDecode(DType type, const std::vector<uint8_t>& bytes, size_t count) {
  std::vector<float> values(count);
  const Status status = Decode(type, bytes, values);
  INFO(status.error().message);
  REQUIRE(status.ok());
  return values;
}

TEST_CASE("F32 is taken as it is") {
  const float values[] = {1.5f, -0.0f, 3e38f};
  std::vector<uint8_t> bytes(sizeof(values));
  std::memcpy(bytes.data(), values, sizeof(values));
  const std::vector<float> decoded = MustDecode(DType::kF32, bytes, 3);
  CHECK(std::memcmp(decoded.data(), values, sizeof(values)) == 0);
}

TEST_CASE("Every F16 is decoded to its value") {
  std::vector<uint8_t> bytes;
  for (uint32_t code = 0; code < 65536; ++code) {
    bytes.push_back(static_cast<uint8_t>(code));
    bytes.push_back(static_cast<uint8_t>(code >> 8));
  }
  const std::vector<float> decoded = MustDecode(DType::kF16, bytes, 65536);
  for (uint32_t code = 0; code < 65536; ++code) {
    // The value as a sum of its bits' weights (IEEE 754-2008, section 3.4).
    const uint32_t exponent = code >> 10 & 31;
    double fraction = exponent == 0 ? 0 : 1;
    for (int bit = 0; bit < 10; ++bit) {
      if ((code >> bit & 1) != 0) fraction += std::pow(2.0, bit - 10);
    }
    const int power = exponent == 0 ? -14 : static_cast<int>(exponent) - 15;
    double expected = fraction * std::pow(2.0, power);
    if (exponent == 31) expected = (code & 1023) == 0 ? INFINITY : NAN;
    if (code >> 15 != 0) expected = -expected;
    const float value = decoded[code];
    if (std::isnan(expected)) {
      REQUIRE(std::isnan(value));
    } else {
      REQUIRE(value == expected);
      REQUIRE(std::signbit(value) == (code >> 15 != 0));
    }
  }
}

TEST_CASE("BF16 is the upper half of an F32") {
  const std::vector<float> decoded = MustDecode(DType::kBF16, {0x80, 0x3f, 0x20, 0xc0}, 2);
  CHECK(decoded[0] == 1.0f);
  CHECK(decoded[1] == -2.5f);
}

TEST_CASE("Q8_0: scale times signed code") {
  std::vector<uint8_t> bytes = {0x00, 0x38};  // 0.5
  for (int i = 0; i < 32; ++i) bytes.push_back(static_cast<uint8_t>(i * 8 - 128));
  const std::vector<float> decoded = MustDecode(DType::kQ8_0, bytes, 32);
  for (int i = 0; i < 32; ++i) {
    CHECK(decoded[static_cast<size_t>(i)] == 0.5f * static_cast<float>(i * 8 - 128));
  }
}

TEST_CASE("Q4_0: low halves first, then high halves, eight taken off") {
  std::vector<uint8_t> bytes = {0x00, 0xc0};  // -2
  for (int i = 0; i < 16; ++i) bytes.push_back(static_cast<uint8_t>(i | (15 - i) << 4));
  const std::vector<float> decoded = MustDecode(DType::kQ4_0, bytes, 32);
  for (int i = 0; i < 16; ++i) {
    CHECK(decoded[static_cast<size_t>(i)] == -2.0f * static_cast<float>(i - 8));
    CHECK(decoded[static_cast<size_t>(i + 16)] == -2.0f * static_cast<float>(7 - i));
  }
}

TEST_CASE("Blocks of every other type have the values of ggml's reference") {
  const std::vector<test::DecodedBlock> golden = test::DecodedBlocks();
  REQUIRE(golden.size() > 100);
  for (const test::DecodedBlock& block : golden) {
    INFO(block.name);
    const std::vector<float> values = MustDecode(block.type, block.bytes, block.bits.size());
    std::vector<uint32_t> bits;
    for (const float value : values) bits.push_back(std::bit_cast<uint32_t>(value));
    CHECK(bits == block.bits);
  }
}

TEST_CASE("Wrong sizes and other types are errors") {
  std::vector<float> values(32);
  const std::vector<uint8_t> bytes(34);
  CHECK(Decode(DType::kQ8_0, bytes, values).ok());
  CHECK(Decode(DType::kQ8_0, std::span(bytes).first(33), values).error().code == Code::kBadShape);
  CHECK(Decode(DType::kQ8_0, bytes, std::span(values).first(31)).error().code == Code::kBadShape);
  CHECK(Decode(DType::kQ8_K, bytes, values).error().code == Code::kUnsupportedModel);
}

}  // namespace
}  // namespace parley::reference
