// Where a tensor lies in a model file and what it is; the common result of the GGUF and safetensors
// readers.
#pragma once

#include <cstdint>
#include <string_view>

#include "kernels/dtype.h"

namespace parley {

inline constexpr uint32_t kMaxDims = 4;
inline constexpr uint64_t kMaxTensors = 1 << 16;  // far above any model that Parley can run

struct TensorInfo {
  std::string_view name;  // view into the header that was parsed
  DType type = DType::kF32;
  uint32_t n_dims = 0;
  uint64_t shape[kMaxDims] =
      {};  // slowest first, as PyTorch prints it; GGUF's own order is reversed by its reader
  uint64_t offset = 0;  // bytes from the start of the file
  uint64_t bytes = 0;   // exact, without padding
};

}  // namespace parley
