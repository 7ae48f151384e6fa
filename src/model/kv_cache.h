// Keys and values of every token so far, by layer: memory sized once for the whole context. What
// lies where inside a layer is the kernels' business (store_kv, attention); this only hands out
// each layer's part.
#pragma once

#include <cstdint>

#include "base/buffer.h"
#include "base/result.h"
#include "model/config.h"

namespace parley {

class KvCache {
 public:
  static uint64_t Bytes(const ModelConfig& config, uint32_t context);
  static Result<KvCache> Make(const ModelConfig& config, uint32_t context);

  float* keys(uint32_t layer) { return memory_.data() + 2 * layer * layer_floats_; }
  float* values(uint32_t layer) { return keys(layer) + layer_floats_; }

 private:
  Buffer<float> memory_;     // [n_layers, keys then values, layer_floats]
  size_t layer_floats_ = 0;  // KvCacheFloats of one layer
};

}  // namespace parley
