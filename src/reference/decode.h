// The reference engine's own decoders of stored weights: bytes of a tensor to f32, one block after
// the other as ggml defines them. Shares nothing with kernels/ but the numbers of the types.
#pragma once

#include <cstdint>
#include <span>

#include "base/result.h"
#include "kernels/dtype.h"

namespace parley::reference {

// F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, IQ4_NL and Q2_K to Q6_K. UNSUPPORTED_MODEL for
// other types, BAD_SHAPE when `bytes` is not the size of values.size() values of this type.
Status Decode(DType type, std::span<const uint8_t> bytes, std::span<float> values);

}  // namespace parley::reference
