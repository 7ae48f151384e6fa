// The tables that this build may contain; dispatch.cc chooses among them. Private to kernels/.
#pragma once

#include "kernels/kernels.h"

namespace parley {

extern const KernelTable kScalarKernels;

}  // namespace parley
