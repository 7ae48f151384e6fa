// What a session needs from a model: append tokens, get logits, forget a suffix, look on.
// Implemented by the kernels' models (gpt2.h) and by the f32 reference (reference/).
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "base/result.h"
#include "model/config.h"

namespace parley {

enum class LogitsOf { kNone, kLast, kAll };

// What one token's pass through the layers shows on request: numbers that the model has computed
// with, not computed anew. Each is written where it is not empty.
struct PassTrace {
  std::span<float> attention;  // [n_layers, n_heads, length() + 1], the token's own position last:
                               // softmax(q k^T / sqrt(head_size)), by which it mixes the values
  std::span<float> residual;   // [n_layers + 1, width]: its row of the residual stream, after the
                               // embedding and after each layer
};

// kBadArg where there is neither nothing nor exactly the room that `length` tokens and one more
// need.
inline Status CheckTrace(const ModelConfig& config, uint32_t length, const PassTrace& trace) {
  const size_t attention = size_t{config.n_layers} * config.n_heads * (length + 1);
  const size_t residual = (size_t{config.n_layers} + 1) * config.width;
  if ((trace.attention.empty() || trace.attention.size() == attention) &&
      (trace.residual.empty() || trace.residual.size() == residual)) {
    return {};
  }
  return MakeError(Code::kBadArg, "a pass shows " + std::to_string(attention) + " weights and " +
                                      std::to_string(residual) + " residual values, not " +
                                      std::to_string(trace.attention.size()) + " and " +
                                      std::to_string(trace.residual.size()));
}

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

  // Appends one token as Forward with kNone does, and shows its pass. kBadArg as well for a wrong
  // size of what is to be written.
  virtual Status ForwardTraced(int32_t token, const PassTrace& trace) = 0;
  // The logits of a row of the residual stream: what the head would say if no layer came after it.
  // residual: [width]; logits: [vocab_size]
  virtual Status Unembed(std::span<const float> residual, std::span<float> logits) = 0;
};

}  // namespace parley
