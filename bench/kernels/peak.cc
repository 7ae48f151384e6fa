// Peaks of this build's dot products; see peak.h. Compiled with the flags of the widest table but
// AVX-VNNI's.
#include "peak.h"

#include "kernels/unroll.h"
#if defined(PARLEY_X86_KERNELS)
#include "kernels/simd_x86.h"
#elif defined(PARLEY_WASM_KERNELS)
#include "kernels/simd_wasm.h"
#else
#include "kernels/simd_scalar.h"
#endif

namespace parley::bench {
namespace {

alignas(16) volatile uint8_t weight_bytes[32];
alignas(16) volatile uint8_t code_bytes[48];
volatile int32_t sink;

// Ten accumulators, enough to hide the latency of each; a broadcast for every two, as in a tile.
template <typename Lanes, typename Policy>
[[gnu::noinline]] void DotLoop(uint32_t rounds) {
  uint8_t chunk[32];
  for (int i = 0; i < 32; ++i) chunk[i] = weight_bytes[i];
  typename Policy::Code codes[48];
  for (int i = 0; i < 48; ++i) codes[i] = static_cast<int8_t>(code_bytes[i]);
  typename Policy::Weights w[Policy::kStepsPerChunk][2];
  Policy::LoadWeights(chunk, w);
  typename Policy::Acc acc[10];
  PARLEY_UNROLL
  for (int i = 0; i < 10; ++i) acc[i] = Policy::Start(i);
  PARLEY_NO_UNROLL
  for (uint32_t round = 0; round < rounds; ++round) {
    // Other codes each time, so that no product is computed before the loop or only once.
    PARLEY_UNROLL
    for (int i = 0; i < 10; i += 2) {
      const auto x = Policy::SplatCodes(codes + (round & 3) * 8 + i);
      acc[i] = Policy::Dot(acc[i], w[0][0], x);
      acc[i + 1] = Policy::Dot(acc[i + 1], w[0][1], x);
    }
  }
  PARLEY_UNROLL
  for (int i = 0; i < 10; ++i) {
    int32_t lanes[4];
    Lanes::Store(lanes, Policy::Finish(acc[i], 1));
    sink = lanes[0];
  }
}

template <typename Lanes, typename Policy>
Peak MakePeak(const char* dot) {
  return {dot, DotLoop<Lanes, Policy>, 10.0 * 4 * Policy::kStep};
}

}  // namespace

std::vector<Peak> Peaks() {
#if defined(PARLEY_X86_KERNELS)
  return {MakePeak<X86Lanes, X86PairsQ8>("s16 pairs"),
          MakePeak<X86Lanes, X86NibblesQ4>("u8 x s8 pairs in 16 bits")};
#elif defined(PARLEY_WASM_KERNELS)
  std::vector<Peak> peaks = {MakePeak<WasmLanes, WasmPairsQ8>("s16 pairs")};
#if defined(__wasm_relaxed_simd__)
  peaks.push_back(MakePeak<WasmLanes, WasmNibblesQ4>("u8 x s8 pairs in 16 bits"));
  peaks.push_back(MakePeak<WasmLanes, WasmBytesQ8<0>>("relaxed dot"));
#endif
  return peaks;
#else
  return {MakePeak<ScalarLanes, ScalarSimd::Q8>("s8 x s8")};
#endif
}

}  // namespace parley::bench
