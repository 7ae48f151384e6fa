// The kernels of kernels_sse41.cc in AVX's three-operand encoding, which saves moves and broadcasts
// from memory.
#include "kernels/generic.h"
#include "kernels/simd_x86.h"
#include "kernels/tables.h"

namespace parley {

constinit const KernelTable kAvx2Kernels =
    MakeTable<X86Simd>("avx2", "s16 pairs; Q4_0: u8 x s8 pairs in 16 bits");

}  // namespace parley
