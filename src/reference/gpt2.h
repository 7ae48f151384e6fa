// GPT-2 (Radford et al. 2019) in plain f32 on Eigen: the oracle that the kernels' model is measured
// against. As simple as it can be, one thread, nothing quantized.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "base/buffer.h"
#include "base/result.h"
#include "model/language_model.h"
#include "reference/weights.h"

namespace parley::reference {

class Gpt2 final : public LanguageModel {
 public:
  // context: 0 is the model's own. `usable_ids`: logits of ids from there on are minus infinity; 0:
  // all are usable. BAD_ARG for a context beyond the model's.
  static Result<std::unique_ptr<Gpt2>> Make(const ModelConfig& config, Weights weights,
                                            uint32_t context, uint32_t usable_ids);

  const ModelConfig& config() const override { return config_; }
  uint32_t context() const override { return context_; }
  uint32_t length() const override { return length_; }
  void Truncate(uint32_t length) override;
  // As LanguageModel says, but for this: Eigen sums in an order of its own that depends on how many
  // rows there are, so that a row's last bits depend on how the tokens were split into calls.
  Status Forward(std::span<const int32_t> tokens, LogitsOf which, std::span<float> logits) override;

 private:
  Gpt2(const ModelConfig& config, Weights weights)
      : config_(config), weights_(std::move(weights)) {}
  Status CheckArguments(std::span<const int32_t> tokens, LogitsOf which, size_t n_logits) const;

  ModelConfig config_;
  Weights weights_;
  uint32_t context_ = 0;
  uint32_t usable_ids_ = 0;
  uint32_t length_ = 0;
  Buffer<float> keys_;    // [n_layers, context, width]
  Buffer<float> values_;  // [n_layers, context, width]
};

}  // namespace parley::reference
