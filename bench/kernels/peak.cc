// Peaks of this build's dot products; see peak.h. Compiled with the flags of the widest table but
// AVX-VNNI's.
#include "peak.h"

#include "kernels/kernels.h"
#include "kernels/unroll.h"
#if defined(PARLEY_X86_KERNELS)
#include "kernels/simd_avx2.h"
#elif defined(PARLEY_WASM_KERNELS)
#include "kernels/simd_wasm.h"
#else
#include "kernels/simd_scalar.h"
#endif

namespace parley::bench {
namespace {

volatile uint8_t weight_bytes[32];
volatile uint8_t code_bytes[48];
volatile int32_t sink;

// Ten accumulators, enough to hide the latency of each; a broadcast for every row of a panel's
// columns, as in a tile.
template <typename S, typename Policy>
[[gnu::noinline]] void DotLoop(uint32_t rounds) {
  constexpr int kVectors = kPanelColumns / S::Columns::kLanes;
  uint8_t chunk[32];
  for (int i = 0; i < 32; ++i) chunk[i] = weight_bytes[i];
  typename Policy::Code codes[48];
  for (int i = 0; i < 48; ++i) codes[i] = static_cast<int8_t>(code_bytes[i]);
  typename Policy::Weights w[Policy::kStepsPerChunk][kVectors];
  Policy::LoadWeights(chunk, w);
  typename Policy::Acc acc[10];
  PARLEY_UNROLL
  for (int i = 0; i < 10; ++i) acc[i] = Policy::Start(i);
  PARLEY_NO_UNROLL
  for (uint32_t round = 0; round < rounds; ++round) {
    // Other codes each time, so that no product is computed before the loop or only once.
    PARLEY_UNROLL
    for (int i = 0; i < 10; i += kVectors) {
      const auto x = Policy::SplatCodes(codes + (round & 3) * 8 + i);
      PARLEY_UNROLL
      for (int v = 0; v < kVectors; ++v) acc[i + v] = Policy::Dot(acc[i + v], w[0][v], x);
    }
  }
  PARLEY_UNROLL
  for (int i = 0; i < 10; ++i) {
    float lanes[8];
    S::Columns::Store(lanes, S::Columns::ToFloat(Policy::Finish(acc[i], 1)));
    sink = static_cast<int32_t>(lanes[0]);
  }
}

template <typename S, typename Policy>
Peak MakePeak(const char* dot) {
  return {dot, DotLoop<S, Policy>, 10.0 * S::Columns::kLanes * Policy::kStep};
}

}  // namespace

std::vector<Peak> Peaks() {
#if defined(PARLEY_X86_KERNELS)
  return {MakePeak<X86Simd, X86PairsQ8>("s16 pairs, 128 bits"),
          MakePeak<X86Simd, X86NibblesQ4>("u8 x s8 pairs in 16 bits, 128 bits"),
          MakePeak<Avx2Simd, Avx2MagnitudesQ8>("u8 x s8 pairs, 256 bits"),
          MakePeak<Avx2Simd, Avx2NibblesQ4>("u8 x s8 pairs in 16 bits, 256 bits")};
#elif defined(PARLEY_WASM_KERNELS)
  std::vector<Peak> peaks = {MakePeak<WasmSimd128, WasmPairsQ8>("s16 pairs")};
#if defined(__wasm_relaxed_simd__)
  peaks.push_back(MakePeak<WasmRelaxedNibbles, WasmNibblesQ4>("u8 x s8 pairs in 16 bits"));
  peaks.push_back(MakePeak<WasmRelaxed<0>, WasmBytesQ8<0>>("relaxed dot"));
#endif
  return peaks;
#else
  return {MakePeak<ScalarSimd, ScalarSimd::Q8>("s8 x s8")};
#endif
}

}  // namespace parley::bench
