// Chooses the next token from logits: biases and penalties, then the truncations, then one draw.
// Order and windows as the design fixes them; every step has its formula and source beside it.
// Deterministic: same inputs, same token.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/buffer.h"
#include "base/result.h"
#include "base/rng.h"
#include "sampling/options.h"
#include "sampling/truncations.h"

namespace parley {

struct TokenLogprob {
  int32_t id = 0;
  double logprob = 0;  // natural log, of the raw logits
};

struct Sample {
  int32_t id = 0;
  double logprob = 0;  // valid when options.top_logprobs >= 0
  std::span<const TokenLogprob>
      alternatives;  // best first, options.top_logprobs of them; valid until the next call
};

class Sampler {
 public:
  // Allocates everything that Next needs. `vocab_size`: ids beyond the tokenizer's vocabulary are
  // masked already.
  static Result<Sampler> Make(const GenerationOptions& options, uint32_t vocab_size);
  // logits: [vocab_size], not changed. history: tokens that penalties and n-grams see, oldest
  // first. `end_ids` are masked while `generated` < min_tokens. When every candidate is masked, the
  // best of the raw logits (I4). NONFINITE for a NaN or positive infinity among the logits (I3);
  // minus infinity is a masked token. BAD_ARG for a wrong number of logits or an id outside the
  // vocabulary.
  Result<Sample> Next(std::span<const float> logits, std::span<const int32_t> history,
                      uint32_t generated, std::span<const int32_t> end_ids);

  // What the last Next drew from, with weights; empty when it was greedy. Valid until the next
  // call.
  std::span<const Candidate> kept() const { return kept_; }

 private:
  explicit Sampler(const GenerationOptions& options) : options_(options), rng_(options.seed) {}
  // Fills scores_: the logits after biases, penalties and bans.
  void Score(std::span<const float> logits, std::span<const int32_t> history, uint32_t generated,
             std::span<const int32_t> end_ids);
  // One draw from the candidates that the truncations leave; -1 when every token is masked.
  int32_t Draw();
  void FillLogprobs(std::span<const float> logits, Sample* sample);

  GenerationOptions options_;
  Rng rng_;
  Buffer<double> scores_;              // [vocab_size]
  Buffer<uint32_t> counts_;            // [vocab_size], zero between uses
  Buffer<Candidate> candidates_;       // [top_k or vocab_size]
  std::span<const Candidate> kept_;    // a part of candidates_
  Buffer<TokenLogprob> alternatives_;  // [top_logprobs]
};

}  // namespace parley
