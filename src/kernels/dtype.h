// Tensor element types by their ggml numbers, with the size of a block in values and bytes. No
// arithmetic on data.
#pragma once

#include <cstdint>

namespace parley {

enum class DType : uint32_t {
  kF32 = 0,
  kF16 = 1,
  kQ4_0 = 2,
  kQ4_1 = 3,
  kQ5_0 = 6,
  kQ5_1 = 7,
  kQ8_0 = 8,
  kQ8_1 = 9,
  kQ2_K = 10,
  kQ3_K = 11,
  kQ4_K = 12,
  kQ5_K = 13,
  kQ6_K = 14,
  kQ8_K = 15,
  kIQ4_NL = 20,
  kI8 = 24,
  kI16 = 25,
  kI32 = 26,
  kI64 = 27,
  kF64 = 28,
  kBF16 = 30,
};

struct DTypeTraits {
  const char* name;       // "Q8_0", as llama.cpp prints it
  uint32_t block_values;  // values a block
  uint32_t block_bytes;   // bytes a block
};

// Null for numbers that are not a type we know the size of.
const DTypeTraits* GetDTypeTraits(uint32_t ggml_type);

}  // namespace parley
