// The sampler as a whole: order of the steps, windows, determinism, distribution,
// log-probabilities, odd inputs.
#include "sampling/sampler.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>
#include <cmath>
#include <limits>
#include <map>
#include <vector>

#include "sampling/logits.h"

namespace parley {
namespace {

using Catch::Matchers::WithinAbs;
using test::kMaskedLogit;
using test::RandomLogits;

GenerationOptions Greedy() {
  GenerationOptions options;
  options.temperature = 0;
  return options;
}

int32_t NextId(const GenerationOptions& options, const std::vector<float>& logits,
               const std::vector<int32_t>& history = {}, uint32_t generated = 0,
               const std::vector<int32_t>& end_ids = {}) {
  auto sampler = Sampler::Make(options, static_cast<uint32_t>(logits.size()));
  REQUIRE(sampler.ok());
  auto sample = sampler->Next(logits, history, generated, end_ids);
  REQUIRE(sample.ok());
  return sample->id;
}

TEST_CASE("Temperature 0 takes the best, the lowest id of equals") {
  CHECK(NextId(Greedy(), {1, 5, 3, 5}) == 1);
  CHECK(NextId(Greedy(), {-5, -7, -6}) == 0);
}

TEST_CASE("logit_bias comes before repetition_penalty") {
  GenerationOptions options = Greedy();
  options.repetition_penalty = 2;
  options.logit_bias = {{0, 4}};
  // Biased first: (-1 + 4) / 2 = 1.5 < 2. The other way round: -1 * 2 + 4 = 2, equal, and id 0
  // would win.
  CHECK(NextId(options, {-1, 2}, {0}) == 1);
}

TEST_CASE("Of several biases for one id the last counts") {
  GenerationOptions options = Greedy();
  options.logit_bias = {{0, 9}, {2, 3}, {0, -9}, {1, 1}, {0, 2}};
  CHECK(NextId(options, {0, 1.5f, 0}) == 2);  // 2, 2.5, 3
  options.logit_bias.emplace_back(2, 0);
  CHECK(NextId(options, {0, 1.5f, 0}) == 1);
}

TEST_CASE("repetition_penalty comes before frequency and presence penalties") {
  GenerationOptions options = Greedy();
  options.repetition_penalty = 2;
  options.frequency_penalty = 1;
  options.presence_penalty = 1;
  // 4 / 2 - 1 - 1 = 0 < 0.5. The other way round: (4 - 2) / 2 = 1 > 0.5.
  CHECK(NextId(options, {4, 0.5f}, {0}) == 1);
}

TEST_CASE("repeat_last_n limits repetition_penalty only") {
  GenerationOptions options = Greedy();
  options.repetition_penalty = 4;
  options.repeat_last_n = 2;
  CHECK(NextId(options, {8, 3, 1}, {0, 1, 2}) == 0);  // id 0 is outside the last two
  options.repeat_last_n = 3;
  CHECK(NextId(options, {8, 3, 1}, {0, 2, 2}) == 1);
  options.repeat_last_n = 0;
  CHECK(NextId(options, {8, 3, 1}, {0, 2, 2, 2, 2}) == 1);
  options = Greedy();
  options.presence_penalty = 2;
  options.repeat_last_n = 1;
  CHECK(NextId(options, {4, 3, 1}, {0, 2, 2}) == 1);
}

TEST_CASE("no_repeat_ngram_size bans the repetition") {
  GenerationOptions options = Greedy();
  options.no_repeat_ngram_size = 2;
  CHECK(NextId(options, {0, 9, 1}, {0, 1, 0}) == 2);
  CHECK(NextId(options, {0, 9, 1}, {0, 2, 0}) == 1);
}

TEST_CASE("End and stop tokens are masked before min_tokens") {
  GenerationOptions options = Greedy();
  options.min_tokens = 3;
  options.stop_token_ids = {1};
  CHECK(NextId(options, {5, 4, 3}, {}, 2, {0}) == 2);
  CHECK(NextId(options, {5, 4, 3}, {}, 3, {0}) == 0);
}

TEST_CASE("I4: when every candidate is masked, the best of the raw logits") {
  GenerationOptions options = Greedy();
  options.no_repeat_ngram_size = 1;
  CHECK(NextId(options, {1, 3, 2}, {0, 1, 2}) == 1);
  options.temperature = 1;
  CHECK(NextId(options, {1, 3, 2}, {0, 1, 2}) == 1);
  CHECK(NextId(options, {kMaskedLogit, kMaskedLogit}, {}) == 0);
  options.top_logprobs = 1;
  CHECK(NextId(options, {kMaskedLogit, kMaskedLogit}, {}) == 0);
}

TEST_CASE("I3: a logit that is not a number is an error; the sampler goes on") {
  GenerationOptions options;
  auto sampler = Sampler::Make(options, 3);
  REQUIRE(sampler.ok());
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float inf = std::numeric_limits<float>::infinity();
  for (float bad : {nan, inf}) {
    const std::vector<float> logits = {0, bad, 1};
    const auto sample = sampler->Next(logits, {}, 0, {});
    REQUIRE_FALSE(sample.ok());
    CHECK(sample.error().code == Code::kNonfinite);
    CHECK(sample.error().message.find("token 1") != std::string::npos);
  }
  const std::vector<float> logits = {kMaskedLogit, 0, kMaskedLogit};
  CHECK(sampler->Next(logits, {}, 0, {})->id == 1);
}

TEST_CASE("I2: ids outside the vocabulary and wrong sizes are errors") {
  auto sampler = Sampler::Make({}, 3);
  REQUIRE(sampler.ok());
  const std::vector<float> logits = {0, 0, 0};
  const std::vector<int32_t> high = {3}, low = {-1};
  CHECK(sampler->Next(logits, high, 0, {}).error().code == Code::kBadArg);
  CHECK(sampler->Next(logits, low, 0, {}).error().code == Code::kBadArg);
  CHECK(sampler->Next(logits, {}, 0, high).error().code == Code::kBadArg);
  CHECK(sampler->Next(std::span(logits).first(2), {}, 0, {}).error().code == Code::kBadArg);
  GenerationOptions options;
  options.logit_bias = {{3, 1}};
  CHECK(Sampler::Make(options, 3).error().code == Code::kBadArg);
}

TEST_CASE("I6: one seed gives one sequence, another seed another") {
  const auto sequence = [](uint64_t seed) {
    GenerationOptions options;
    options.seed = seed;
    auto sampler = Sampler::Make(options, 100);
    std::vector<int32_t> ids;
    for (uint32_t i = 0; i < 50; ++i) {
      ids.push_back(sampler->Next(RandomLogits(100, i), ids, i, {})->id);
    }
    return ids;
  };
  CHECK(sequence(7) == sequence(7));
  CHECK(sequence(7) != sequence(8));
}

// Draws follow the distribution that the options define. With 20,000 draws a frequency's standard
// deviation is at most 0.0036; five of them bound each of the few checks below, a chance of 6e-7
// for a right sampler to fail, and the seed is fixed.
TEST_CASE("Frequencies of draws are the probabilities") {
  const std::vector<float> logits = {2, 1, 0, -1};
  struct Case {
    const char* name;
    GenerationOptions options;
    std::vector<double> scores;  // of what is kept; -infinity: nothing
  };
  const double no = -std::numeric_limits<double>::infinity();
  std::vector<Case> cases;
  GenerationOptions plain;
  plain.top_k = 0;
  plain.seed = 1;
  cases.push_back({"all", plain, {2, 1, 0, -1}});
  auto options = plain;
  options.temperature = 2;
  cases.push_back({"temperature", options, {1, 0.5, 0, -0.5}});
  options = plain;
  options.top_k = 2;
  cases.push_back({"top_k", options, {2, 1, no, no}});
  options = plain;
  options.top_p = 0.85;  // probabilities 0.644, 0.237, 0.087, 0.032
  cases.push_back({"top_p", options, {2, 1, no, no}});
  options = plain;
  options.min_p = 0.1;  // ratios 1, 0.37, 0.135, 0.05
  cases.push_back({"min_p", options, {2, 1, 0, no}});
  options = plain;
  options.typical_p =
      0.2;  // entropy 0.9475; surprises 0.440, 1.440, 2.440, 3.440: id 1 is closest and reaches 0.2
  cases.push_back({"typical_p", options, {no, 1, no, no}});
  options = plain;
  options.logit_bias = {{3, 4}};
  cases.push_back({"logit_bias", options, {2, 1, 0, 3}});
  for (const Case& c : cases) {
    INFO(c.name);
    auto sampler = Sampler::Make(c.options, 4);
    REQUIRE(sampler.ok());
    std::map<int32_t, int> counts;
    for (int i = 0; i < 20000; ++i) ++counts[sampler->Next(logits, {}, 0, {})->id];
    double sum = 0;
    for (double score : c.scores) sum += std::exp(score);
    for (int32_t id = 0; id < 4; ++id) {
      const double p = std::exp(c.scores[static_cast<size_t>(id)]) / sum;
      if (p == 0) CHECK(counts[id] == 0);
      CHECK_THAT(counts[id] / 20000.0, WithinAbs(p, 5 * std::sqrt(p * (1 - p) / 20000) + 1e-12));
    }
  }
}

TEST_CASE("Truncations renormalise one after the other") {
  // Probabilities of {2, 1, 0, -1}: 0.644, 0.237, 0.087, 0.032. top_k 2 leaves 0.731 and 0.269, so
  // that top_p 0.7 keeps one; without renormalising, 0.644 would need the second.
  GenerationOptions options;
  options.top_k = 2;
  options.top_p = 0.7;
  const std::vector<float> logits = {2, 1, 0, -1};
  auto sampler = Sampler::Make(options, 4);
  for (int i = 0; i < 200; ++i) CHECK(sampler->Next(logits, {}, 0, {})->id == 0);
}

TEST_CASE("Log-probabilities are of the raw logits, whatever the options do") {
  GenerationOptions options = Greedy();
  options.top_logprobs = 3;
  options.logit_bias = {{4, 100}};
  const std::vector<float> logits = {1, 3, 2, 3, -4};
  auto sampler = Sampler::Make(options, 5);
  const auto sample = sampler->Next(logits, {}, 0, {});
  REQUIRE(sample.ok());
  double sum = 0;
  for (float logit : logits) sum += std::exp(static_cast<double>(logit));
  CHECK(sample->id == 4);
  // A few roundings of numbers below 8: 1e-14 is over ten units in the last place.
  CHECK_THAT(sample->logprob, WithinAbs(-4 - std::log(sum), 1e-14));
  REQUIRE(sample->alternatives.size() == 3);
  const int32_t expected[] = {1, 3, 2};
  for (size_t i = 0; i < 3; ++i) {
    CHECK(sample->alternatives[i].id == expected[i]);
    const double logit = logits[static_cast<size_t>(expected[i])];
    CHECK_THAT(sample->alternatives[i].logprob, WithinAbs(logit - std::log(sum), 1e-14));
  }
}

TEST_CASE("Alternatives are the best of many, ties by the lowest id, at most the vocabulary") {
  std::vector<float> logits = RandomLogits(500, 3);
  for (size_t i = 0; i < 100; ++i) logits[i * 5] = logits[i];
  GenerationOptions options = Greedy();
  options.top_logprobs = 20;
  auto sampler = Sampler::Make(options, 500);
  const auto sample = sampler->Next(logits, {}, 0, {});
  std::vector<int32_t> order(500);
  for (size_t i = 0; i < 500; ++i) order[i] = static_cast<int32_t>(i);
  std::stable_sort(order.begin(), order.end(), [&](int32_t a, int32_t b) {
    return logits[static_cast<size_t>(a)] > logits[static_cast<size_t>(b)];
  });
  REQUIRE(sample->alternatives.size() == 20);
  for (size_t i = 0; i < 20; ++i) CHECK(sample->alternatives[i].id == order[i]);
  auto small = Sampler::Make(options, 3);
  const std::vector<float> three = {0, 2, 1};
  CHECK(small->Next(three, {}, 0, {})->alternatives.size() == 3);
}

#if PARLEY_THREADS
TEST_CASE("Any number of threads chooses the same tokens") {
  constexpr uint32_t kVocab = 1003;
  std::vector<float> logits = RandomLogits(kVocab, 6);
  for (size_t i = 0; i < 200; ++i) logits[i * 5] = logits[i];  // ties between the threads' parts
  std::vector<GenerationOptions> many(6);
  many[0].temperature = 0;
  many[1].top_k = 1;
  many[2].top_k = 40;
  many[3].top_k = 400;
  many[4].top_k = 1000;
  many[5].top_k = 0;
  for (GenerationOptions& options : many) {
    options.seed = 7;
    options.repetition_penalty = 1.2;
    auto alone = Sampler::Make(options, kVocab);
    REQUIRE(alone.ok());
    std::vector<int32_t> expected;
    for (uint32_t i = 0; i < 20; ++i) {
      expected.push_back(alone->Next(logits, expected, i, {})->id);
    }
    const auto kept = [](const Sampler& sampler) {
      std::vector<int32_t> ids;
      for (const Candidate& candidate : sampler.kept()) ids.push_back(candidate.id);
      return ids;
    };
    for (const uint32_t threads : {2u, 3u, 5u}) {
      const auto pool = ThreadPool::Make(threads);
      REQUIRE(pool.ok());
      auto sampler = Sampler::Make(options, kVocab, pool->get());
      REQUIRE(sampler.ok());
      INFO("top_k " << options.top_k << ", " << threads << " threads");
      for (uint32_t i = 0; i < 20; ++i) {
        (*pool)->Use(1 + (i + threads - 1) % threads);
        const auto sample = sampler->Next(logits, std::span(expected).first(i), i, {});
        REQUIRE(sample.ok());
        REQUIRE(sample->id == expected[i]);
      }
      CHECK(kept(*sampler) == kept(*alone));
      for (const size_t bad : {size_t{3}, size_t{kVocab - 1}}) {
        std::vector<float> broken = logits;
        broken[bad] = broken[kVocab - 1] = NAN;
        const auto sample = sampler->Next(broken, {}, 0, {});
        CHECK(sample.error().code == Code::kNonfinite);
        CHECK(sample.error().message.find("token " + std::to_string(bad) + " ") !=
              std::string::npos);
      }
    }
  }
}
#endif

TEST_CASE("Sampling a token allocates nothing through buffers") {
  GenerationOptions options;
  options.repetition_penalty = 1.1;
  options.frequency_penalty = 0.1;
  options.no_repeat_ngram_size = 3;
  options.top_p = 0.9;
  options.min_p = 0.01;
  options.typical_p = 0.9;
  options.top_logprobs = 5;
  auto sampler = Sampler::Make(options, 1000);
  const std::vector<float> logits = RandomLogits(1000, 5);
  const std::vector<int32_t> history = {1, 2, 3, 1, 2};
  const uint64_t before = GetAllocationCounts().allocations;
  for (uint32_t i = 0; i < 10; ++i) REQUIRE(sampler->Next(logits, history, i, {}).ok());
  CHECK(GetAllocationCounts().allocations == before);
}

}  // namespace
}  // namespace parley
