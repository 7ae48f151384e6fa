// Decodes tensors value by value from little-endian bytes. Written for reading, not for speed.
#include "reference/decode.h"

#include <bit>
#include <cmath>
#include <string>

namespace parley::reference {
namespace {

constexpr size_t kBlockValues = 32;  // of Q8_0 and Q4_0

uint32_t Unsigned16(const uint8_t* bytes) { return bytes[0] | uint32_t{bytes[1]} << 8; }
uint32_t Unsigned32(const uint8_t* bytes) {
  return Unsigned16(bytes) | Unsigned16(bytes + 2) << 16;
}

// IEEE 754-2008 binary16, section 3.4: (-1)^sign * 2^(exponent - 15) * 1.mantissa.
float Half(const uint8_t* bytes) {
  const uint32_t bits = Unsigned16(bytes);
  const auto exponent = static_cast<int>(bits >> 10 & 31);
  const auto mantissa = static_cast<float>(bits & 1023);
  float magnitude;
  if (exponent == 0) {
    magnitude = std::ldexp(mantissa, -24);
  } else if (exponent == 31) {
    magnitude = mantissa == 0 ? INFINITY : NAN;
  } else {
    magnitude = std::ldexp(1024 + mantissa, exponent - 25);
  }
  return bits >> 15 != 0 ? -magnitude : magnitude;
}

void DecodeF32(const uint8_t* bytes, std::span<float> values) {
  for (float& value : values) {
    value = std::bit_cast<float>(Unsigned32(bytes));
    bytes += 4;
  }
}

void DecodeF16(const uint8_t* bytes, std::span<float> values) {
  for (float& value : values) {
    value = Half(bytes);
    bytes += 2;
  }
}

void DecodeBf16(const uint8_t* bytes, std::span<float> values) {
  for (float& value : values) {
    value = std::bit_cast<float>(Unsigned16(bytes) << 16);
    bytes += 2;
  }
}

// A block of Q8_0: scale f16, then 32 codes s8. value = scale * code
void DecodeQ8(const uint8_t* bytes, std::span<float> values) {
  for (size_t begin = 0; begin < values.size(); begin += kBlockValues) {
    const float scale = Half(bytes);
    bytes += 2;
    for (size_t i = 0; i < kBlockValues; ++i) {
      values[begin + i] = scale * static_cast<float>(static_cast<int8_t>(bytes[i]));
    }
    bytes += kBlockValues;
  }
}

// A block of Q4_0: scale f16, then 16 bytes; the low four bits are values 0-15, the high ones
// 16-31. value = scale * (code - 8)
void DecodeQ4(const uint8_t* bytes, std::span<float> values) {
  for (size_t begin = 0; begin < values.size(); begin += kBlockValues) {
    const float scale = Half(bytes);
    bytes += 2;
    for (size_t i = 0; i < kBlockValues / 2; ++i) {
      values[begin + i] = scale * static_cast<float>((bytes[i] & 15) - 8);
      values[begin + i + 16] = scale * static_cast<float>((bytes[i] >> 4) - 8);
    }
    bytes += kBlockValues / 2;
  }
}

struct Decoder {
  DType type;
  size_t block_values;
  size_t block_bytes;
  void (*decode)(const uint8_t* bytes, std::span<float> values);
};

constexpr Decoder kDecoders[] = {
    {DType::kF32, 1, 4, DecodeF32},
    {DType::kF16, 1, 2, DecodeF16},
    {DType::kBF16, 1, 2, DecodeBf16},
    {DType::kQ8_0, kBlockValues, 34, DecodeQ8},
    {DType::kQ4_0, kBlockValues, 18, DecodeQ4},
};

}  // namespace

Status Decode(DType type, std::span<const uint8_t> bytes, std::span<float> values) {
  for (const Decoder& decoder : kDecoders) {
    if (decoder.type != type) continue;
    if (values.size() % decoder.block_values != 0 ||
        bytes.size() / decoder.block_bytes * decoder.block_values != values.size() ||
        bytes.size() % decoder.block_bytes != 0) {
      return MakeError(Code::kBadShape, std::to_string(bytes.size()) + " bytes do not hold " +
                                            std::to_string(values.size()) + " values");
    }
    decoder.decode(bytes.data(), values);
    return {};
  }
  const DTypeTraits* traits = GetDTypeTraits(static_cast<uint32_t>(type));
  return MakeError(Code::kUnsupportedModel,
                   std::string("the reference engine reads F32, F16, BF16, Q8_0 and Q4_0, not ") +
                       (traits != nullptr ? traits->name : "this type"));
}

}  // namespace parley::reference
