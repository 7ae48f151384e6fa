// The reference engine's own decoders of stored weights: bytes of a tensor to f32, one block after
// the other as ggml defines them. Shares nothing with kernels/ but the numbers of the types.
#pragma once

#include <cstdint>
#include <span>

#include "base/result.h"
#include "kernels/dtype.h"

namespace parley::reference {

// F32, F16, BF16, Q8_0 and Q4_0. UNSUPPORTED_MODEL for other types, BAD_SHAPE when `bytes` is not
// the size of values.size() values of this type.
Status Decode(DType type, std::span<const uint8_t> bytes, std::span<float> values);

}  // namespace parley::reference
