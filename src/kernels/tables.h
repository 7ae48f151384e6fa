// The tables that this build may contain; dispatch.cc chooses among them. Private to kernels/.
#pragma once

#include "kernels/kernels.h"

namespace parley {

extern const KernelTable kScalarKernels;

// x86-64
extern const KernelTable kSse41Kernels;
extern const KernelTable kAvx2Kernels;
extern const KernelTable kAvxVnniKernels;

// WebAssembly
extern const KernelTable kWasmSimd128Kernels;
// Builds with relaxed SIMD: how i32x4.relaxed_dot_i8x16_i7x16_add_s treats second operands beyond
// seven bits is the processor's and the browser's choice.
enum class RelaxedDot {
  kUnsigned,  // as u8, exact: vpdpbusd
  kSigned,    // as s8, exact: SDOT, and Arm without it
  kNibbles,   // neither, but exact within seven bits: pmaddubsw saturates
  kNone,      // not even that: a broken engine
};
RelaxedDot ProbeRelaxedDot();
// The table that reads it so. Null for kNone: use kWasmSimd128Kernels.
const KernelTable* WasmRelaxedKernels(RelaxedDot dot);

}  // namespace parley
