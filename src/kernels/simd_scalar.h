// The primitives of a four-lane Simd type in plain C++: what the scalar table runs on, and the
// native emulations of dot products that this machine may not have. Algorithms are in generic*.h.
// Every other Simd type does the same to each lane, bit for bit.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>

namespace parley {
namespace {

struct ScalarLanes {
  struct F {
    float lane[4];
  };
  struct I {
    int32_t lane[4];
  };
  static constexpr int kLanes = 4;

  template <typename V, typename Fn>
  static V Each(Fn fn) {
    V result;
    for (int i = 0; i < 4; ++i) result.lane[i] = fn(i);
    return result;
  }

  static F Load(const float* p) {
    F v;
    std::memcpy(&v, p, sizeof(v));
    return v;
  }
  static void Store(float* p, F v) { std::memcpy(p, &v, sizeof(v)); }
  static F Splat(float x) { return {{x, x, x, x}}; }
  static I Splat(int32_t x) { return {{x, x, x, x}}; }
  template <int32_t kWord>  // in every lane
  static I Constant() {
    return Splat(kWord);
  }

  static F Add(F a, F b) {
    return Each<F>([&](int i) { return a.lane[i] + b.lane[i]; });
  }
  static F Sub(F a, F b) {
    return Each<F>([&](int i) { return a.lane[i] - b.lane[i]; });
  }
  static F Mul(F a, F b) {
    return Each<F>([&](int i) { return a.lane[i] * b.lane[i]; });
  }
  static F Div(F a, F b) {
    return Each<F>([&](int i) { return a.lane[i] / b.lane[i]; });
  }
  // x where it is NaN; else the larger, or the smaller, of the two.
  static F AtLeast(F x, F low) {
    return Each<F>([&](int i) { return x.lane[i] < low.lane[i] ? low.lane[i] : x.lane[i]; });
  }
  static F AtMost(F x, F high) {
    return Each<F>([&](int i) { return high.lane[i] < x.lane[i] ? high.lane[i] : x.lane[i]; });
  }

  static I Add(I a, I b) {
    return Each<I>([&](int i) { return Wrap(uint32_t(a.lane[i]) + uint32_t(b.lane[i])); });
  }
  static I Sub(I a, I b) {
    return Each<I>([&](int i) { return Wrap(uint32_t(a.lane[i]) - uint32_t(b.lane[i])); });
  }
  static I And(I a, I b) {
    return Each<I>([&](int i) { return a.lane[i] & b.lane[i]; });
  }
  static I Max(I a, I b) {
    return Each<I>([&](int i) { return a.lane[i] < b.lane[i] ? b.lane[i] : a.lane[i]; });
  }
  template <int kBits>
  static I ShiftLeft(I a) {
    return Each<I>([&](int i) { return Wrap(uint32_t(a.lane[i]) << kBits); });
  }
  template <int kBits>
  static I ShiftRight(I a) {  // arithmetic
    return Each<I>([&](int i) { return a.lane[i] >> kBits; });
  }
  static I AsInt(F a) { return std::bit_cast<I>(a); }
  static F AsFloat(I a) { return std::bit_cast<F>(a); }
  static F ToFloat(I a) {
    return Each<F>([&](int i) { return static_cast<float>(a.lane[i]); });
  }
  static void Store(int32_t* p, I v) { std::memcpy(p, &v, sizeof(v)); }
  static I LoadSigned16(const uint8_t* p) {  // four 16-bit words, sign-extended
    int16_t words[4];
    std::memcpy(words, p, sizeof(words));
    return {{words[0], words[1], words[2], words[3]}};
  }
  // Lanes within s8, as bytes; within s16, as words.
  static void StoreBytes(int8_t* p, I a, I b, I c, I d) {
    const I parts[4] = {a, b, c, d};
    for (int i = 0; i < 16; ++i) p[i] = static_cast<int8_t>(parts[i / 4].lane[i % 4]);
  }
  static void StoreWords(int16_t* p, I a, I b) {
    for (int i = 0; i < 4; ++i) p[i] = static_cast<int16_t>(a.lane[i]);
    for (int i = 0; i < 4; ++i) p[i + 4] = static_cast<int16_t>(b.lane[i]);
  }

  static int32_t Wrap(uint32_t x) { return static_cast<int32_t>(x); }
};

// Four values of four columns at a time; Product gives the four-value dot product as some
// instruction would.
template <typename Product>
struct ScalarBytes {
  using Code = int8_t;
  struct Weights {
    uint8_t byte[16];
  };
  using Acc = ScalarLanes::I;
  struct Values {
    int8_t value[4];
  };
  static constexpr int kStep = 4;
  static constexpr int kStepsPerChunk = 1;
  static constexpr int kTileTokens = 4;

  static Values SplatCodes(const int8_t* p) {
    Values x;
    std::memcpy(&x, p, sizeof(x));
    return x;
  }
  static Acc Dot(Acc acc, Weights w, Values x) {
    for (int column = 0; column < 4; ++column)
      acc.lane[column] += Product::Sum(w.byte + column * 4, x.value);
    return acc;
  }
  static Acc Finish(Acc acc, int32_t) { return acc; }
};

template <typename Product>
struct ScalarQ8 : ScalarBytes<Product> {
  using typename ScalarBytes<Product>::Weights;
  static constexpr int kBias = Product::kSigned ? 0 : 128;
  static constexpr int kChunkBytes = 32;
  static ScalarLanes::I Start(int32_t sum) { return ScalarLanes::Splat(-kBias * sum); }
  static void LoadWeights(const uint8_t* chunk, Weights (&w)[1][2]) { std::memcpy(w, chunk, 32); }
};

template <typename Product>
struct ScalarQ4 : ScalarBytes<Product> {
  using typename ScalarBytes<Product>::Weights;
  static constexpr int kBias = 8;
  static constexpr int kChunkBytes = 16;
  static ScalarLanes::I Start(int32_t sum) { return ScalarLanes::Splat(-kBias * sum); }
  static void LoadWeights(const uint8_t* chunk, Weights (&w)[1][2]) {
    for (int i = 0; i < 16; ++i) {
      w[0][0].byte[i] = chunk[i] & 15;
      w[0][1].byte[i] = chunk[i] >> 4;
    }
  }
};

// SDOT of Arm: both operands signed, exact.
struct SignedProduct {
  static constexpr bool kSigned = true;
  static int32_t Sum(const uint8_t* w, const int8_t* x) {
    int32_t sum = 0;
    for (int i = 0; i < 4; ++i) sum += static_cast<int8_t>(w[i]) * x[i];
    return sum;
  }
};

struct ScalarSimd : ScalarLanes {
  using Lanes = ScalarLanes;
  using Columns = ScalarLanes;
  using Q8 = ScalarQ8<SignedProduct>;
  using Q4 = ScalarQ4<SignedProduct>;
};

}  // namespace
}  // namespace parley
