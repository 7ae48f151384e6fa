// Llama (Touvron et al. 2023) and the models built like it, SmolLM2 among them: rotary positions,
// root mean square norms, a gated MLP, several query heads for each head of keys and values, no
// biases.
#pragma once

#include <memory>

#include "model/decoder.h"
#include "model/rope.h"

namespace parley {

class Llama final : public Decoder {
 public:
  // The bare model; Decoder::Make gives it its state.
  static Result<std::unique_ptr<Decoder>> Make(const ModelConfig& config, uint32_t context,
                                               const KernelTable& kernels, ThreadPool* pool);
  Status WeightsArrived() override { return rope_.Fill(config_.rope_base, weights_.rope_factors); }

 private:
  using Decoder::Decoder;
  void Embed(const Batch& batch, const ThreadOps& ops) override;
  void Layer(uint32_t layer, const Batch& batch, const ThreadOps& ops) override;
  QuantizedActivations Output(const float* residual, uint32_t rows, const ThreadOps& ops) override;

  void Attention(const LayerWeights& w, float* keys, float* values, const Batch& batch,
                 const ThreadOps& ops);
  // Turns queries or keys by their positions, over columns that are whole pairs. x: rows of
  // qkv_width.
  void Rotate(float* x, const Batch& batch, Range columns) const;
  void Mlp(const LayerWeights& w, const Batch& batch, const ThreadOps& ops);

  RopeTable rope_;
};

}  // namespace parley
