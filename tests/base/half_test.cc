// Every code of both 16-bit floats, and every place where rounding to them changes.
#include "base/half.h"

#include <bit>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <limits>

using parley::Bf16ToF32;
using parley::F16ToF32;
using parley::F32ToBf16;
using parley::F32ToF16;

namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

// IEEE 754-2019, section 3.4: the value of a binary16 code.
float ValueOfF16(uint32_t code) {
  const int exponent = static_cast<int>(code >> 10 & 31);
  const auto mantissa = static_cast<double>(code & 1023);
  const double sign = (code & 0x8000) != 0 ? -1.0 : 1.0;
  if (exponent == 0) return static_cast<float>(sign * std::ldexp(mantissa, -24));
  return static_cast<float>(sign * std::ldexp(1024 + mantissa, exponent - 25));
}

// Rounding at the middle between two neighbours goes to the even one, beside it to the nearer.
template <typename ToHalf>
void CheckMiddle(float lower, float upper, uint16_t lower_code, uint16_t upper_code,
                 ToHalf to_half) {
  const auto middle =
      static_cast<float>((static_cast<double>(lower) + static_cast<double>(upper)) / 2);
  const uint16_t even = (lower_code & 1) == 0 ? lower_code : upper_code;
  bool right = to_half(middle) == even && to_half(std::nextafter(middle, 0.0f)) == lower_code &&
               to_half(std::nextafter(middle, kInfinity)) == upper_code;
  right = right && to_half(-middle) == (even | 0x8000);
  if (!right) FAIL_CHECK("around the middle above code " << lower_code);
}

}  // namespace

TEST_CASE("f16 to f32 is exact for every code, and back") {
  for (uint32_t code = 0; code < 65536; ++code) {
    const auto half = static_cast<uint16_t>(code);
    const float value = F16ToF32(half);
    if ((code & 0x7c00) == 0x7c00) {
      const bool nan = (code & 1023) != 0;
      if (nan != std::isnan(value)) FAIL_CHECK("code " << code);
      if (!nan && value != ((code & 0x8000) != 0 ? -kInfinity : kInfinity))
        FAIL_CHECK("code " << code);
      if (nan && !std::isnan(F16ToF32(F32ToF16(value)))) FAIL_CHECK("code " << code);
      if (!nan && F32ToF16(value) != half) FAIL_CHECK("code " << code);
      continue;
    }
    const float expected = ValueOfF16(code);
    if (std::bit_cast<uint32_t>(value) != std::bit_cast<uint32_t>(expected))
      FAIL_CHECK("code " << code);
    if (F32ToF16(value) != half) FAIL_CHECK("code " << code << " does not come back");
  }
  SUCCEED("all codes");
}

TEST_CASE("f32 to f16 rounds to nearest, ties to even, between every two neighbours") {
  for (uint32_t code = 0; code < 0x7bff; ++code) {
    CheckMiddle(ValueOfF16(code), ValueOfF16(code + 1), static_cast<uint16_t>(code),
                static_cast<uint16_t>(code + 1), F32ToF16);
  }
  // Above the largest, 65504: 65520 is the middle to what would be 65536, and rounds to infinity.
  CHECK(F32ToF16(std::nextafter(65520.0f, 0.0f)) == 0x7bff);
  CHECK(F32ToF16(65520.0f) == 0x7c00);
  CHECK(F32ToF16(std::numeric_limits<float>::max()) == 0x7c00);
  CHECK(F32ToF16(-std::numeric_limits<float>::max()) == 0xfc00);
  CHECK(F32ToF16(std::numeric_limits<float>::denorm_min()) == 0);
  CHECK(F32ToF16(-0.0f) == 0x8000);
}

TEST_CASE("bf16 is the upper half of an f32, rounded to nearest, ties to even") {
  for (uint32_t code = 0; code < 0x7f7f; ++code) {
    const auto half = static_cast<uint16_t>(code);
    const float lower = std::bit_cast<float>(code << 16);
    if (Bf16ToF32(half) != lower || F32ToBf16(lower) != half) FAIL_CHECK("code " << code);
    CheckMiddle(lower, std::bit_cast<float>((code + 1) << 16), half,
                static_cast<uint16_t>(code + 1), F32ToBf16);
  }
  CHECK(F32ToBf16(std::numeric_limits<float>::max()) == 0x7f80);
  CHECK(F32ToBf16(-kInfinity) == 0xff80);
  CHECK(std::isnan(Bf16ToF32(F32ToBf16(std::numeric_limits<float>::quiet_NaN()))));
  CHECK(std::isnan(
      Bf16ToF32(F32ToBf16(std::bit_cast<float>(0x7f800001u)))));  // all of its payload lies below
}
