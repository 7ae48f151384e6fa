// The kernels for processors with AVX-VNNI, whose vpdpbusd sums four products of bytes at once.
#include "kernels/generic.h"
#include "kernels/simd_avx2.h"
#include "kernels/tables.h"

namespace parley {

constinit const KernelTable kAvxVnniKernels =
    MakeTable<VnniSimd<AvxVnniDot>>("avx_vnni", "u8 x s8");

}  // namespace parley
