// The primitives of a four-lane Simd type in WebAssembly's simd128, and its dot products: pairs of
// words, and with relaxed SIMD four bytes at once, read as the probe found. Algorithms are in
// generic*.h.
#pragma once

#include <wasm_simd128.h>

#include <cstdint>

namespace parley {
namespace {

struct WasmLanes {
  struct F {
    v128_t v;
  };
  struct I {
    v128_t v;
  };
  static constexpr int kLanes = 4;

  static F Load(const float* p) { return {wasm_v128_load(p)}; }
  static void Store(float* p, F a) { wasm_v128_store(p, a.v); }
  static F Splat(float x) { return {wasm_f32x4_splat(x)}; }
  static I Splat(int32_t x) { return {wasm_i32x4_splat(x)}; }
  // A word in every lane, from memory and through a pointer that the compiler does not see through:
  // V8 makes a v128.const anew wherever it is used, by three instructions, and never moves it out
  // of a loop.
  template <int32_t kWord>
  static I Constant() {
    alignas(16) static constinit const int32_t kWords[4] = {kWord, kWord, kWord, kWord};
    const int32_t* words = kWords;
    asm("" : "+r"(words));
    return {wasm_v128_load(words)};
  }
  static F Add(F a, F b) { return {wasm_f32x4_add(a.v, b.v)}; }
  static F Sub(F a, F b) { return {wasm_f32x4_sub(a.v, b.v)}; }
  static F Mul(F a, F b) { return {wasm_f32x4_mul(a.v, b.v)}; }
  static F Div(F a, F b) { return {wasm_f32x4_div(a.v, b.v)}; }
  // pmax(a, b) is a < b ? b : a and pmin(a, b) is b < a ? b : a: one instruction on x86, unlike max
  // and min.
  static F AtLeast(F x, F low) { return {wasm_f32x4_pmax(x.v, low.v)}; }
  static F AtMost(F x, F high) { return {wasm_f32x4_pmin(x.v, high.v)}; }

  static I Add(I a, I b) { return {wasm_i32x4_add(a.v, b.v)}; }
  static I Sub(I a, I b) { return {wasm_i32x4_sub(a.v, b.v)}; }
  static I And(I a, I b) { return {wasm_v128_and(a.v, b.v)}; }
  static I Max(I a, I b) { return {wasm_i32x4_max(a.v, b.v)}; }
  template <int kBits>
  static I ShiftLeft(I a) {
    return {wasm_i32x4_shl(a.v, kBits)};
  }
  template <int kBits>
  static I ShiftRight(I a) {
    return {wasm_i32x4_shr(a.v, kBits)};
  }
  static I AsInt(F a) { return {a.v}; }
  static F AsFloat(I a) { return {a.v}; }
  static F ToFloat(I a) { return {wasm_f32x4_convert_i32x4(a.v)}; }
  static void Store(int32_t* p, I a) { wasm_v128_store(p, a.v); }
  static I LoadSigned16(const uint8_t* p) { return {wasm_i32x4_load16x4(p)}; }
  static void StoreBytes(int8_t* p, I a, I b, I c, I d) {
    wasm_v128_store(p, wasm_i8x16_narrow_i16x8(wasm_i16x8_narrow_i32x4(a.v, b.v),
                                               wasm_i16x8_narrow_i32x4(c.v, d.v)));
  }
  static void StoreWords(int16_t* p, I a, I b) {
    wasm_v128_store(p, wasm_i16x8_narrow_i32x4(a.v, b.v));
  }
};

// What the policies below share: their accumulators are I, or v128_t of words.
using WasmI = WasmLanes::I;

// Pairs of words, exact everywhere: i32x4.dot_i16x8_s.
struct WasmPairs {
  using Code = int16_t;
  using Weights = v128_t;
  using Acc = WasmI;
  static constexpr int kStep = 2;
  static constexpr int kTileTokens = 5;

  static v128_t SplatCodes(const Code* p) { return wasm_v128_load32_splat(p); }
  static Acc Dot(Acc acc, Weights w, v128_t x) {
    return {wasm_i32x4_add(acc.v, wasm_i32x4_dot_i16x8(w, x))};
  }
  static WasmI Finish(Acc acc, int32_t) { return acc; }
};
struct WasmPairsQ8 : WasmPairs {
  static constexpr int kStepsPerChunk = 1;
  static constexpr int kChunkBytes = 16;
  static constexpr int kBias = 0;
  static Acc Start(int32_t) { return {wasm_i32x4_const_splat(0)}; }
  static void LoadWeights(const uint8_t* chunk, Weights (&w)[1][2]) {
    w[0][0] = wasm_i16x8_load8x8(chunk);
    w[0][1] = wasm_i16x8_load8x8(chunk + 8);
  }
};
struct WasmPairsQ4 : WasmPairs {
  static constexpr int kStepsPerChunk = 2;
  static constexpr int kChunkBytes = 16;
  static constexpr int kBias = 8;
  static Acc Start(int32_t sum) { return {wasm_i32x4_splat(-kBias * sum)}; }
  static void LoadWeights(const uint8_t* chunk, Weights (&w)[2][2]) {
    const v128_t words = wasm_v128_load(chunk);
    const v128_t low_nibbles = WasmLanes::Constant<0x000f000f>().v;
    w[0][0] = wasm_v128_and(words, low_nibbles);
    w[0][1] = wasm_v128_and(wasm_u16x8_shr(words, 4), low_nibbles);
    w[1][0] = wasm_v128_and(wasm_u16x8_shr(words, 8), low_nibbles);
    w[1][1] = wasm_u16x8_shr(words, 12);
  }
};

struct WasmSimd128 : WasmLanes {
  using Lanes = WasmLanes;
  using Columns = WasmLanes;
  using Q8 = WasmPairsQ8;
  using Q4 = WasmPairsQ4;
};

#if defined(__wasm_relaxed_simd__)

// Two vectors of nibbles from 16 bytes. Shifts of words: those of bytes are slow on x86.
inline void LoadNibbles(const uint8_t* chunk, v128_t (&w)[1][2]) {
  const v128_t bytes = wasm_v128_load(chunk);
  const v128_t low_nibbles = WasmLanes::Constant<0x0f0f0f0f>().v;
  w[0][0] = wasm_v128_and(bytes, low_nibbles);
  w[0][1] = wasm_v128_and(wasm_u16x8_shr(bytes, 4), low_nibbles);
}

// Four products of bytes a lane by i32x4.relaxed_dot_i8x16_i7x16_add_s(codes, weights, sum).
struct WasmBytes {
  using Code = int8_t;
  using Weights = v128_t;
  using Acc = WasmI;
  static constexpr int kStep = 4;
  static constexpr int kStepsPerChunk = 1;
  static constexpr int kTileTokens = 6;

  static v128_t SplatCodes(const Code* p) { return wasm_v128_load32_splat(p); }
  static Acc Dot(Acc acc, Weights w, v128_t x) {
    return {wasm_i32x4_relaxed_dot_i8x16_i7x16_add(x, w, acc.v)};
  }
  static WasmI Finish(Acc acc, int32_t) { return acc; }
};
// kWeightBias: 128 where the processor reads weights as u8, 0 where as s8.
template <int kWeightBias>
struct WasmBytesQ8 : WasmBytes {
  static constexpr int kChunkBytes = 32;
  static constexpr int kBias = kWeightBias;
  static Acc Start(int32_t sum) { return {wasm_i32x4_splat(-kBias * sum)}; }
  static void LoadWeights(const uint8_t* chunk, Weights (&w)[1][2]) {
    w[0][0] = wasm_v128_load(chunk);
    w[0][1] = wasm_v128_load(chunk + 16);
  }
};
struct WasmBytesQ4 : WasmBytes {
  static constexpr int kChunkBytes = 16;
  static constexpr int kBias = 8;
  static Acc Start(int32_t sum) { return {wasm_i32x4_splat(-kBias * sum)}; }
  static void LoadWeights(const uint8_t* chunk, Weights (&w)[1][2]) { LoadNibbles(chunk, w); }
};
template <int kWeightBias>
struct WasmRelaxed : WasmLanes {
  using Lanes = WasmLanes;
  using Columns = WasmLanes;
  using Q8 = WasmBytesQ8<kWeightBias>;
  using Q4 = WasmBytesQ4;
};

// Nibbles where the relaxed dot saturates: i16x8.relaxed_dot_i8x16_i7x16_s is one instruction on
// such processors. A pair is at most 2 * 15 * 127 and a block's eight pairs a lane at most 30480,
// so that 16 bits hold them.
struct WasmNibblesQ4 {
  using Code = int8_t;
  using Weights = v128_t;
  using Acc = v128_t;
  static constexpr int kStep = 4;
  static constexpr int kStepsPerChunk = 1;
  static constexpr int kChunkBytes = 16;
  static constexpr int kBias = 8;
  static constexpr int kTileTokens = 4;

  static void LoadWeights(const uint8_t* chunk, Weights (&w)[1][2]) { LoadNibbles(chunk, w); }
  static v128_t SplatCodes(const Code* p) { return wasm_v128_load32_splat(p); }
  static Acc Start(int32_t) { return wasm_i32x4_const_splat(0); }
  static Acc Dot(Acc acc, Weights w, v128_t x) {
    return wasm_i16x8_add(acc, wasm_i16x8_relaxed_dot_i8x16_i7x16(x, w));
  }
  static WasmI Finish(Acc acc, int32_t sum) {
    const v128_t ones = WasmLanes::Constant<0x00010001>().v;
    return {wasm_i32x4_add(wasm_i32x4_dot_i16x8(acc, ones), wasm_i32x4_splat(-kBias * sum))};
  }
};
struct WasmRelaxedNibbles : WasmLanes {
  using Lanes = WasmLanes;
  using Columns = WasmLanes;
  using Q8 = WasmPairsQ8;
  using Q4 = WasmNibblesQ4;
};

#endif  // __wasm_relaxed_simd__

}  // namespace
}  // namespace parley
