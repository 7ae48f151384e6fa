// Rotary positions (RoPE, Su et al. 2021): how far each pair of a head's dimensions turns at each
// position, computed once, when the weights have arrived. The turning itself is the kernels'
// (rotate_pairs).
#pragma once

#include <cstdint>

#include "base/buffer.h"
#include "base/result.h"
#include "model/config.h"

namespace parley {

class RopeTable {
 public:
  static uint64_t Bytes(const ModelConfig& config, uint32_t context);
  // Room for the table.
  static Result<RopeTable> Make(const ModelConfig& config, uint32_t context);
  // `factors`: [head_size / 2], what each pair's angle is divided by; null: by 1. BAD_CONFIG for a
  // factor that is not above 0, or so small that an angle exceeds 2^20.
  Status Fill(double rope_base, const float* factors);

  // [head_size / 2][cosine, sine]: pair i, of dimensions 2i and 2i + 1 as llama.cpp's converter
  // lays them, turns by position * rope_base^(-2i / head_size) / factor of the pair.
  const float* turns(uint32_t position) const {
    return turns_.data() + size_t{position} * head_size_;
  }

 private:
  Buffer<float> turns_;  // [context, head_size]
  uint32_t head_size_ = 0;
};

}  // namespace parley
