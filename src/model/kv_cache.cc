// How large the cache is, and taking its memory: unfilled, since a row counts for nothing before it
// is stored.
#include "model/kv_cache.h"

#include "kernels/kernels.h"

namespace parley {
namespace {

uint64_t LayerFloats(const ModelConfig& config, uint32_t context) {
  return KvCacheFloats(config.n_kv_heads, config.head_size(), context);
}

}  // namespace

uint64_t KvCache::Bytes(const ModelConfig& config, uint32_t context) {
  return uint64_t{config.n_layers} * 2 * LayerFloats(config, context) * sizeof(float);
}

Result<KvCache> KvCache::Make(const ModelConfig& config, uint32_t context) {
  KvCache cache;
  TRY_ASSIGN(cache.memory_,
             Buffer<float>::MakeUnfilled(Bytes(config, context) / sizeof(float), "KV cache"));
  cache.layer_floats_ = static_cast<size_t>(LayerFloats(config, context));
  return cache;
}

}  // namespace parley
