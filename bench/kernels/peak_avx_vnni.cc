// The loops of AVX-VNNI.
#include "kernels/simd_avx2.h"
#include "peak_loops.h"

namespace parley::bench {

constinit const Peaks kAvxVnniPeaks = MakePeaks<VnniSimd<AvxVnniDot>>("avx_vnni", "u8 x s8");

}  // namespace parley::bench
