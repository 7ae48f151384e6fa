// Decodes tensors value by value from little-endian bytes. Written for reading, not for speed.
#include "reference/decode.h"

#include <bit>
#include <cmath>
#include <string>

namespace parley::reference {
namespace {

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

// The value of each code of a block, by its index: the layouts of ggml-common.h as formulas.

float Float(uint32_t integer) { return static_cast<float>(integer); }
float Float(int32_t integer) { return static_cast<float>(integer); }
int32_t Signed(uint32_t code) { return static_cast<int32_t>(code); }

// Bits [shift, shift + width) of a byte.
uint32_t Bits(uint8_t byte, size_t shift, uint32_t width) {
  return static_cast<uint32_t>(byte) >> shift & ((1u << width) - 1);
}

// Code i of 32: the low four bits of 16 bytes are codes 0-15, the high ones 16-31.
uint32_t Nibble(const uint8_t* bytes, size_t i) { return Bits(bytes[i % 16], i / 16 * 4, 4); }

// {scale f16, codes s8[32]}
float Q8_0(const uint8_t* block, size_t i) {
  return Half(block) * static_cast<float>(static_cast<int8_t>(block[2 + i]));
}

// {scale f16, nibbles}
float Q4_0(const uint8_t* block, size_t i) {
  return Half(block) * Float(Signed(Nibble(block + 2, i)) - 8);
}

// {scale f16, minimum f16, nibbles}
float Q4_1(const uint8_t* block, size_t i) {
  return Half(block) * Float(Nibble(block + 4, i)) + Half(block + 2);
}

// {scale f16, fifth bits u32, nibbles}
float Q5_0(const uint8_t* block, size_t i) {
  const uint32_t fifth = Unsigned32(block + 2) >> i & 1;
  return Half(block) * Float(Signed(Nibble(block + 6, i) + 16 * fifth) - 16);
}

// {scale f16, minimum f16, fifth bits u32, nibbles}
float Q5_1(const uint8_t* block, size_t i) {
  const uint32_t fifth = Unsigned32(block + 4) >> i & 1;
  return Half(block) * Float(Nibble(block + 8, i) + 16 * fifth) + Half(block + 2);
}

// {scale f16, nibbles}: indices of a table
float Iq4Nl(const uint8_t* block, size_t i) {
  static constexpr int kTable[] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                   1,    13,   25,  38,  53,  69,  89,  113};
  return Half(block) * Float(kTable[Nibble(block + 2, i)]);
}

// Codes of two bits: each 32 bytes hold 128 of them, 32 in each pair of bits.
uint32_t TwoBits(const uint8_t* bytes, size_t i) {
  return Bits(bytes[i / 128 * 32 + i % 32], i % 128 / 32 * 2, 2);
}

// Codes of four bits of Q4_K and Q5_K: each 32 bytes hold 64 of them, 32 in each half.
uint32_t FourBits(const uint8_t* bytes, size_t i) {
  return Bits(bytes[i / 64 * 32 + i % 32], i % 64 / 32 * 4, 4);
}

// {scales u4 and minima u4 [16], codes u2[256], scale f16, minimum f16}
float Q2K(const uint8_t* block, size_t i) {
  const float scale = Half(block + 80) * Float(Bits(block[i / 16], 0, 4));
  const float minimum = Half(block + 82) * Float(Bits(block[i / 16], 4, 4));
  return scale * Float(TwoBits(block + 16, i)) - minimum;
}

// {third bits [256], codes u2[256], scales u6[16], scale f16}
float Q3K(const uint8_t* block, size_t i) {
  const size_t group = i / 16;
  const uint8_t* scales = block + 96;
  const uint32_t code = Bits(scales[group % 8], group / 8 * 4, 4) +
                        16 * Bits(scales[8 + group % 4], group / 4 * 2, 2);
  const uint32_t third = Bits(block[i % 32], i / 32, 1);
  const float scale = Half(block + 108) * Float(Signed(code) - 32);
  return scale * Float(Signed(TwoBits(block + 32, i) + 4 * third) - 4);
}

// Scale (and minimum, `second`) u6 of a group of 32: see get_scale_min_k4 of ggml-quants.c.
float GroupScale(const uint8_t* packed, size_t group, bool second) {
  const size_t own = second ? 4 : 0;
  if (group < 4) return Float(Bits(packed[own + group], 0, 6));
  return Float(Bits(packed[4 + group], own, 4) + 16 * Bits(packed[own + group - 4], 6, 2));
}

// {scale f16, minimum f16, scales and minima u6[8], codes u4[256]}
float Q4K(const uint8_t* block, size_t i) {
  const float scale = Half(block) * GroupScale(block + 4, i / 32, false);
  const float minimum = Half(block + 2) * GroupScale(block + 4, i / 32, true);
  return scale * Float(FourBits(block + 16, i)) - minimum;
}

// {scale f16, minimum f16, scales and minima u6[8], fifth bits [256], codes u4[256]}
float Q5K(const uint8_t* block, size_t i) {
  const float scale = Half(block) * GroupScale(block + 4, i / 32, false);
  const float minimum = Half(block + 2) * GroupScale(block + 4, i / 32, true);
  const uint32_t fifth = Bits(block[16 + i % 32], i / 32, 1);
  return scale * Float(FourBits(block + 48, i) + 16 * fifth) - minimum;
}

// {codes' low u4[256], their high u2[256], scales s8[16], scale f16}
float Q6K(const uint8_t* block, size_t i) {
  const uint32_t low = Bits(block[i / 128 * 64 + i % 64], i % 128 / 64 * 4, 4);
  const uint32_t code = low + 16 * TwoBits(block + 128, i);
  const auto group = static_cast<int8_t>(block[192 + i / 16]);
  return Half(block + 208) * static_cast<float>(group) * Float(Signed(code) - 32);
}

using BlockValue = float (*)(const uint8_t* block, size_t i);

template <BlockValue value, size_t block_values, size_t block_bytes>
void DecodeBlocks(const uint8_t* bytes, std::span<float> values) {
  for (size_t i = 0; i < values.size(); ++i) {
    values[i] = value(bytes + i / block_values * block_bytes, i % block_values);
  }
}

struct Decoder {
  DType type;
  size_t block_values;
  size_t block_bytes;
  void (*decode)(const uint8_t* bytes, std::span<float> values);
};

template <BlockValue value, size_t block_values, size_t block_bytes>
constexpr Decoder Blocks(DType type) {
  return {type, block_values, block_bytes, DecodeBlocks<value, block_values, block_bytes>};
}

constexpr Decoder kDecoders[] = {
    {DType::kF32, 1, 4, DecodeF32},        {DType::kF16, 1, 2, DecodeF16},
    {DType::kBF16, 1, 2, DecodeBf16},      Blocks<Q8_0, 32, 34>(DType::kQ8_0),
    Blocks<Q4_0, 32, 18>(DType::kQ4_0),    Blocks<Q4_1, 32, 20>(DType::kQ4_1),
    Blocks<Q5_0, 32, 22>(DType::kQ5_0),    Blocks<Q5_1, 32, 24>(DType::kQ5_1),
    Blocks<Iq4Nl, 32, 18>(DType::kIQ4_NL), Blocks<Q2K, 256, 84>(DType::kQ2_K),
    Blocks<Q3K, 256, 110>(DType::kQ3_K),   Blocks<Q4K, 256, 144>(DType::kQ4_K),
    Blocks<Q5K, 256, 176>(DType::kQ5_K),   Blocks<Q6K, 256, 210>(DType::kQ6_K),
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
  return MakeError(Code::kUnsupportedModel, std::string("the reference engine does not read ") +
                                                (traits != nullptr ? traits->name : "this type"));
}

}  // namespace parley::reference
