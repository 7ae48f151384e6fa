// GPT-2 (Radford et al. 2019): learned positions, layer norms, GELU, biases everywhere.
#pragma once

#include <memory>

#include "model/decoder.h"

namespace parley {

class Gpt2 final : public Decoder {
 public:
  // The bare model; Decoder::Make gives it its state.
  static Result<std::unique_ptr<Decoder>> Make(const ModelConfig& config,
                                               const KernelTable& kernels, ThreadPool* pool);

 private:
  using Decoder::Decoder;
  void Embed(const Batch& batch, const ThreadOps& ops) override;
  void Layer(uint32_t layer, const Batch& batch, const ThreadOps& ops) override;
  QuantizedActivations Output(const float* residual, uint32_t rows, const ThreadOps& ops) override;

  void Attention(const LayerWeights& w, float* keys, float* values, const Batch& batch,
                 const ThreadOps& ops);
  void Mlp(const LayerWeights& w, const Batch& batch, const ThreadOps& ops);
};

}  // namespace parley
