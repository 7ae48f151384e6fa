// The kernels for processors with AVX2: products of eight columns at once.
#include "kernels/generic.h"
#include "kernels/simd_avx2.h"
#include "kernels/tables.h"

namespace parley {

constinit const KernelTable kAvx2Kernels =
    MakeTable<Avx2Simd>("avx2", "u8 x s8 pairs; Q4_0: in 16 bits");

}  // namespace parley
