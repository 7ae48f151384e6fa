// Encodes rows of f32 as ggml's types and decodes rows of them, one at a time, with the same bytes
// and values as ggml's reference functions (ggml-quants.c: quantize_row_*_ref, dequantize_row_*).
// For conversion, loading and tests; what the forward pass computes with is packed by the kernel
// tables.
#pragma once

#include <cstdint>

#include "kernels/dtype.h"

namespace parley {

// Bytes of `count` values; count is a multiple of the type's block.
uint64_t RowBytes(DType type, uint64_t count);

// F32, F16, Q8_0, Q4_0.
bool CanEncode(DType type);
// values: [count], finite -> out: RowBytes(type, count). False when a value or a block's scale
// exceeds what f16 holds; out is written all the same. CanEncode(type).
bool EncodeRow(DType type, const float* values, uint64_t count, uint8_t* out);

// F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, IQ4_NL, Q2_K to Q6_K.
bool CanDecode(DType type);
// row: RowBytes(type, count) bytes of any alignment -> out: [count]. CanDecode(type).
void DecodeRow(DType type, const uint8_t* row, uint64_t count, float* out);

}  // namespace parley
