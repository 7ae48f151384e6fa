// Exact conversions between f32 and the two 16-bit floats of model files, by integer operations on
// the bits, so that every build and processor agrees. No arithmetic on 16-bit values.
#pragma once

#include <bit>
#include <cstdint>

namespace parley {

// IEEE 754 binary16: 1 sign, 5 exponent (bias 15), 10 mantissa bits. Exact: every f16 is an f32.
inline float F16ToF32(uint16_t half) {
  const uint32_t sign = uint32_t{half & 0x8000u} << 16;
  const uint32_t exponent = (half >> 10) & 0x1fu;
  const uint32_t mantissa = half & 0x3ffu;
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7f800000u | mantissa << 13);
  if (exponent == 0) {  // zero and subnormals: mantissa * 2^-24, exact in f32
    const float magnitude = static_cast<float>(mantissa) * 0x1p-24f;
    return std::bit_cast<float>(sign | std::bit_cast<uint32_t>(magnitude));
  }
  return std::bit_cast<float>(sign | (exponent + 112) << 23 | mantissa << 13);
}

// Rounds to nearest, ties to even; beyond 65519.99 to infinity; NaN stays NaN (quiet, upper payload
// kept).
inline uint16_t F32ToF16(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const uint32_t sign = bits >> 16 & 0x8000u;
  const uint32_t magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u)
    return static_cast<uint16_t>(sign | 0x7e00u | (magnitude >> 13 & 0x3ffu));
  if (magnitude >= 0x477ff000u) return static_cast<uint16_t>(sign | 0x7c00u);  // 65520 and above
  uint32_t kept;                   // the result's bits before rounding
  uint32_t dropped;                // the bits below, as a fraction of 2^32
  if (magnitude >= 0x38800000u) {  // 2^-14 and above: a normal f16
    kept = (magnitude >> 13) - (112u << 10);
    dropped = magnitude << 19;
  } else if (magnitude >= 0x33000000u) {  // 2^-25 and above: a subnormal, a multiple of 2^-24
    const uint32_t shift = 126 - (magnitude >> 23);  // 14 to 24
    const uint32_t mantissa = (magnitude & 0x7fffffu) | 0x800000u;
    kept = mantissa >> shift;
    dropped = mantissa << (32 - shift);
  } else {
    return static_cast<uint16_t>(sign);
  }
  const bool up = dropped > 0x80000000u || (dropped == 0x80000000u && (kept & 1) != 0);
  return static_cast<uint16_t>(sign | (kept + (up ? 1 : 0)));
}

// bfloat16: the upper half of an f32. Exact.
inline float Bf16ToF32(uint16_t half) { return std::bit_cast<float>(uint32_t{half} << 16); }

// Rounds to nearest, ties to even; NaN stays NaN (quiet).
inline uint16_t F32ToBf16(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return static_cast<uint16_t>(bits >> 16 | 0x40u);
  return static_cast<uint16_t>((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}

}  // namespace parley
