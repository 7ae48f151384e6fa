// Chooses the next token from logits: biases and penalties, then the truncations, then one draw.
// Order and windows as the design fixes them; every step has its formula and source beside it.
// Deterministic: same inputs, same token.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "base/buffer.h"
#include "base/result.h"
#include "base/rng.h"
#include "base/threads.h"
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

// The steps between logits and a draw, in their order. kPenalties: biases, penalties and bans.
enum class SamplerStep : uint8_t {
  kRaw,
  kPenalties,
  kTemperature,
  kTopK,
  kTopP,
  kMinP,
  kTypicalP,
};
inline constexpr size_t kSamplerSteps = 7;
const char* SamplerStepName(SamplerStep step);  // "raw", "penalties", "temperature", "top_k", ...

// What became of one token on the way.
struct TracedToken {
  int32_t id = -1;
  std::array<double, kSamplerSteps> probability{};  // after each step; 0 once it is removed
  SamplerStep removed_by = SamplerStep::kRaw;       // kRaw: by none
};

struct SamplerTrace {
  static constexpr size_t kBest = 20;
  std::array<uint32_t, kSamplerSteps> left{};  // tokens that may still be drawn after each step
  std::vector<TracedToken> tokens;             // the best kBest of the raw logits, best first; then
                                               // the one asked about where it is none of them
};

class Sampler {
 public:
  // Allocates everything that Next needs. `vocab_size`: ids beyond the tokenizer's vocabulary are
  // masked already. `pool`: its active threads go through the vocabulary together, and what is
  // chosen does not depend on how many they are; not owned; null: the caller's thread alone.
  static Result<Sampler> Make(const GenerationOptions& options, uint32_t vocab_size,
                              ThreadPool* pool = nullptr);
  // logits: [vocab_size], not changed. history: tokens that penalties and n-grams see, oldest
  // first. `end_ids` are masked while `generated` < min_tokens. When every candidate is masked, the
  // best of the raw logits (I4). NONFINITE for a NaN or positive infinity among the logits (I3);
  // minus infinity is a masked token. BAD_ARG for a wrong number of logits or an id outside the
  // vocabulary.
  Result<Sample> Next(std::span<const float> logits, std::span<const int32_t> history,
                      uint32_t generated, std::span<const int32_t> end_ids);

  // What Next makes of the same arguments, step by step, without a draw: the random generator stays
  // where it is. `asked`: one more id to follow; -1: none. Greedy: temperature leaves the best
  // alone.
  Result<SamplerTrace> Trace(std::span<const float> logits, std::span<const int32_t> history,
                             uint32_t generated, std::span<const int32_t> end_ids, int32_t asked);

  // What the last Next drew from, with weights; empty when it was greedy. Valid until the next
  // call.
  std::span<const Candidate> kept() const { return kept_; }

 private:
  // What one thread found in its part of the vocabulary.
  struct alignas(64) Part {
    size_t not_finite;          // the first logit that is NaN or infinity; vocab_size: none
    std::span<Candidate> kept;  // its TopK, within candidates_
  };

  Sampler(const GenerationOptions& options, ThreadPool* pool)
      : options_(options), rng_(options.seed), pool_(pool) {}
  uint32_t threads() const { return pool_ == nullptr ? 1 : pool_->active(); }
  // Runs work(thread, ids) on every thread, with the ids that are its own.
  template <typename Work>
  void OnParts(const Work& work);
  // Copies the logits into scores_.
  Status TakeLogits(std::span<const float> logits);
  // Biases, penalties and bans on scores_.
  void Penalize(std::span<const int32_t> history, uint32_t generated,
                std::span<const int32_t> end_ids);
  // The `count` best of scores_, best first; fewer when fewer are not masked.
  std::span<Candidate> BestCandidates(uint32_t count);
  // The id of the best; -1 when all are masked.
  int32_t BestScore();
  // The candidates that the truncations leave of scores_; none when every token is masked.
  // `observe(step, candidates)` sees what each step in effect left, with weights.
  template <typename Observer>
  std::span<Candidate> Truncate(Observer observe);
  // One draw from those; -1 when there are none.
  int32_t Draw();
  void FillLogprobs(std::span<const float> logits, Sample* sample);

  GenerationOptions options_;
  Rng rng_;
  ThreadPool* pool_;
  Buffer<Part> parts_;                 // [threads]
  Buffer<double> scores_;              // [vocab_size]
  Buffer<uint32_t> counts_;            // [vocab_size], zero between uses
  Buffer<Candidate> candidates_;       // [threads, top_k, or 1 if greedy], at most [vocab_size]
  std::span<const Candidate> kept_;    // a part of candidates_
  Buffer<TokenLogprob> alternatives_;  // [top_logprobs]
};

}  // namespace parley
