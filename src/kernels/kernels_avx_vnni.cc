// The kernels for processors with AVX-VNNI, whose vpdpbusd sums four products of bytes at once.
#include "kernels/generic.h"
#include "kernels/simd_x86.h"
#include "kernels/tables.h"

namespace parley {

constinit const KernelTable kAvxVnniKernels =
    MakeTable<X86BytesSimd<AvxVnniDot>>("avx_vnni", "u8 x s8");

}  // namespace parley
