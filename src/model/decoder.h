// What the decoder-only transformers on the kernels share: checked arguments, the threads, batches
// of tokens on their way through the layers, and what holds a model's state. What happens in a
// layer is each architecture's (gpt2.h, llama.h).
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

class Decoder : public LanguageModel {
 public:
  // The model of config's architecture. `usable_ids`: the tokenizer's size; logits of rows beyond
  // it are minus infinity, so that they are never chosen. `kernels` must be the table that packed
  // the weights. `pool` is not owned.
  static Result<std::unique_ptr<Decoder>> Make(const ModelConfig& config, Weights weights,
                                               uint32_t context, uint32_t usable_ids,
                                               const KernelTable& kernels, ThreadPool* pool);
  // Bytes that Make takes for activations and tables of positions.
  static uint64_t ScratchBytes(const ModelConfig& config, uint32_t context, uint32_t threads);

  // Called once, when the image that the weights' views point into is filled and before the first
  // Forward. BAD_CONFIG for weights by which no model can be computed.
  virtual Status WeightsArrived() { return {}; }

  const ModelConfig& config() const override { return config_; }
  uint32_t context() const override { return context_; }
  uint32_t length() const override { return length_; }
  void Truncate(uint32_t length) override;
  Status Forward(std::span<const int32_t> tokens, LogitsOf which, std::span<float> logits) override;
  Status ForwardTraced(int32_t token, const PassTrace& trace) override;
  Status Unembed(std::span<const float> residual, std::span<float> logits) override;

 protected:
  // Up to kBatchTokens tokens on their way through the layers.
  struct Batch {
    const int32_t* ids;
    uint32_t rows;
    uint32_t position;  // of the first
  };
  Decoder(const ModelConfig& config, const KernelTable& kernels, ThreadPool* pool)
      : config_(config), kernels_(kernels), pool_(pool) {}

  // Each is run by every thread at once, which does its part, and ends where every thread may read
  // the residual stream.
  //
  // Writes the batch's rows of the residual stream.
  virtual void Embed(const Batch& batch, const ThreadOps& ops) = 0;
  // Adds one layer's findings to the residual stream.
  virtual void Layer(uint32_t layer, const Batch& batch, const ThreadOps& ops) = 0;
  // The last norm of `rows` rows of the residual stream, and its codes for the head.
  virtual QuantizedActivations Output(const float* residual, uint32_t rows,
                                      const ThreadOps& ops) = 0;

  // The shape of an attention over this batch.
  AttentionShape ShapeOf(const Batch& batch) const {
    return {config_.n_heads, config_.n_kv_heads, config_.head_size(),
            context_,        batch.position,     batch.rows};
  }

  const ModelConfig config_;
  const KernelTable& kernels_;
  Weights weights_;
  KvCache cache_;
  Scratch scratch_;
  uint32_t context_ = 0;

 private:
  // One Forward, as its threads see it.
  struct Call {
    std::span<const int32_t> tokens;
    LogitsOf which;
    std::span<float> logits;
    const PassTrace* trace;  // null: nobody looks on
  };

  Status CheckArguments(std::span<const int32_t> tokens, LogitsOf which, size_t n_logits) const;
  Status Append(const Call& call);
  // Runs work(ops) on every thread.
  template <typename Work>
  void OnThreads(const Work& work);
  // After that: kNonfinite when a thread found such a number; ids without a token are masked.
  Status CheckOutput(std::span<float> logits) const;
  void RunThread(const Call& call, const ThreadOps& ops);
  void Show(uint32_t layer, const Batch& batch, const PassTrace& trace, const ThreadOps& ops);
  void ShowResidual(uint32_t layers, const Batch& batch, const PassTrace& trace,
                    const ThreadOps& ops);
  void Logits(const float* residual, uint32_t rows, float* logits, const ThreadOps& ops);

  ThreadPool* pool_;
  uint32_t usable_ids_ = 0;
  uint32_t length_ = 0;
};

}  // namespace parley
