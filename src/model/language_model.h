// What a session needs from a model: append tokens, get logits, forget a suffix. Implemented by the
// kernels' models (gpt2.h) and by the f32 reference (reference/).
#pragma once

#include <cstdint>
#include <span>

#include "base/result.h"
#include "model/config.h"

namespace parley {

enum class LogitsOf { kNone, kLast, kAll };

class LanguageModel {
 public:
  virtual ~LanguageModel() = default;

  virtual const ModelConfig& config() const = 0;
  virtual uint32_t context()
      const = 0;  // tokens the KV cache has room for; <= config().context_length
  virtual uint32_t length() const = 0;  // tokens in the KV cache now
  virtual void Truncate(
      uint32_t length) = 0;  // keeps the first `length` tokens; length <= length()

  // Appends `tokens` (any number >= 1 that fits the context) at positions length()... and writes
  // logits: kLast: [vocab_size], of the last token; kAll: [tokens, vocab_size]. Row i's bits do not
  // depend on how the tokens were split into calls. kBadArg: an id outside the vocabulary, too many
  // tokens, wrong size of `logits` (nothing appended). kNonfinite: a logit is NaN or infinite (the
  // tokens are not kept).
  virtual Status Forward(std::span<const int32_t> tokens, LogitsOf which,
                         std::span<float> logits) = 0;
};

}  // namespace parley
