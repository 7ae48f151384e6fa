// Products of eight columns in one 256-bit register, for processors with AVX2: bytes by pmaddubsw
// on magnitudes, nibbles by the same, and AVX-VNNI. Everything but products stays in the four lanes
// of simd_x86.h, whose order of sums every build shares.
#pragma once

#include <immintrin.h>

#include <cstdint>

#include "kernels/simd_x86.h"

namespace parley {
namespace {

// What a tile does with its eight sums of a row.
struct Avx2Columns {
  using F = __m256;
  using I = __m256i;
  static constexpr int kLanes = 8;

  static F Load(const float* p) { return _mm256_loadu_ps(p); }
  static void Store(float* p, F v) { _mm256_storeu_ps(p, v); }
  static F Splat(float x) { return _mm256_set1_ps(x); }
  template <int32_t kWord>
  static I Constant() {
    return _mm256_set1_epi32(kWord);
  }
  static F Add(F a, F b) { return _mm256_add_ps(a, b); }
  static F Mul(F a, F b) { return _mm256_mul_ps(a, b); }
  static I And(I a, I b) { return _mm256_and_si256(a, b); }
  template <int kBits>
  static I ShiftLeft(I a) {
    return _mm256_slli_epi32(a, kBits);
  }
  static F AsFloat(I a) { return _mm256_castsi256_ps(a); }
  static F ToFloat(I a) { return _mm256_cvtepi32_ps(a); }
  static I LoadSigned16(const uint8_t* p) { return _mm256_cvtepi16_epi32(X86Lanes::LoadBytes(p)); }
};

// What the policies below share: a step is four inputs of eight columns.
struct Avx2Bytes {
  using Code = int8_t;
  using Acc = __m256i;
  static constexpr int kStep = 4;
  static constexpr int kStepsPerChunk = 1;
  static constexpr int kTileTokens = 12;

  static __m256i LoadBytes(const uint8_t* p) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  }
  static __m256i SplatCodes(const Code* p) { return _mm256_set1_epi32(X86Lanes::LoadWord(p)); }
  static Acc InPlace(Acc accumulator) {  // see X86Lanes::InPlace
#if !defined(__clang__)
    asm("" : "+x"(accumulator));
#endif
    return accumulator;
  }
};

// Q8_0: the weight's sign moves to the code, so that pmaddubsw has its unsigned operand. A pair is
// at most 2 * 128 * 127, which 16 bits hold.
struct Avx2MagnitudesQ8 : Avx2Bytes {
  struct Weights {
    __m256i value;
    __m256i magnitude;
  };
  static constexpr int kChunkBytes = 32;
  static constexpr int kBias = 0;

  static void LoadWeights(const uint8_t* chunk, Weights (&w)[1][1]) {
    w[0][0].value = LoadBytes(chunk);
    w[0][0].magnitude = _mm256_abs_epi8(w[0][0].value);
  }
  static Acc Start(int32_t) { return _mm256_setzero_si256(); }
  static Acc Dot(Acc acc, const Weights& w, __m256i x) {
    const __m256i pairs = _mm256_maddubs_epi16(w.magnitude, _mm256_sign_epi8(x, w.value));
    return InPlace(_mm256_add_epi32(acc, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1))));
  }
  static __m256i Finish(Acc acc, int32_t) { return acc; }
};

// The low nibbles of 16 bytes in the lower half, the high ones in the upper.
inline __m256i LoadNibblesOfBoth(const uint8_t* chunk) {
  const __m256i bytes = _mm256_broadcastsi128_si256(X86Lanes::LoadBytes(chunk));
  const __m256i shifts = _mm256_setr_epi64x(0, 0, 4, 4);
  return _mm256_and_si256(_mm256_srlv_epi64(bytes, shifts), _mm256_set1_epi8(15));
}

// Q4_0 as X86NibblesQ4 has it.
struct Avx2NibblesQ4 : Avx2Bytes {
  using Weights = __m256i;  // the accumulator's lanes are words
  static constexpr int kChunkBytes = 16;
  static constexpr int kBias = 8;

  static void LoadWeights(const uint8_t* chunk, Weights (&w)[1][1]) {
    w[0][0] = LoadNibblesOfBoth(chunk);
  }
  static Acc Start(int32_t) { return _mm256_setzero_si256(); }
  static Acc Dot(Acc acc, Weights w, __m256i x) {
    return InPlace(_mm256_add_epi16(acc, _mm256_maddubs_epi16(w, x)));
  }
  static __m256i Finish(Acc acc, int32_t sum) {
    return _mm256_add_epi32(_mm256_madd_epi16(acc, _mm256_set1_epi16(1)),
                            _mm256_set1_epi32(-kBias * sum));
  }
};

struct Avx2Simd : X86Lanes {
  using Lanes = X86Lanes;
  using Columns = Avx2Columns;
  using Q8 = Avx2MagnitudesQ8;
  using Q4 = Avx2NibblesQ4;
};

// Four products of an unsigned weight byte and a signed code a lane, exact: vpdpbusd, or what
// DotBytes does instead.
template <typename DotBytes, int kWeightBias>
struct VnniBytes : Avx2Bytes {
  using Weights = __m256i;
  static constexpr int kBias = kWeightBias;
  static Acc Start(int32_t sum) { return _mm256_set1_epi32(-kBias * sum); }
  static Acc Dot(Acc acc, Weights w, __m256i x) { return InPlace(DotBytes::Dot(acc, w, x)); }
  static __m256i Finish(Acc acc, int32_t) { return acc; }
};
template <typename DotBytes>
struct VnniQ8 : VnniBytes<DotBytes, 128> {
  static constexpr int kChunkBytes = 32;
  static void LoadWeights(const uint8_t* chunk, __m256i (&w)[1][1]) {
    w[0][0] = Avx2Bytes::LoadBytes(chunk);
  }
};
template <typename DotBytes>
struct VnniQ4 : VnniBytes<DotBytes, 8> {
  static constexpr int kChunkBytes = 16;
  static void LoadWeights(const uint8_t* chunk, __m256i (&w)[1][1]) {
    w[0][0] = LoadNibblesOfBoth(chunk);
  }
};
template <typename DotBytes>
struct VnniSimd : X86Lanes {
  using Lanes = X86Lanes;
  using Columns = Avx2Columns;
  using Q8 = VnniQ8<DotBytes>;
  using Q4 = VnniQ4<DotBytes>;
};

#if defined(__AVXVNNI__)
struct AvxVnniDot {
  static __m256i Dot(__m256i acc, __m256i w, __m256i x) {
    return _mm256_dpbusd_avx_epi32(acc, w, x);
  }
};
#endif

}  // namespace
}  // namespace parley
