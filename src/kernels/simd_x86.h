// The primitives of a four-lane Simd type in SSE4.1, or the same in AVX's encoding when compiled
// for it, and SSE4.1's dot products: pairs of words, and saturating pairs of bytes for nibbles.
// Products in wider registers are in simd_avx2.h, algorithms in generic*.h.
#pragma once

#include <immintrin.h>

#include <cstdint>
#include <cstring>

namespace parley {
namespace {

struct X86Lanes {
  using F = __m128;
  using I = __m128i;
  static constexpr int kLanes = 4;

  static F Load(const float* p) { return _mm_loadu_ps(p); }
  static void Store(float* p, F v) { _mm_storeu_ps(p, v); }
  static F Splat(float x) { return _mm_set1_ps(x); }
  static I Splat(int32_t x) { return _mm_set1_epi32(x); }
  template <int32_t kWord>
  static I Constant() {
    return _mm_set1_epi32(kWord);
  }
  static F Add(F a, F b) { return _mm_add_ps(a, b); }
  static F Sub(F a, F b) { return _mm_sub_ps(a, b); }
  static F Mul(F a, F b) { return _mm_mul_ps(a, b); }
  static F Div(F a, F b) { return _mm_div_ps(a, b); }
  // maxps and minps return their second operand where one is NaN.
  static F AtLeast(F x, F low) { return _mm_max_ps(low, x); }
  static F AtMost(F x, F high) { return _mm_min_ps(high, x); }

  static I Add(I a, I b) { return _mm_add_epi32(a, b); }
  static I Sub(I a, I b) { return _mm_sub_epi32(a, b); }
  static I And(I a, I b) { return _mm_and_si128(a, b); }
  static I Max(I a, I b) { return _mm_max_epi32(a, b); }
  template <int kBits>
  static I ShiftLeft(I a) {
    return _mm_slli_epi32(a, kBits);
  }
  template <int kBits>
  static I ShiftRight(I a) {
    return _mm_srai_epi32(a, kBits);
  }
  static I AsInt(F a) { return _mm_castps_si128(a); }
  static F AsFloat(I a) { return _mm_castsi128_ps(a); }
  static F ToFloat(I a) { return _mm_cvtepi32_ps(a); }
  static void Store(int32_t* p, I v) { _mm_storeu_si128(reinterpret_cast<__m128i*>(p), v); }
  static I LoadSigned16(const uint8_t* p) { return _mm_cvtepi16_epi32(LoadHalf(p)); }
  static void StoreBytes(int8_t* p, I a, I b, I c, I d) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p),
                     _mm_packs_epi16(_mm_packs_epi32(a, b), _mm_packs_epi32(c, d)));
  }
  static void StoreWords(int16_t* p, I a, I b) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm_packs_epi32(a, b));
  }

  static I LoadBytes(const uint8_t* p) {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  }
  static I LoadHalf(const uint8_t* p) {
    return _mm_loadl_epi64(reinterpret_cast<const __m128i*>(p));
  }
  // Four bytes, in every lane: one instruction where AVX has it.
  static I SplatWord(const void* p) {
#if defined(__AVX__)
    return _mm_castps_si128(_mm_broadcast_ss(static_cast<const float*>(p)));
#else
    return _mm_set1_epi32(LoadWord(p));
#endif
  }
  // GCC keeps an accumulator in one register before and another after an addition, and then spills,
  // unless told that it changes in place.
  static I InPlace(I accumulator) {
#if !defined(__clang__)
    asm("" : "+x"(accumulator));
#endif
    return accumulator;
  }
  static int32_t LoadWord(const void* p) {
    int32_t word;
    std::memcpy(&word, p, sizeof(word));
    return word;
  }
};

// Q8_0 as words: two products a lane by pmaddwd, exact.
struct X86PairsQ8 {
  using Code = int16_t;
  using Weights = __m128i;
  using Acc = __m128i;
  static constexpr int kStep = 2;
  static constexpr int kStepsPerChunk = 1;
  static constexpr int kChunkBytes = 16;
  static constexpr int kBias = 0;
  static constexpr int kTileTokens = 6;

  static void LoadWeights(const uint8_t* chunk, Weights (&w)[1][2]) {
    w[0][0] = _mm_cvtepi8_epi16(X86Lanes::LoadHalf(chunk));
    w[0][1] = _mm_cvtepi8_epi16(X86Lanes::LoadHalf(chunk + 8));
  }
  static __m128i SplatCodes(const Code* p) { return X86Lanes::SplatWord(p); }
  static Acc Start(int32_t) { return _mm_setzero_si128(); }
  static Acc Dot(Acc acc, Weights w, __m128i x) {
    return X86Lanes::InPlace(_mm_add_epi32(acc, _mm_madd_epi16(w, x)));
  }
  static __m128i Finish(Acc acc, int32_t) { return acc; }
};

// Two vectors of nibbles from 16 bytes: the low ones, the high ones.
inline void LoadNibbles(const uint8_t* chunk, __m128i (&w)[1][2]) {
  const __m128i low_nibbles = _mm_set1_epi8(15);
  const __m128i bytes = X86Lanes::LoadBytes(chunk);
  w[0][0] = _mm_and_si128(bytes, low_nibbles);
  w[0][1] = _mm_and_si128(_mm_srli_epi16(bytes, 4), low_nibbles);
}

// Q4_0 by pmaddubsw: a pair is at most 2 * 15 * 127 and a block's eight pairs a lane at most 30480,
// so that 16 bits hold them and the sum over a block is exact.
struct X86NibblesQ4 {
  using Code = int8_t;
  using Weights = __m128i;
  using Acc = __m128i;  // words
  static constexpr int kStep = 4;
  static constexpr int kStepsPerChunk = 1;
  static constexpr int kChunkBytes = 16;
  static constexpr int kBias = 8;
  static constexpr int kTileTokens = 6;

  static void LoadWeights(const uint8_t* chunk, Weights (&w)[1][2]) { LoadNibbles(chunk, w); }
  static __m128i SplatCodes(const Code* p) { return X86Lanes::SplatWord(p); }
  static Acc Start(int32_t) { return _mm_setzero_si128(); }
  static Acc Dot(Acc acc, Weights w, __m128i x) {
    return X86Lanes::InPlace(_mm_add_epi16(acc, _mm_maddubs_epi16(w, x)));
  }
  static __m128i Finish(Acc acc, int32_t sum) {
    return _mm_add_epi32(_mm_madd_epi16(acc, _mm_set1_epi16(1)), _mm_set1_epi32(-kBias * sum));
  }
};

struct X86Simd : X86Lanes {
  using Lanes = X86Lanes;
  using Columns = X86Lanes;
  using Q8 = X86PairsQ8;
  using Q4 = X86NibblesQ4;
};

}  // namespace
}  // namespace parley
