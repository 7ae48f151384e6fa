// The kernels for WebAssembly with simd128.
#include "kernels/generic.h"
#include "kernels/simd_wasm.h"
#include "kernels/tables.h"

namespace parley {

constinit const KernelTable kWasmSimd128Kernels =
    MakeTable<WasmSimd128>("wasm_simd128", "s16 pairs");

}  // namespace parley
