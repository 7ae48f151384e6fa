// The kernels for WebAssembly with relaxed SIMD, one table for each way that a processor may read
// the relaxed dot.
#include "kernels/generic.h"
#include "kernels/probe.h"
#include "kernels/simd_wasm.h"
#include "kernels/tables.h"

namespace parley {
namespace {

constexpr KernelTable kUnsignedKernels = MakeTable<WasmRelaxed<128>>("wasm_relaxed", "u8 x s8");
constexpr KernelTable kSignedKernels = MakeTable<WasmRelaxed<0>>("wasm_relaxed", "s8 x s8");
constexpr KernelTable kNibbleKernels =
    MakeTable<WasmRelaxedNibbles>("wasm_relaxed", "s16 pairs; Q4_0: u8 x s8 pairs in 16 bits");

struct RelaxedInstructions {
  static void DotAdd(const int8_t* codes, const uint8_t* weights, const int32_t* sums,
                     int32_t* out) {
    wasm_v128_store(out, wasm_i32x4_relaxed_dot_i8x16_i7x16_add(
                             wasm_v128_load(codes), wasm_v128_load(weights), wasm_v128_load(sums)));
  }
  static void DotPairs(const int8_t* codes, const uint8_t* weights, int16_t* out) {
    wasm_v128_store(
        out, wasm_i16x8_relaxed_dot_i8x16_i7x16(wasm_v128_load(codes), wasm_v128_load(weights)));
  }
};

}  // namespace

RelaxedDot ProbeRelaxedDot() { return Probe<RelaxedInstructions>(); }

const KernelTable* WasmRelaxedKernels(RelaxedDot dot) {
  switch (dot) {
    case RelaxedDot::kUnsigned:
      return &kUnsignedKernels;
    case RelaxedDot::kSigned:
      return &kSignedKernels;
    case RelaxedDot::kNibbles:
      return &kNibbleKernels;
    case RelaxedDot::kNone:
      return nullptr;
  }
  return nullptr;
}

}  // namespace parley
