// Which loops belong to which table; those of the instructions that every build of this program
// has.
#include "peak.h"

#include <string_view>

#include "kernels/simd_scalar.h"
#include "peak_loops.h"
#if defined(PARLEY_X86_KERNELS)
#include "kernels/simd_x86.h"
#elif defined(PARLEY_WASM_KERNELS)
#include "kernels/simd_wasm.h"
#endif

namespace parley::bench {
namespace {

constexpr Peaks kPeaks[] = {
    MakePeaks<ScalarSimd>("scalar", "s8 x s8"),
#if defined(PARLEY_X86_KERNELS)
    MakePeaks<X86Simd>("sse41", "s16 pairs; Q4_0: u8 x s8 pairs in 16 bits"),
#elif defined(PARLEY_WASM_KERNELS)
    MakePeaks<WasmSimd128>("wasm_simd128", "s16 pairs"),
#if defined(__wasm_relaxed_simd__)
    MakePeaks<WasmRelaxed<128>>("wasm_relaxed", "u8 x s8"),
    MakePeaks<WasmRelaxed<0>>("wasm_relaxed", "s8 x s8"),
    MakePeaks<WasmRelaxedNibbles>("wasm_relaxed", "s16 pairs; Q4_0: u8 x s8 pairs in 16 bits"),
#endif
#endif
};

bool IsOf(const Peaks& peaks, const KernelTable& table) {
  using std::string_view;
  return string_view(peaks.table) == table.name && string_view(peaks.dot) == table.dot;
}

}  // namespace

const Peaks* PeaksOf(const KernelTable& table) {
  for (const Peaks& peaks : kPeaks) {
    if (IsOf(peaks, table)) return &peaks;
  }
#if defined(PARLEY_X86_KERNELS)
  for (const Peaks* peaks : {&kAvx2Peaks, &kAvxVnniPeaks}) {
    if (IsOf(*peaks, table)) return peaks;
  }
#endif
  return nullptr;
}

}  // namespace parley::bench
