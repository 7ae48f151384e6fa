// The kernels for any x86-64 with SSE4.1.
#include "kernels/generic.h"
#include "kernels/simd_x86.h"
#include "kernels/tables.h"

namespace parley {

constinit const KernelTable kSse41Kernels =
    MakeTable<X86Simd>("sse41", "s16 pairs; Q4_0: u8 x s8 pairs in 16 bits");

}  // namespace parley
