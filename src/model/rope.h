// Rotary positions (RoPE, Su et al. 2021): how far each pair of a head's dimensions turns at each
// position, computed once at load. The turning itself is the kernels' (rotate_pairs).
#pragma once

#include <cstdint>

#include "base/buffer.h"
#include "base/result.h"
#include "model/config.h"

namespace parley {

class RopeTable {
 public:
  static uint64_t Bytes(const ModelConfig& config, uint32_t context);
  static Result<RopeTable> Make(const ModelConfig& config, uint32_t context);

  // [head_size / 2][cosine, sine]: pair i, of dimensions 2i and 2i + 1 as llama.cpp's converter
  // lays them, turns by position * rope_base^(-2i / head_size).
  const float* turns(uint32_t position) const {
    return turns_.data() + size_t{position} * head_size_;
  }

 private:
  Buffer<float> turns_;  // [context, head_size]
  uint32_t head_size_ = 0;
};

}  // namespace parley
