// The decoders of quantize.h: each type's block as ggml lays it out (ggml-common.h), its values by
// the operations of ggml's dequantize_row_*, each rounded.
#include <cstring>

#include "base/half.h"
#include "base/result.h"
#include "kernels/kernels.h"
#include "kernels/quantize.h"

namespace parley {
namespace {

uint16_t Load16(const uint8_t* bytes) {
  uint16_t value;
  std::memcpy(&value, bytes, sizeof(value));
  return value;
}

float LoadHalf(const uint8_t* bytes) { return F16ToF32(Load16(bytes)); }

void DecodeF32(const uint8_t* value, float* out) { std::memcpy(out, value, sizeof(float)); }
void DecodeF16(const uint8_t* value, float* out) { *out = LoadHalf(value); }
void DecodeBF16(const uint8_t* value, float* out) { *out = Bf16ToF32(Load16(value)); }

// Scale f16, 32 signed codes.
void DecodeQ8_0(const uint8_t* block, float* out) {
  const float scale = LoadHalf(block);
  for (uint32_t i = 0; i < kBlock; ++i) {
    out[i] = static_cast<float>(static_cast<int8_t>(block[2 + i])) * scale;
  }
}

// Code i of 32: 16 bytes with codes 0 to 15 in their low halves, codes 16 to 31 in the high ones.
uint32_t Nibble(const uint8_t* nibbles, uint32_t i) { return nibbles[i % 16] >> i / 16 * 4 & 15; }

// Scale f16, nibbles.
void DecodeQ4_0(const uint8_t* block, float* out) {
  const float scale = LoadHalf(block);
  for (uint32_t i = 0; i < kBlock; ++i) {
    out[i] = static_cast<float>(static_cast<int32_t>(Nibble(block + 2, i)) - 8) * scale;
  }
}

// Scale f16, minimum f16, nibbles.
void DecodeQ4_1(const uint8_t* block, float* out) {
  const float scale = LoadHalf(block);
  const float minimum = LoadHalf(block + 2);
  for (uint32_t i = 0; i < kBlock; ++i) {
    out[i] = static_cast<float>(Nibble(block + 4, i)) * scale + minimum;
  }
}

// Code i of 32: four bytes with a fifth bit a code, then nibbles.
uint32_t FiveBits(const uint8_t* bits, uint32_t i) {
  const uint32_t fifth = bits[i / 8] >> i % 8 & 1;
  return Nibble(bits + 4, i) | fifth << 4;
}

// Scale f16, fifth bits, nibbles.
void DecodeQ5_0(const uint8_t* block, float* out) {
  const float scale = LoadHalf(block);
  for (uint32_t i = 0; i < kBlock; ++i) {
    out[i] = static_cast<float>(static_cast<int32_t>(FiveBits(block + 2, i)) - 16) * scale;
  }
}

// Scale f16, minimum f16, fifth bits, nibbles.
void DecodeQ5_1(const uint8_t* block, float* out) {
  const float scale = LoadHalf(block);
  const float minimum = LoadHalf(block + 2);
  for (uint32_t i = 0; i < kBlock; ++i) {
    out[i] = static_cast<float>(FiveBits(block + 4, i)) * scale + minimum;
  }
}

// Scale f16, nibbles that choose from a table (kvalues_iq4nl).
void DecodeIQ4_NL(const uint8_t* block, float* out) {
  static constexpr int8_t kValues[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                         1,    13,   25,  38,  53,  69,  89,  113};
  const float scale = LoadHalf(block);
  for (uint32_t i = 0; i < kBlock; ++i) {
    out[i] = static_cast<float>(kValues[Nibble(block + 2, i)]) * scale;
  }
}

// The K-quants cut 256 values into groups of 16 or 32 with a small integer for a scale each. Their
// codes are packed in planes: group after group takes the next two or four bits of the same bytes.

// 16 bytes, a scale in the low and a minimum in the high half each; 64 bytes of 2-bit codes; scale
// f16 of the scales, scale f16 of the minima.
void DecodeQ2_K(const uint8_t* block, float* out) {
  const uint8_t* codes = block + 16;
  const float scale = LoadHalf(block + 80);
  const float minimum = LoadHalf(block + 82);
  for (uint32_t group = 0; group < 16; ++group) {
    const float group_scale = scale * static_cast<float>(block[group] & 15);
    const float group_minimum = minimum * static_cast<float>(block[group] >> 4);
    const uint8_t* bytes = codes + group / 8 * 32 + group % 2 * 16;
    const uint32_t shift = group % 8 / 2 * 2;
    for (uint32_t i = 0; i < 16; ++i) {
      *out++ = group_scale * static_cast<float>(bytes[i] >> shift & 3) - group_minimum;
    }
  }
}

// 32 bytes with a third bit of each code; 64 bytes of 2-bit codes; 12 bytes of 6-bit scales: eight
// bytes of nibbles, then four with the upper bits; scale f16 of the scales. A code whose third bit
// is clear has 4 taken off.
void DecodeQ3_K(const uint8_t* block, float* out) {
  const uint8_t* scales = block + 96;
  const float scale = LoadHalf(block + 108);
  for (uint32_t group = 0; group < 16; ++group) {
    const uint32_t low = scales[group % 8] >> group / 8 * 4 & 15;
    const uint32_t high = scales[8 + group % 4] >> group / 4 * 2 & 3;
    const float group_scale =
        scale * static_cast<float>(static_cast<int32_t>(low | high << 4) - 32);
    const uint8_t* third_bits = block + group % 2 * 16;
    const uint8_t* bytes = block + 32 + group / 8 * 32 + group % 2 * 16;
    const uint32_t shift = group % 8 / 2 * 2;
    for (uint32_t i = 0; i < 16; ++i) {
      const int32_t offset = (third_bits[i] >> group / 2 & 1) != 0 ? 0 : 4;
      *out++ = group_scale * static_cast<float>((bytes[i] >> shift & 3) - offset);
    }
  }
}

// Scale and minimum of a group of Q4_K and Q5_K, 6 bits each in 12 bytes: groups 0 to 3 lie in the
// low six bits of bytes 0 to 3 and 4 to 7; groups 4 to 7 in the halves of bytes 8 to 11, with their
// upper two bits in those of bytes 0 to 7.
struct GroupScale {
  uint32_t scale;
  uint32_t minimum;
};
GroupScale UnpackScale(const uint8_t* packed, uint32_t group) {
  if (group < 4) return {packed[group] & 63u, packed[group + 4] & 63u};
  const uint32_t lower = packed[group + 4];
  const uint32_t scale_top = packed[group - 4] >> 6;
  const uint32_t minimum_top = packed[group] >> 6;
  return {(lower & 15) | scale_top << 4, lower >> 4 | minimum_top << 4};
}

// Scale f16 of the scales, scale f16 of the minima, 12 bytes of both; 128 bytes of nibbles.
void DecodeQ4_K(const uint8_t* block, float* out) {
  const float scale = LoadHalf(block);
  const float minimum = LoadHalf(block + 2);
  for (uint32_t group = 0; group < 8; ++group) {
    const GroupScale own = UnpackScale(block + 4, group);
    const float group_scale = scale * static_cast<float>(own.scale);
    const float group_minimum = minimum * static_cast<float>(own.minimum);
    const uint8_t* bytes = block + 16 + group / 2 * 32;
    for (uint32_t i = 0; i < 32; ++i) {
      *out++ = group_scale * static_cast<float>(bytes[i] >> group % 2 * 4 & 15) - group_minimum;
    }
  }
}

// As Q4_K, with 32 bytes of fifth bits, a bit a group, before the nibbles.
void DecodeQ5_K(const uint8_t* block, float* out) {
  const float scale = LoadHalf(block);
  const float minimum = LoadHalf(block + 2);
  for (uint32_t group = 0; group < 8; ++group) {
    const GroupScale own = UnpackScale(block + 4, group);
    const float group_scale = scale * static_cast<float>(own.scale);
    const float group_minimum = minimum * static_cast<float>(own.minimum);
    const uint8_t* fifth_bits = block + 16;
    const uint8_t* bytes = block + 48 + group / 2 * 32;
    for (uint32_t i = 0; i < 32; ++i) {
      const uint32_t code = (bytes[i] >> group % 2 * 4 & 15u) | (fifth_bits[i] >> group & 1u) << 4;
      *out++ = group_scale * static_cast<float>(code) - group_minimum;
    }
  }
}

// 128 bytes of nibbles; 64 bytes with the upper two bits; 16 signed scales; scale f16 of the
// scales. 32 is taken off each code.
void DecodeQ6_K(const uint8_t* block, float* out) {
  const uint8_t* scales = block + 192;
  const float scale = LoadHalf(block + 208);
  for (uint32_t group = 0; group < 16; ++group) {
    const float group_scale = scale * static_cast<float>(static_cast<int8_t>(scales[group]));
    const uint8_t* low = block + group / 8 * 64 + group % 4 * 16;
    const uint8_t* high = block + 128 + group / 8 * 32 + group % 2 * 16;
    for (uint32_t i = 0; i < 16; ++i) {
      const uint32_t code =
          (low[i] >> group % 8 / 4 * 4 & 15u) | (high[i] >> group % 8 / 2 * 2 & 3u) << 4;
      *out++ = group_scale * static_cast<float>(static_cast<int32_t>(code) - 32);
    }
  }
}

using RowDecoder = void (*)(const DTypeTraits& traits, const uint8_t* row, uint64_t count,
                            float* out);

template <void (*decode_block)(const uint8_t* block, float* out)>
void DecodeBlocks(const DTypeTraits& traits, const uint8_t* row, uint64_t count, float* out) {
  for (uint64_t i = 0; i < count; i += traits.block_values) {
    decode_block(row, out + i);
    row += traits.block_bytes;
  }
}

// Null for types that are not decoded.
RowDecoder FindDecoder(DType type) {
  switch (type) {
    case DType::kF32:
      return DecodeBlocks<DecodeF32>;
    case DType::kF16:
      return DecodeBlocks<DecodeF16>;
    case DType::kBF16:
      return DecodeBlocks<DecodeBF16>;
    case DType::kQ8_0:
      return DecodeBlocks<DecodeQ8_0>;
    case DType::kQ4_0:
      return DecodeBlocks<DecodeQ4_0>;
    case DType::kQ4_1:
      return DecodeBlocks<DecodeQ4_1>;
    case DType::kQ5_0:
      return DecodeBlocks<DecodeQ5_0>;
    case DType::kQ5_1:
      return DecodeBlocks<DecodeQ5_1>;
    case DType::kIQ4_NL:
      return DecodeBlocks<DecodeIQ4_NL>;
    case DType::kQ2_K:
      return DecodeBlocks<DecodeQ2_K>;
    case DType::kQ3_K:
      return DecodeBlocks<DecodeQ3_K>;
    case DType::kQ4_K:
      return DecodeBlocks<DecodeQ4_K>;
    case DType::kQ5_K:
      return DecodeBlocks<DecodeQ5_K>;
    case DType::kQ6_K:
      return DecodeBlocks<DecodeQ6_K>;
    default:
      return nullptr;
  }
}

}  // namespace

bool CanDecode(DType type) { return FindDecoder(type) != nullptr; }

void DecodeRow(DType type, const uint8_t* row, uint64_t count, float* out) {
  const RowDecoder decode = FindDecoder(type);
  CHECK(decode != nullptr);
  const DTypeTraits& traits = *GetDTypeTraits(static_cast<uint32_t>(type));
  CHECK(count % traits.block_values == 0);
  decode(traits, row, count, out);
}

}  // namespace parley
