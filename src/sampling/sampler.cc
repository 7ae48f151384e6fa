// The order of the steps: biases, repetition, frequency and presence penalties, n-grams, minimum
// length; temperature, top_k, top_p, min_p, typical_p; one draw. Each step's formula is in
// penalties.h and truncations.h.
#include "sampling/sampler.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/math.h"
#include "sampling/penalties.h"

namespace parley {
namespace {

constexpr double kMasked = -std::numeric_limits<double>::infinity();

// The id of the greatest score, the lowest of them when several are equal; -1 when all are masked.
template <typename T>
int32_t ArgMax(std::span<const T> scores) {
  int32_t best = -1;
  T best_score = -std::numeric_limits<T>::infinity();
  for (size_t id = 0; id < scores.size(); ++id) {
    if (scores[id] > best_score) {
      best_score = scores[id];
      best = static_cast<int32_t>(id);
    }
  }
  return best;
}

Status CheckInputs(std::span<const float> logits, size_t vocab_size,
                   std::span<const int32_t> history, std::span<const int32_t> end_ids) {
  if (logits.size() != vocab_size) {
    return MakeError(Code::kBadArg, "sampling needs " + std::to_string(vocab_size) +
                                        " logits, not " + std::to_string(logits.size()));
  }
  for (size_t id = 0; id < logits.size(); ++id) {
    if (logits[id] <= std::numeric_limits<float>::max()) continue;  // false for NaN
    return MakeError(Code::kNonfinite,
                     "the logit of token " + std::to_string(id) + " is not a finite number");
  }
  for (const std::span<const int32_t> ids : {history, end_ids}) {
    for (int32_t id : ids) {
      if (id >= 0 && static_cast<size_t>(id) < vocab_size) continue;
      return MakeError(Code::kBadArg, "token id " + std::to_string(id) +
                                          " is outside the vocabulary of " +
                                          std::to_string(vocab_size));
    }
  }
  return {};
}

}  // namespace

Result<Sampler> Sampler::Make(const GenerationOptions& options, uint32_t vocab_size) {
  TRY(ValidateOptions(options, vocab_size));
  if (vocab_size == 0) return MakeError(Code::kBadArg, "sampling needs a vocabulary");
  Sampler sampler(options);
  const bool greedy = options.temperature == 0;
  const uint32_t room = options.top_k == 0 ? vocab_size : std::min(options.top_k, vocab_size);
  TRY_ASSIGN(sampler.scores_, Buffer<double>::Make(vocab_size, "sampling scores"));
  TRY_ASSIGN(sampler.counts_, Buffer<uint32_t>::Make(vocab_size, "token counts"));
  TRY_ASSIGN(sampler.candidates_,
             Buffer<Candidate>::Make(greedy ? 0 : room, "sampling candidates"));
  const auto alternatives = static_cast<uint32_t>(std::max(options.top_logprobs, 0));
  TRY_ASSIGN(sampler.alternatives_,
             Buffer<TokenLogprob>::Make(std::min(alternatives, vocab_size), "alternatives"));
  return sampler;
}

Result<Sample> Sampler::Next(std::span<const float> logits, std::span<const int32_t> history,
                             uint32_t generated, std::span<const int32_t> end_ids) {
  TRY(CheckInputs(logits, scores_.size(), history, end_ids));
  Score(logits, history, generated, end_ids);
  Sample sample;
  sample.id = options_.temperature == 0 ? ArgMax(std::span<const double>(scores_.span())) : Draw();
  if (sample.id < 0) sample.id = std::max(ArgMax(logits), 0);
  if (options_.top_logprobs >= 0) FillLogprobs(logits, &sample);
  return sample;
}

void Sampler::Score(std::span<const float> logits, std::span<const int32_t> history,
                    uint32_t generated, std::span<const int32_t> end_ids) {
  const std::span<double> scores = scores_.span();
  for (size_t id = 0; id < scores.size(); ++id) {
    // A finite logit of any size stays finite under every later step; minus infinity stays masked.
    scores[id] = logits[id];
  }
  ApplyLogitBias(options_.logit_bias, scores);
  if (options_.repetition_penalty != 1) {
    const size_t window = options_.repeat_last_n == 0
                              ? history.size()
                              : std::min<size_t>(options_.repeat_last_n, history.size());
    ApplyRepetitionPenalty(options_.repetition_penalty, history.last(window), counts_.span(),
                           scores);
  }
  if (options_.frequency_penalty != 0 || options_.presence_penalty != 0) {
    ApplyFrequencyAndPresencePenalty(options_.frequency_penalty, options_.presence_penalty, history,
                                     counts_.span(), scores);
  }
  if (options_.no_repeat_ngram_size != 0) {
    BanRepeatedNgrams(options_.no_repeat_ngram_size, history, scores);
  }
  if (generated < options_.min_tokens) {
    MaskTokens(end_ids, scores);
    MaskTokens(options_.stop_token_ids, scores);
  }
}

int32_t Sampler::Draw() {
  std::span<Candidate> candidates = options_.top_k == 0
                                        ? AllCandidates(scores_.span(), candidates_.span())
                                        : TopK(scores_.span(), candidates_.span());
  kept_ = {};
  if (candidates.empty()) return -1;
  Weigh(options_.temperature, candidates);
  if (options_.top_p < 1) candidates = TopP(options_.top_p, candidates);
  if (options_.min_p > 0) candidates = MinP(options_.min_p, candidates);
  if (options_.typical_p < 1) candidates = TypicalP(options_.typical_p, candidates);
  kept_ = candidates;
  return DrawCandidate(rng_.NextUnit(), candidates);
}

// log p = logit - log(sum(exp(logit))), over the raw logits, with the greatest taken out of the
// sum. A masked token's is minus infinity.
void Sampler::FillLogprobs(std::span<const float> logits, Sample* sample) {
  const int32_t best = ArgMax(logits);
  if (best < 0) {  // every token was masked: there is no distribution
    sample->logprob = kMasked;
    return;
  }
  const double greatest = logits[static_cast<size_t>(best)];
  double sum = 0;
  for (float logit : logits) sum += Exp(logit - greatest);
  const double log_sum = greatest + Log(sum);
  sample->logprob = logits[static_cast<size_t>(sample->id)] - log_sum;

  // The best few: insertion into a short sorted list; equal logits keep the order of their ids.
  size_t count = 0;
  const size_t wanted = alternatives_.size();
  for (size_t id = 0; id < logits.size() && wanted > 0; ++id) {
    const double logprob = logits[id] - log_sum;
    if (count == wanted && !(logprob > alternatives_[count - 1].logprob)) continue;
    size_t at = count < wanted ? count++ : wanted - 1;
    for (; at > 0 && logprob > alternatives_[at - 1].logprob; --at) {
      alternatives_[at] = alternatives_[at - 1];
    }
    alternatives_[at] = {static_cast<int32_t>(id), logprob};
  }
  sample->alternatives = alternatives_.span().first(count);
}

}  // namespace parley
