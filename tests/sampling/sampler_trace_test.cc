// What the sampler says of its own steps, against softmaxes and truncations worked out by brute
// force, and against what it then draws from; scores of single tokens likewise.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>
#include <cmath>
#include <limits>
#include <map>
#include <vector>

#include "sampling/distribution.h"
#include "sampling/logits.h"
#include "sampling/sampler.h"

namespace parley {
namespace {

using Catch::Matchers::WithinAbs;
using test::kMaskedLogit;
using test::RandomLogits;

// Sums of at most a few hundred terms below 1, each rounded to 1e-16 of it.
constexpr double kRounding = 1e-13;

std::map<int32_t, double> Softmax(const std::map<int32_t, double>& scores, double temperature) {
  double sum = 0;
  for (const auto& [id, score] : scores) sum += std::exp(score / temperature);
  std::map<int32_t, double> softmax;
  for (const auto& [id, score] : scores) softmax[id] = std::exp(score / temperature) / sum;
  return softmax;
}

// What is left of probabilities, which sum to 1 again.
template <typename Keep>
std::map<int32_t, double> Filter(const std::map<int32_t, double>& probabilities, Keep keep) {
  std::map<int32_t, double> kept;
  double sum = 0;
  for (const auto& [id, p] : probabilities) {
    if (keep(id, p)) sum += kept[id] = p;
  }
  for (auto& [id, p] : kept) p /= sum;
  return kept;
}

void CheckStep(const SamplerTrace& trace, SamplerStep step,
               const std::map<int32_t, double>& expected) {
  INFO(SamplerStepName(step));
  const auto at = static_cast<size_t>(step);
  CHECK(trace.left[at] == expected.size());
  for (const TracedToken& token : trace.tokens) {
    const auto found = expected.find(token.id);
    const double p = found == expected.end() ? 0 : found->second;
    CHECK_THAT(token.probability[at], WithinAbs(p, kRounding));
    const bool removed = token.removed_by != SamplerStep::kRaw && token.removed_by <= step;
    CHECK(removed == (found == expected.end()));
  }
}

TEST_CASE("A trace has the probabilities that each step leaves") {
  constexpr size_t kVocab = 300;
  const std::vector<float> logits = RandomLogits(kVocab, 11);
  GenerationOptions options;
  options.temperature = 0.8;
  options.top_k = 40;
  options.top_p = 0.9;
  options.min_p = 0.1;
  options.repetition_penalty = 1.3;
  options.logit_bias = {{5, 3}};
  const std::vector<int32_t> history = {7, 9, 9};
  auto sampler = Sampler::Make(options, kVocab);
  REQUIRE(sampler.ok());
  const auto trace = sampler->Trace(logits, history, 0, {}, 299);
  REQUIRE(trace.ok());
  REQUIRE(trace->tokens.size() >= SamplerTrace::kBest);
  CHECK(std::ranges::count(trace->tokens, 299, &TracedToken::id) == 1);

  std::map<int32_t, double> scores;
  for (size_t id = 0; id < kVocab; ++id) scores[static_cast<int32_t>(id)] = logits[id];
  CheckStep(*trace, SamplerStep::kRaw, Softmax(scores, 1));
  scores[5] += 3;
  for (const int32_t id : {7, 9}) scores[id] *= scores[id] > 0 ? 1 / 1.3 : 1.3;
  CheckStep(*trace, SamplerStep::kPenalties, Softmax(scores, 1));
  const auto tempered = Softmax(scores, 0.8);
  CheckStep(*trace, SamplerStep::kTemperature, tempered);

  std::vector<double> sorted;
  sorted.reserve(tempered.size());
  for (const auto& [id, p] : tempered) sorted.push_back(p);
  std::sort(sorted.rbegin(), sorted.rend());
  const auto top_k = Filter(tempered, [&](int32_t, double p) { return p >= sorted[39]; });
  CheckStep(*trace, SamplerStep::kTopK, top_k);
  // A token is in the nucleus when those before it do not reach p.
  const auto before = [&](const std::map<int32_t, double>& all, double own) {
    double sum = 0;
    for (const auto& [id, p] : all) sum += p > own ? p : 0;
    return sum;
  };
  const auto top_p = Filter(top_k, [&](int32_t, double p) { return before(top_k, p) < 0.9; });
  CheckStep(*trace, SamplerStep::kTopP, top_p);
  double best = 0;
  for (const auto& [id, p] : top_p) best = std::max(best, p);
  const auto min_p = Filter(top_p, [&](int32_t, double p) { return p >= 0.1 * best; });
  CheckStep(*trace, SamplerStep::kMinP, min_p);
  // Not in effect: as the step before.
  CheckStep(*trace, SamplerStep::kTypicalP, min_p);
  CHECK((top_k.size() > top_p.size() && top_p.size() > min_p.size()));  // else nothing is tested
}

TEST_CASE("A trace ends with what is drawn from, and draws nothing") {
  const std::vector<float> logits = RandomLogits(500, 12);
  GenerationOptions options;
  options.top_k = 0;
  options.top_p = 0.95;
  options.typical_p = 0.5;
  options.seed = 3;
  auto sampler = Sampler::Make(options, 500);
  auto other = Sampler::Make(options, 500);
  for (int i = 0; i < 20; ++i) {
    const auto trace = sampler->Trace(logits, {}, 0, {}, -1);
    REQUIRE(trace.ok());
    CHECK(trace->tokens.size() == SamplerTrace::kBest);
    const auto drawn = sampler->Next(logits, {}, 0, {});
    CHECK(drawn->id == other->Next(logits, {}, 0, {})->id);
    CHECK(trace->left.back() == sampler->kept().size());
    double sum = 0;
    for (const Candidate& candidate : sampler->kept()) sum += candidate.weight;
    for (const TracedToken& token : trace->tokens) {
      const auto kept = std::ranges::find(sampler->kept(), token.id, &Candidate::id);
      const bool left = kept != sampler->kept().end();
      CHECK(token.probability.back() == (left ? kept->weight / sum : 0));
      if (!left) CHECK(token.removed_by >= SamplerStep::kTopP);
    }
  }
}

TEST_CASE("Temperature 0 leaves the best after penalties alone") {
  GenerationOptions options;
  options.temperature = 0;
  options.no_repeat_ngram_size = 1;
  auto sampler = Sampler::Make(options, 4);
  const std::vector<float> logits = {1, 4, 3, kMaskedLogit};
  const std::vector<int32_t> history = {1};
  const auto trace = sampler->Trace(logits, history, 0, {}, 3);
  REQUIRE(trace.ok());
  CHECK(trace->left == std::array<uint32_t, kSamplerSteps>{3, 2, 1, 1, 1, 1, 1});
  const std::vector<int32_t> order = {1, 2, 0, 3};
  const std::vector<SamplerStep> removed = {SamplerStep::kPenalties, SamplerStep::kRaw,
                                            SamplerStep::kTemperature, SamplerStep::kRaw};
  REQUIRE(trace->tokens.size() == order.size());
  for (size_t i = 0; i < 3; ++i) {
    CHECK(trace->tokens[i].id == order[i]);
    CHECK(trace->tokens[i].removed_by == removed[i]);
    CHECK(trace->tokens[i].probability.back() == (order[i] == 2 ? 1 : 0));
  }
  CHECK(trace->tokens[3].id == 3);
  CHECK(trace->tokens[3].probability[0] == 0);
}

TEST_CASE("I4: a trace of masked tokens has nothing left") {
  GenerationOptions options;
  options.no_repeat_ngram_size = 1;
  auto sampler = Sampler::Make(options, 2);
  const std::vector<float> logits = {1, 2};
  const std::vector<int32_t> history = {0, 1};
  const auto trace = sampler->Trace(logits, history, 0, {}, 0);
  REQUIRE(trace.ok());
  CHECK(trace->left == std::array<uint32_t, kSamplerSteps>{2, 0, 0, 0, 0, 0, 0});
  for (const TracedToken& token : trace->tokens) {
    CHECK(token.removed_by == SamplerStep::kPenalties);
    CHECK(token.probability.back() == 0);
  }
}

TEST_CASE("I2, I3: a trace of wrong arguments is an error") {
  auto sampler = Sampler::Make({}, 3);
  const std::vector<float> logits = {0, 1, 2};
  CHECK(sampler->Trace(logits, {}, 0, {}, 3).error().code == Code::kBadArg);
  const std::vector<float> bad = {0, std::numeric_limits<float>::quiet_NaN(), 1};
  CHECK(sampler->Trace(bad, {}, 0, {}, -1).error().code == Code::kNonfinite);
}

TEST_CASE("A token's score is its log-probability, rank and the distribution's entropy") {
  std::vector<float> logits = RandomLogits(200, 13);
  logits[50] = logits[60];  // equals rank by id
  logits[70] = kMaskedLogit;
  double sum = 0;
  for (const float logit : logits) sum += std::exp(double{logit});
  double entropy = 0;
  for (const float logit : logits) {
    const double p = std::exp(double{logit}) / sum;
    if (p > 0) entropy -= p * std::log(p);
  }
  for (const int32_t id : {0, 50, 60, 199}) {
    const float own = logits[static_cast<size_t>(id)];
    const TokenScore score = ScoreToken(logits, id);
    CHECK(score.id == id);
    CHECK_THAT(score.logprob, WithinAbs(double{own} - std::log(sum), kRounding));
    CHECK_THAT(score.entropy, WithinAbs(entropy, kRounding));
    uint32_t rank = 1;
    for (size_t other = 0; other < logits.size(); ++other) rank += logits[other] > own;
    CHECK(score.rank == rank + (id == 60));
  }
  const TokenScore masked = ScoreToken(logits, 70);
  CHECK(masked.logprob == -std::numeric_limits<double>::infinity());
  CHECK(masked.rank == 200);
}

}  // namespace
}  // namespace parley
