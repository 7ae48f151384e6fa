// The kernels in plain C++: the reference that every other table equals bit for bit.
#include "kernels/generic.h"
#include "kernels/simd_scalar.h"
#include "kernels/tables.h"

namespace parley {

constinit const KernelTable kScalarKernels = MakeTable<ScalarSimd>("scalar", "s8 x s8");

}  // namespace parley
