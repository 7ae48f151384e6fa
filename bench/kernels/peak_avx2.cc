// The loops of AVX2, and of 128 bits in its encoding.
#include "kernels/simd_avx2.h"
#include "peak_loops.h"

namespace parley::bench {

constinit const Peaks kSse41Peaks =
    MakePeaks<X86Simd>("sse41", "s16 pairs; Q4_0: u8 x s8 pairs in 16 bits");
constinit const Peaks kAvx2Peaks = MakePeaks<Avx2Simd>("avx2", "u8 x s8 pairs; Q4_0: in 16 bits");

}  // namespace parley::bench
