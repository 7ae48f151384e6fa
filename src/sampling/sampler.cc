// The order of the steps: biases, repetition, frequency and presence penalties, n-grams, minimum
// length; temperature, top_k, top_p, min_p, typical_p; one draw. Each step's formula is in
// penalties.h and truncations.h.
#include "sampling/sampler.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/math.h"
#include "sampling/distribution.h"
#include "sampling/penalties.h"

namespace parley {
namespace {

constexpr size_t kMostAlternatives = 20;  // top_logprobs goes to 20 (options.h)

Status CheckIds(std::span<const int32_t> ids, size_t vocab_size) {
  for (int32_t id : ids) {
    if (id >= 0 && static_cast<size_t>(id) < vocab_size) continue;
    return MakeError(Code::kBadArg, "token id " + std::to_string(id) +
                                        " is outside the vocabulary of " +
                                        std::to_string(vocab_size));
  }
  return {};
}

// One bias an id, the last that was set. counts: [vocab_size] zeros; zeros again afterwards.
void KeepLastBiases(std::span<uint32_t> counts, std::vector<std::pair<int32_t, double>>* biases) {
  auto kept = biases->end();
  for (auto bias = biases->end(); bias != biases->begin();) {
    if (counts[static_cast<size_t>((--bias)->first)]++ == 0) *--kept = *bias;
  }
  biases->erase(biases->begin(), kept);
  for (const auto& [id, bias] : *biases) counts[static_cast<size_t>(id)] = 0;
}

// Writes a traced token's probability after `step`, which stands until a later step is noted.
void Note(SamplerStep step, double probability, bool left, TracedToken* token) {
  const auto first = static_cast<size_t>(step);
  std::fill(token->probability.begin() + static_cast<ptrdiff_t>(first), token->probability.end(),
            probability);
  if (!left && token->removed_by == SamplerStep::kRaw) token->removed_by = step;
}

void NoteCount(SamplerStep step, size_t left, SamplerTrace* trace) {
  const auto first = static_cast<ptrdiff_t>(step);
  std::fill(trace->left.begin() + first, trace->left.end(), static_cast<uint32_t>(left));
}

// The softmax of all scores at a temperature.
void NoteScores(SamplerStep step, std::span<const double> scores, double temperature,
                SamplerTrace* trace) {
  const double best = *std::max_element(scores.begin(), scores.end());
  size_t left = 0;
  double sum = 0;
  for (const double score : scores) {
    if (score == kMasked) continue;
    ++left;
    sum += Exp((score - best) / temperature);
  }
  NoteCount(step, left, trace);
  for (TracedToken& token : trace->tokens) {
    const double score = scores[static_cast<size_t>(token.id)];
    const bool masked = score == kMasked;
    Note(step, masked ? 0 : Exp((score - best) / temperature) / sum, !masked, &token);
  }
}

// What a truncation left, by weight.
void NoteCandidates(SamplerStep step, std::span<const Candidate> candidates, SamplerTrace* trace) {
  double sum = 0;
  for (const Candidate& candidate : candidates) sum += candidate.weight;
  NoteCount(step, candidates.size(), trace);
  for (TracedToken& token : trace->tokens) {
    const auto found = std::ranges::find(candidates, token.id, &Candidate::id);
    const bool left = found != candidates.end();
    Note(step, left ? found->weight / sum : 0, left, &token);
  }
}

}  // namespace

const char* SamplerStepName(SamplerStep step) {
  static constexpr const char* kNames[kSamplerSteps] = {
      "raw", "penalties", "temperature", "top_k", "top_p", "min_p", "typical_p"};
  return kNames[static_cast<size_t>(step)];
}

Result<Sampler> Sampler::Make(const GenerationOptions& options, uint32_t vocab_size,
                              ThreadPool* pool) {
  TRY(ValidateOptions(options, vocab_size));
  if (vocab_size == 0) return MakeError(Code::kBadArg, "sampling needs a vocabulary");
  TRY(NeedMemoryForOptions(options));
  Sampler sampler(options, pool);
  const uint32_t threads = pool == nullptr ? 1 : pool->threads();
  TRY_ASSIGN(sampler.parts_, Buffer<Part>::Make(threads, "threads of sampling"));
  const uint32_t wanted = options.temperature == 0 ? 1 : options.top_k;
  const uint64_t room =
      wanted == 0 ? vocab_size : std::min<uint64_t>(uint64_t{threads} * wanted, vocab_size);
  TRY_ASSIGN(sampler.scores_, Buffer<double>::Make(vocab_size, "sampling scores"));
  TRY_ASSIGN(sampler.counts_, Buffer<uint32_t>::Make(vocab_size, "token counts"));
  KeepLastBiases(sampler.counts_.span(), &sampler.options_.logit_bias);
  TRY_ASSIGN(sampler.candidates_, Buffer<Candidate>::Make(room, "sampling candidates"));
  const auto alternatives = static_cast<uint32_t>(std::max(options.top_logprobs, 0));
  TRY_ASSIGN(sampler.alternatives_,
             Buffer<TokenLogprob>::Make(std::min(alternatives, vocab_size), "alternatives"));
  return sampler;
}

template <typename Work>
void Sampler::OnParts(const Work& work) {
  struct Context {
    Sampler* sampler;
    const Work* work;
  } context{this, &work};
  const auto body = [](void* pointer, uint32_t thread, uint32_t threads) {
    const auto& [sampler, run] = *static_cast<const Context*>(pointer);
    const auto vocab_size = static_cast<uint32_t>(sampler->scores_.size());
    (*run)(thread, SplitRange(vocab_size, thread, threads));
  };
  if (pool_ == nullptr) return body(&context, 0, 1);
  pool_->Run(body, &context);
}

Status Sampler::TakeLogits(std::span<const float> logits) {
  if (logits.size() != scores_.size()) {
    return MakeError(Code::kBadArg, "sampling needs " + std::to_string(scores_.size()) +
                                        " logits, not " + std::to_string(logits.size()));
  }
  OnParts([&](uint32_t thread, Range ids) {
    size_t not_finite = logits.size();
    for (uint32_t id = ids.begin; id < ids.end; ++id) {
      // A finite logit of any size stays finite under every later step; minus infinity stays
      // masked.
      scores_[id] = logits[id];
      if (logits[id] <= std::numeric_limits<float>::max()) continue;  // false for NaN
      not_finite = std::min<size_t>(not_finite, id);
    }
    parts_[thread].not_finite = not_finite;
  });
  for (const Part& part : parts_.span().first(threads())) {
    if (part.not_finite == logits.size()) continue;
    return MakeError(Code::kNonfinite, "the logit of token " + std::to_string(part.not_finite) +
                                           " is not a finite number");
  }
  return {};
}

Result<Sample> Sampler::Next(std::span<const float> logits, std::span<const int32_t> history,
                             uint32_t generated, std::span<const int32_t> end_ids) {
  TRY(TakeLogits(logits));
  TRY(CheckIds(history, scores_.size()));
  TRY(CheckIds(end_ids, scores_.size()));
  Penalize(history, generated, end_ids);
  Sample sample;
  sample.id = options_.temperature == 0 ? BestScore() : Draw();
  if (sample.id < 0) BestTokens(logits, {&sample.id, 1});
  if (options_.top_logprobs >= 0) FillLogprobs(logits, &sample);
  return sample;
}

void Sampler::Penalize(std::span<const int32_t> history, uint32_t generated,
                       std::span<const int32_t> end_ids) {
  const std::span<double> scores = scores_.span();
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

// The best of every thread's best: `Better` is a total order, so that it makes no difference who
// found them.
std::span<Candidate> Sampler::BestCandidates(uint32_t count) {
  count = std::min(count, static_cast<uint32_t>(scores_.size()));
  const std::span<const double> scores = scores_.span();
  OnParts([&](uint32_t thread, Range ids) {
    const uint32_t n_ids = ids.end - ids.begin;
    const uint32_t first = std::min(thread * count, ids.begin);
    const auto room = candidates_.span().subspan(first, std::min(count, n_ids));
    parts_[thread].kept = TopK(scores.subspan(ids.begin, n_ids), room, ids.begin);
  });
  if (threads() == 1) return parts_[0].kept;
  auto end = candidates_.begin();
  for (const Part& part : parts_.span().first(threads())) {
    end = std::copy(part.kept.begin(), part.kept.end(), end);
  }
  std::sort(candidates_.begin(), end, Better);
  return {candidates_.begin(), std::min<size_t>(end - candidates_.begin(), count)};
}

int32_t Sampler::BestScore() {
  const std::span<const Candidate> best = BestCandidates(1);
  return best.empty() ? -1 : best[0].id;
}

template <typename Observer>
std::span<Candidate> Sampler::Truncate(Observer observe) {
  std::span<Candidate> candidates = options_.top_k == 0
                                        ? AllCandidates(scores_.span(), candidates_.span())
                                        : BestCandidates(options_.top_k);
  if (candidates.empty()) return {};
  Weigh(options_.temperature, candidates);
  if (options_.top_k != 0) observe(SamplerStep::kTopK, candidates);
  if (options_.top_p < 1) {
    candidates = TopP(options_.top_p, candidates);
    observe(SamplerStep::kTopP, candidates);
  }
  if (options_.min_p > 0) {
    candidates = MinP(options_.min_p, candidates);
    observe(SamplerStep::kMinP, candidates);
  }
  if (options_.typical_p < 1) {
    candidates = TypicalP(options_.typical_p, candidates);
    observe(SamplerStep::kTypicalP, candidates);
  }
  return candidates;
}

int32_t Sampler::Draw() {
  kept_ = Truncate([](SamplerStep, std::span<const Candidate>) {});
  return kept_.empty() ? -1 : DrawCandidate(rng_.NextUnit(), kept_);
}

Result<SamplerTrace> Sampler::Trace(std::span<const float> logits, std::span<const int32_t> history,
                                    uint32_t generated, std::span<const int32_t> end_ids,
                                    int32_t asked) {
  TRY(TakeLogits(logits));
  TRY(CheckIds(history, scores_.size()));
  TRY(CheckIds(end_ids, scores_.size()));
  if (asked >= 0) TRY(CheckIds({&asked, 1}, scores_.size()));
  SamplerTrace trace;
  const std::span<const double> scores = scores_.span();
  int32_t best_ids[SamplerTrace::kBest];
  const size_t n_best = BestTokens(logits, best_ids);
  for (const int32_t id : std::span(best_ids).first(n_best)) trace.tokens.push_back({.id = id});
  const bool known = std::ranges::count(trace.tokens, asked, &TracedToken::id) > 0;
  if (asked >= 0 && !known) trace.tokens.push_back({.id = asked});

  NoteScores(SamplerStep::kRaw, scores, 1, &trace);
  Penalize(history, generated, end_ids);
  NoteScores(SamplerStep::kPenalties, scores, 1, &trace);
  if (options_.temperature == 0) {
    const Candidate best{.weight = 1, .id = BestScore()};
    if (best.id >= 0) NoteCandidates(SamplerStep::kTemperature, {&best, 1}, &trace);
    return trace;
  }
  NoteScores(SamplerStep::kTemperature, scores, options_.temperature, &trace);
  Truncate([&trace](SamplerStep step, std::span<const Candidate> candidates) {
    NoteCandidates(step, candidates, &trace);
  });
  return trace;
}

// log p = logit - log(sum(exp(logit))) of the raw logits. A masked token's is minus infinity.
void Sampler::FillLogprobs(std::span<const float> logits, Sample* sample) {
  const double log_sum = LogSumExp(logits);
  if (log_sum == kMasked) {  // every token was masked: there is no distribution
    sample->logprob = kMasked;
    return;
  }
  sample->logprob = logits[static_cast<size_t>(sample->id)] - log_sum;

  int32_t best[kMostAlternatives];
  const size_t count = BestTokens(logits, std::span(best).first(alternatives_.size()));
  for (size_t i = 0; i < count; ++i) {
    alternatives_[i] = {best[i], logits[static_cast<size_t>(best[i])] - log_sum};
  }
  sample->alternatives = alternatives_.span().first(count);
}

}  // namespace parley
