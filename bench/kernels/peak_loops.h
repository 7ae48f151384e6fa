// The loops of peak.h for one Simd type. Included by one source file an instruction set.
#pragma once

#include <cstring>

#include "kernels/unroll.h"
#include "peak.h"

namespace parley::bench {
namespace {

volatile uint8_t loop_bytes[48];
volatile int32_t loop_sink;

constexpr int kAccumulators = 10;  // enough to hide the latency of each, and no more than registers

template <typename F>
void Sink(const F& vector) {
  int32_t first;
  std::memcpy(&first, &vector, sizeof(first));
  loop_sink = first;
}

// A broadcast of codes for every row of a panel's columns, as in a tile.
template <typename S, typename Policy>
[[gnu::noinline]] void DotLoop(uint32_t rounds) {
  constexpr int kVectors = kPanelColumns / S::Columns::kLanes;
  uint8_t chunk[32];
  for (int i = 0; i < 32; ++i) chunk[i] = loop_bytes[i];
  typename Policy::Code codes[48];
  for (int i = 0; i < 48; ++i) codes[i] = static_cast<int8_t>(loop_bytes[i]);
  typename Policy::Weights w[Policy::kStepsPerChunk][kVectors];
  Policy::LoadWeights(chunk, w);
  typename Policy::Acc acc[kAccumulators];
  PARLEY_UNROLL
  for (int i = 0; i < kAccumulators; ++i) acc[i] = Policy::Start(i);
  PARLEY_NO_UNROLL
  for (uint32_t round = 0; round < rounds; ++round) {
    // Other codes each time, so that no product is computed before the loop or only once.
    PARLEY_UNROLL
    for (int i = 0; i < kAccumulators; i += kVectors) {
      const auto x = Policy::SplatCodes(codes + (round & 3) * 8 + i);
      PARLEY_UNROLL
      for (int v = 0; v < kVectors; ++v) acc[i + v] = Policy::Dot(acc[i + v], w[0][v], x);
    }
  }
  PARLEY_UNROLL
  for (int i = 0; i < kAccumulators; ++i) Sink(S::Columns::ToFloat(Policy::Finish(acc[i], 1)));
}

// Two vectors of keys and a broadcast of a query for each, as in a tile of attention.
template <typename S>
[[gnu::noinline]] void MultiplyAddLoop(uint32_t rounds) {
  float values[48];
  for (int i = 0; i < 48; ++i) values[i] = loop_bytes[i];
  typename S::F keys[2] = {S::Load(values), S::Load(values + 4)};
  typename S::F acc[kAccumulators];
  PARLEY_UNROLL
  for (int i = 0; i < kAccumulators; ++i) acc[i] = S::Splat(0.0f);
  PARLEY_NO_UNROLL
  for (uint32_t round = 0; round < rounds; ++round) {
    PARLEY_UNROLL
    for (int i = 0; i < kAccumulators; i += 2) {
      const auto query = S::Splat(values[(round & 3) * 8 + i]);
      PARLEY_UNROLL
      for (int g = 0; g < 2; ++g) acc[i + g] = S::Add(acc[i + g], S::Mul(query, keys[g]));
    }
  }
  PARLEY_UNROLL
  for (int i = 0; i < kAccumulators; ++i) Sink(acc[i]);
}

template <typename S>
constexpr Peaks MakePeaks(const char* table, const char* dot) {
  using Lanes = typename S::Lanes;
  constexpr double kLanes = kAccumulators * S::Columns::kLanes;
  return {.table = table,
          .dot = dot,
          .q8 = {DotLoop<S, typename S::Q8>, kLanes * S::Q8::kStep},
          .q4 = {DotLoop<S, typename S::Q4>, kLanes * S::Q4::kStep},
          .f32 = {MultiplyAddLoop<Lanes>, double{kAccumulators} * Lanes::kLanes}};
}

}  // namespace
}  // namespace parley::bench
