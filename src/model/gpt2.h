// GPT-2 (Radford et al. 2019) on the kernels: quantized weights, a cache of keys and values,
// several threads.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "base/result.h"
#include "base/threads.h"
#include "kernels/kernels.h"
#include "model/kv_cache.h"
#include "model/language_model.h"
#include "model/ops.h"
#include "model/scratch.h"
#include "model/weights.h"

namespace parley {

class Gpt2 final : public LanguageModel {
 public:
  // `usable_ids`: the tokenizer's size; logits of rows beyond it are minus infinity, so that they
  // are never chosen. `kernels` must be the table that packed the weights. `pool` is not owned.
  static Result<std::unique_ptr<Gpt2>> Make(const ModelConfig& config, Weights weights,
                                            uint32_t context, uint32_t usable_ids,
                                            const KernelTable& kernels, ThreadPool* pool);

  const ModelConfig& config() const override { return config_; }
  uint32_t context() const override { return context_; }
  uint32_t length() const override { return length_; }
  void Truncate(uint32_t length) override;
  Status Forward(std::span<const int32_t> tokens, LogitsOf which, std::span<float> logits) override;

 private:
  // Up to kBatchTokens tokens on their way through the layers.
  struct Batch {
    const int32_t* ids;
    uint32_t rows;
    uint32_t position;  // of the first
  };
  // One Forward, as its threads see it.
  struct Call {
    Gpt2* model;
    std::span<const int32_t> tokens;
    LogitsOf which;
    float* logits;
  };
  Gpt2(const ModelConfig& config, const KernelTable& kernels, ThreadPool* pool)
      : config_(config), kernels_(kernels), pool_(pool) {}

  Status CheckArguments(std::span<const int32_t> tokens, LogitsOf which, size_t n_logits) const;
  void RunThread(const Call& call, const ThreadOps& ops);
  void Embed(const Batch& batch, const ThreadOps& ops);
  void Attention(uint32_t layer, const Batch& batch, const ThreadOps& ops);
  void Mlp(uint32_t layer, const Batch& batch, const ThreadOps& ops);
  void Logits(const float* residual, uint32_t rows, float* logits, const ThreadOps& ops);

  ModelConfig config_;
  const KernelTable& kernels_;
  ThreadPool* pool_;
  Weights weights_;
  KvCache cache_;
  Scratch scratch_;
  uint32_t context_ = 0;
  uint32_t usable_ids_ = 0;
  uint32_t length_ = 0;
};

}  // namespace parley
