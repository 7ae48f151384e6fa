// The models in plain f32 on Eigen: the oracle that the kernels' models are measured against. As
// simple as can be, one thread, nothing quantized. This is what they share; the layers are in
// gpt2.cc and llama.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "base/buffer.h"
#include "base/result.h"
#include "model/language_model.h"
#include "reference/matrix.h"
#include "reference/weights.h"

namespace parley::reference {

class Model : public LanguageModel {
 public:
  // The model of config's architecture. context: 0 is the model's own. `usable_ids`: logits of ids
  // from there on are minus infinity; 0: all are usable. BAD_ARG for a context beyond the model's.
  static Result<std::unique_ptr<Model>> Make(const ModelConfig& config, Weights weights,
                                             uint32_t context, uint32_t usable_ids);

  const ModelConfig& config() const override { return config_; }
  uint32_t context() const override { return context_; }
  uint32_t length() const override { return length_; }
  void Truncate(uint32_t length) override;
  // As LanguageModel says, but for this: Eigen sums in an order of its own that depends on how many
  // rows there are, so that a row's last bits depend on how the tokens were split into calls.
  Status Forward(std::span<const int32_t> tokens, LogitsOf which, std::span<float> logits) override;
  Status ForwardTraced(int32_t token, const PassTrace& trace) override;
  Status Unembed(std::span<const float> residual, std::span<float> logits) override;

 protected:
  // Keys and values of one layer: [context, kv_width].
  struct Cache {
    MatrixView keys;
    MatrixView values;
    float* attention;  // [n_heads, length() + 1] of one row, to be shown; or null
  };
  Model(const ModelConfig& config, Weights weights)
      : config_(config), weights_(std::move(weights)) {}

  // Adds what depends on the position to embeddings of tokens at length()...
  virtual void AddPositions(Matrix* x) const = 0;
  // Adds one layer's attention and MLP to x, whose rows are at positions length()...
  virtual void AddLayer(const Layer& layer, Cache cache, Matrix* x) const = 0;
  virtual Matrix Normalize(const Matrix& x, const Norm& norm) const = 0;

  // Appends keys and values to the cache, attends with every head of the queries, each over the
  // keys and values of its group. query: [rows, width]; key, value: [rows, kv_width]
  Matrix Attend(const Matrix& query, const Matrix& key, const Matrix& value, Cache cache) const;

  const ModelConfig config_;
  const Weights weights_;

 private:
  Status CheckArguments(std::span<const int32_t> tokens, LogitsOf which, size_t n_logits) const;
  Status Append(std::span<const int32_t> tokens, LogitsOf which, std::span<float> logits,
                const PassTrace& trace);
  Cache CacheOf(size_t layer, const PassTrace& trace);
  // logits: [x.rows(), vocab_size]
  Status Head(const Matrix& x, float* logits) const;

  uint32_t context_ = 0;
  uint32_t usable_ids_ = 0;
  uint32_t length_ = 0;
  Buffer<float> keys_;    // [n_layers, context, kv_width]
  Buffer<float> values_;  // [n_layers, context, kv_width]
};

}  // namespace parley::reference
