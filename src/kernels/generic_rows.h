// What is done to rows of f32 values, once for every Simd type: quantizing activations, norms,
// GELU, SwiGLU, rotary positions, exponentials, sums. Reductions run in four lanes, lane i over the
// values i, i + 4, i + 8, ... ascending, and end as (lane 0 + lane 1) + (lane 2 + lane 3), whatever
// the machine's vectors are.
#pragma once

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>

#include "base/exp_f32.h"
#include "kernels/kernels.h"

namespace parley {
namespace {

// Runs a lane-wise function over a whole array; the last lanes go through a padded copy.
template <typename S, typename Fn>
inline void Map(float* x, size_t count, Fn fn) {
  size_t i = 0;
  for (; i + 4 <= count; i += 4) S::Store(x + i, fn(S::Load(x + i)));
  if (i < count) {
    float last[4] = {};
    std::memcpy(last, x + i, (count - i) * sizeof(float));
    S::Store(last, fn(S::Load(last)));
    std::memcpy(x + i, last, (count - i) * sizeof(float));
  }
}

// The sum over an array of what `fn` gives for each value, in the lane order above.
template <typename S, typename Fn>
inline float SumOf(const float* x, size_t count, Fn fn) {
  auto sum = S::Splat(0.0f);
  size_t i = 0;
  for (; i + 4 <= count; i += 4) sum = S::Add(sum, fn(S::Load(x + i)));
  float lanes[4];
  S::Store(lanes, sum);
  if (i < count) {
    float last[4] = {};
    std::memcpy(last, x + i, (count - i) * sizeof(float));
    S::Store(last, fn(S::Load(last)));
    for (size_t lane = 0; i + lane < count; ++lane) lanes[lane] += last[lane];
  }
  return (lanes[0] + lanes[1]) + (lanes[2] + lanes[3]);
}

// A number in every lane, kept in memory where that is cheaper than making it.
template <typename S, int32_t kBits>
inline typename S::F FloatConstant() {
  return S::AsFloat(S::template Constant<kBits>());
}
constexpr int32_t Bits(float x) { return std::bit_cast<int32_t>(x); }

// Exp of base/math.h, operation by operation.
template <typename S>
[[gnu::always_inline]] inline typename S::F VectorExp(typename S::F x) {
  using namespace exp_f32;
  x = S::AtMost(x, FloatConstant<S, Bits(kHighest)>());
  x = S::AtLeast(x, FloatConstant<S, Bits(kLowest)>());
  const auto magic = FloatConstant<S, Bits(kRound)>();
  const auto shifted = S::Add(S::Mul(x, FloatConstant<S, Bits(kLog2E)>()), magic);
  const auto n = S::Sub(S::AsInt(shifted), S::AsInt(magic));
  const auto n_float = S::Sub(shifted, magic);
  auto r = S::Sub(x, S::Mul(n_float, FloatConstant<S, Bits(kLn2High)>()));
  r = S::Sub(r, S::Mul(n_float, FloatConstant<S, Bits(kLn2Low)>()));
  auto p = FloatConstant<S, Bits(kC5)>();
  p = S::Add(S::Mul(p, r), FloatConstant<S, Bits(kC4)>());
  p = S::Add(S::Mul(p, r), FloatConstant<S, Bits(kC3)>());
  p = S::Add(S::Mul(p, r), FloatConstant<S, Bits(kC2)>());
  p = S::Add(S::Mul(p, r), FloatConstant<S, Bits(kC1)>());
  p = S::Add(S::Mul(p, r), FloatConstant<S, Bits(kC0)>());
  const auto one = FloatConstant<S, Bits(1.0f)>();
  const auto y = S::Add(S::Add(S::Mul(p, S::Mul(r, r)), r), one);
  const auto half = S::template ShiftRight<1>(n);
  const auto first = S::AsFloat(S::Add(S::template ShiftLeft<23>(half), S::AsInt(one)));
  const auto second = S::AsFloat(S::Add(S::template ShiftLeft<23>(S::Sub(n, half)), S::AsInt(one)));
  return S::Mul(S::Mul(y, first), second);
}

template <typename S>
void ExpRow(float* x, size_t count) {
  Map<S>(x, count, [](auto v) { return VectorExp<S>(v); });
}

// gelu_new(x) = x / 2 (1 + tanh(u)) = x / (1 + exp(-2u)), u = sqrt(2 / pi) (x + 0.044715 x^3):
// Hendrycks & Gimpel 2016.
constexpr float kMinusTwiceRoot = -1.5957691216057308f;  // -2 sqrt(2 / pi)

template <typename S>
void Gelu(float* x, size_t count) {
  Map<S>(x, count, [](auto v) {
    const auto cube = S::Mul(S::Mul(v, v), v);
    const auto inner = S::Add(v, S::Mul(FloatConstant<S, Bits(0.044715f)>(), cube));
    const auto e = VectorExp<S>(S::Mul(FloatConstant<S, Bits(kMinusTwiceRoot)>(), inner));
    return S::Div(v, S::Add(FloatConstant<S, Bits(1.0f)>(), e));
  });
}

// up = silu(gate) * up with silu(g) = g / (1 + exp(-g)): the gated MLP of Shazeer 2020.
template <typename S>
void SwiGlu(float* up, const float* gate, size_t count) {
  const auto gated = [](auto u, auto g) {
    const auto e = VectorExp<S>(S::Sub(FloatConstant<S, Bits(0.0f)>(), g));
    return S::Mul(S::Div(g, S::Add(FloatConstant<S, Bits(1.0f)>(), e)), u);
  };
  size_t i = 0;
  for (; i + 4 <= count; i += 4) S::Store(up + i, gated(S::Load(up + i), S::Load(gate + i)));
  if (i < count) {
    float last[2][4] = {};
    std::memcpy(last[0], up + i, (count - i) * sizeof(float));
    std::memcpy(last[1], gate + i, (count - i) * sizeof(float));
    S::Store(last[0], gated(S::Load(last[0]), S::Load(last[1])));
    std::memcpy(up + i, last[0], (count - i) * sizeof(float));
  }
}

template <typename S>
void AddRow(float* x, const float* y, size_t count) {
  size_t i = 0;
  for (; i + 4 <= count; i += 4) S::Store(x + i, S::Add(S::Load(x + i), S::Load(y + i)));
  for (; i < count; ++i) x[i] += y[i];
}

// y = (x - mean) / sqrt(variance + epsilon) * gain + bias, the variance over deviations from the
// mean.
template <typename S>
void LayerNorm(const float* x, const float* gain, const float* bias, float epsilon, uint32_t tokens,
               uint32_t width, float* y) {
  const float count = static_cast<float>(width);
  for (uint32_t t = 0; t < tokens; ++t, x += width, y += width) {
    const float mean = SumOf<S>(x, width, [](auto v) { return v; }) / count;
    const auto means = S::Splat(mean);
    const float squares = SumOf<S>(x, width, [means](auto v) {
      const auto deviation = S::Sub(v, means);
      return S::Mul(deviation, deviation);
    });
    const float inverse = 1.0f / std::sqrt(squares / count + epsilon);
    const auto inverses = S::Splat(inverse);
    uint32_t i = 0;
    for (; i + 4 <= width; i += 4) {
      const auto normal = S::Mul(S::Sub(S::Load(x + i), means), inverses);
      S::Store(y + i, S::Add(S::Mul(normal, S::Load(gain + i)), S::Load(bias + i)));
    }
    for (; i < width; ++i) y[i] = (x[i] - mean) * inverse * gain[i] + bias[i];
  }
}

// y = x * (1 / sqrt(mean of x^2 + epsilon)) * gain
template <typename S>
void RmsNorm(const float* x, const float* gain, float epsilon, uint32_t tokens, uint32_t width,
             float* y) {
  const float count = static_cast<float>(width);
  for (uint32_t t = 0; t < tokens; ++t, x += width, y += width) {
    const float squares = SumOf<S>(x, width, [](auto v) { return S::Mul(v, v); });
    const float inverse = 1.0f / std::sqrt(squares / count + epsilon);
    const auto inverses = S::Splat(inverse);
    uint32_t i = 0;
    for (; i + 4 <= width; i += 4) {
      S::Store(y + i, S::Mul(S::Mul(S::Load(x + i), inverses), S::Load(gain + i)));
    }
    for (; i < width; ++i) y[i] = x[i] * inverse * gain[i];
  }
}

// One row's rotary positions; a compiler makes vectors of it, and there are few of them.
inline void RotatePairs(float* x, const float* turns, size_t pairs) {
  for (size_t i = 0; i < 2 * pairs; i += 2) {
    const float even = x[i];
    const float odd = x[i + 1];
    x[i] = even * turns[i] - odd * turns[i + 1];
    x[i + 1] = even * turns[i + 1] + odd * turns[i];
  }
}

template <typename S>
bool AllFinite(const float* x, size_t count) {
  // Finite: exponent bits not all ones. As integers, the magnitudes of infinity and NaN are the
  // largest.
  auto largest = S::Splat(int32_t{0});
  const auto magnitude = S::template Constant<0x7fffffff>();
  size_t i = 0;
  for (; i + 4 <= count; i += 4)
    largest = S::Max(largest, S::And(S::AsInt(S::Load(x + i)), magnitude));
  int32_t lanes[4];
  S::Store(lanes, largest);
  for (; i < count; ++i) {
    int32_t bits;
    std::memcpy(&bits, x + i, sizeof(bits));
    lanes[0] = lanes[0] < (bits & 0x7fffffff) ? bits & 0x7fffffff : lanes[0];
  }
  for (const int32_t lane : lanes) {
    if (lane >= 0x7f800000) return false;
  }
  return true;
}

// ---- Quantizing activations ----
//
// A block's scale is amax / 127 with amax its largest magnitude; its codes are x * (127 / amax)
// rounded to nearest, ties to even. A block below 2^-100 is zero. A block with infinity or NaN gets
// scale NaN, so that what depends on it becomes NaN and is found, and codes 0.

constexpr float kSmallestAmax = 0x1p-100f;

// Rounds four values to integers: after adding 1.5 * 2^23 the integer is in the low bits.
template <typename S>
inline typename S::I Round(typename S::F x, typename S::F factor) {
  const auto magic = FloatConstant<S, Bits(12582912.0f)>();
  return S::Sub(S::AsInt(S::Add(S::Mul(x, factor), magic)), S::AsInt(magic));
}

template <typename S, bool kBytes, bool kWords>
inline void QuantizeBlock(const float* x, int8_t* codes, int16_t* wide_codes, float* scale,
                          int32_t* sum) {
  auto largest = S::Splat(int32_t{0});
  const auto magnitude = S::template Constant<0x7fffffff>();
  for (uint32_t i = 0; i < kBlock; i += 4) {
    largest = S::Max(largest, S::And(S::AsInt(S::Load(x + i)), magnitude));
  }
  int32_t lanes[4];
  S::Store(lanes, largest);
  int32_t amax_bits = lanes[0];
  for (int lane = 1; lane < 4; ++lane)
    amax_bits = amax_bits < lanes[lane] ? lanes[lane] : amax_bits;
  float amax;
  std::memcpy(&amax, &amax_bits, sizeof(amax));

  if (amax_bits >= 0x7f800000 || amax < kSmallestAmax) {
    if constexpr (kBytes) std::memset(codes, 0, kBlock * sizeof(int8_t));
    if constexpr (kWords) std::memset(wide_codes, 0, kBlock * sizeof(int16_t));
    *scale = amax_bits >= 0x7f800000 ? std::numeric_limits<float>::quiet_NaN() : 0.0f;
    *sum = 0;
    return;
  }
  const auto factor = S::Splat(127.0f / amax);
  auto sums = S::Splat(int32_t{0});
  for (uint32_t i = 0; i < kBlock; i += 16) {
    const auto a = Round<S>(S::Load(x + i), factor);
    const auto b = Round<S>(S::Load(x + i + 4), factor);
    const auto c = Round<S>(S::Load(x + i + 8), factor);
    const auto d = Round<S>(S::Load(x + i + 12), factor);
    sums = S::Add(sums, S::Add(S::Add(a, b), S::Add(c, d)));
    if constexpr (kBytes) S::StoreBytes(codes + i, a, b, c, d);
    if constexpr (kWords) {
      S::StoreWords(wide_codes + i, a, b);
      S::StoreWords(wide_codes + i + 8, c, d);
    }
  }
  S::Store(lanes, sums);
  *sum = lanes[0] + lanes[1] + lanes[2] + lanes[3];
  *scale = amax / 127.0f;
}

template <typename S>
void QuantizeActivations(const float* x, uint32_t first_token, uint32_t tokens,
                         QuantizedActivations* out) {
  constexpr bool kBytes = sizeof(typename S::Q8::Code) == 1 || sizeof(typename S::Q4::Code) == 1;
  constexpr bool kWords = sizeof(typename S::Q8::Code) == 2 || sizeof(typename S::Q4::Code) == 2;
  const size_t blocks = out->width / kBlock;
  for (size_t block = first_token * blocks; block < (size_t{first_token} + tokens) * blocks;
       ++block, x += kBlock) {
    QuantizeBlock<S, kBytes, kWords>(x, out->codes + block * kBlock,
                                     out->wide_codes + block * kBlock, out->scales + block,
                                     out->sums + block);
  }
}

}  // namespace
}  // namespace parley
