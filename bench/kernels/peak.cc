// Which loops belong to which table, and those of WebAssembly.
#include "peak.h"

#include <string_view>

#if defined(PARLEY_WASM_KERNELS)
#include "kernels/simd_wasm.h"
#include "peak_loops.h"
#endif

namespace parley::bench {
namespace {

[[maybe_unused]] bool IsOf(const Peaks& peaks, const KernelTable& table) {
  using std::string_view;
  return string_view(peaks.table) == table.name && string_view(peaks.dot) == table.dot;
}

#if defined(PARLEY_WASM_KERNELS)
constexpr Peaks kWasmPeaks[] = {
    MakePeaks<WasmSimd128>("wasm_simd128", "s16 pairs"),
#if defined(__wasm_relaxed_simd__)
    MakePeaks<WasmRelaxed<128>>("wasm_relaxed", "u8 x s8"),
    MakePeaks<WasmRelaxed<0>>("wasm_relaxed", "s8 x s8"),
    MakePeaks<WasmRelaxedNibbles>("wasm_relaxed", "s16 pairs; Q4_0: u8 x s8 pairs in 16 bits"),
#endif
};
#endif

}  // namespace

const Peaks* PeaksOf([[maybe_unused]] const KernelTable& table) {
#if defined(PARLEY_X86_KERNELS)
  for (const Peaks* peaks : {&kSse41Peaks, &kAvx2Peaks, &kAvxVnniPeaks}) {
    if (IsOf(*peaks, table)) return __builtin_cpu_supports("avx2") ? peaks : nullptr;
  }
#elif defined(PARLEY_WASM_KERNELS)
  for (const Peaks& peaks : kWasmPeaks) {
    if (IsOf(peaks, table)) return &peaks;
  }
#endif
  return nullptr;
}

}  // namespace parley::bench
