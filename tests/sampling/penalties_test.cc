// Penalties and bans against their formulas, computed here in another way.
#include "sampling/penalties.h"

#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <set>
#include <vector>

#include "sampling/distribution.h"

namespace parley {
namespace {

TEST_CASE("logit_bias is added") {
  std::vector<double> scores = {1, -2, 3};
  const std::vector<std::pair<int32_t, double>> biases = {{1, 0.5}, {2, -100}};
  ApplyLogitBias(biases, scores);
  CHECK(scores == std::vector<double>{1, -1.5, -97});
}

TEST_CASE("repetition_penalty divides positive scores and multiplies others, once an id") {
  std::vector<double> scores = {3, -3, 0, 3, kMasked};
  std::vector<uint32_t> counts(5);
  const std::vector<int32_t> window = {1, 0, 0, 2, 4, 1};
  ApplyRepetitionPenalty(1.5, window, counts, scores);
  CHECK(scores == std::vector<double>{2, -4.5, 0, 3, kMasked});
  CHECK(counts == std::vector<uint32_t>(5));
}

TEST_CASE("repetition_penalty of any size leaves scores finite") {
  std::vector<double> scores = {3e38, -3e38};
  std::vector<uint32_t> counts(2);
  const std::vector<int32_t> window = {0, 1};
  ApplyRepetitionPenalty(5e-324, window, counts, scores);
  CHECK(std::isfinite(scores[0]));
  CHECK(std::isfinite(scores[1]));
  CHECK(scores[0] > scores[1]);
}

TEST_CASE("frequency_penalty counts, presence_penalty does not") {
  std::vector<double> scores = {1, 2, 3};
  std::vector<uint32_t> counts(3);
  const std::vector<int32_t> history = {2, 0, 2, 2};
  ApplyFrequencyAndPresencePenalty(0.5, 0.25, history, counts, scores);
  CHECK(scores == std::vector<double>{1 - 0.5 - 0.25, 2, 3 - 3 * 0.5 - 0.25});
  CHECK(counts == std::vector<uint32_t>(3));
  ApplyFrequencyAndPresencePenalty(-0.5, 0, history, counts, scores);
  CHECK(scores == std::vector<double>{1 - 0.25, 2, 3 - 0.25});
}

// The definition, word for word: banned is what would make the last n tokens a sequence that
// occurred before.
std::set<int32_t> BannedByDefinition(uint32_t n, std::vector<int32_t> history, int32_t vocab_size) {
  std::set<std::vector<int32_t>> seen;
  for (size_t i = 0; i + n <= history.size(); ++i) {
    seen.insert({history.begin() + static_cast<ptrdiff_t>(i),
                 history.begin() + static_cast<ptrdiff_t>(i + n)});
  }
  std::set<int32_t> banned;
  for (int32_t id = 0; id < vocab_size; ++id) {
    std::vector<int32_t> longer = history;
    longer.push_back(id);
    if (longer.size() < n) continue;
    if (seen.contains({longer.end() - static_cast<ptrdiff_t>(n), longer.end()})) banned.insert(id);
  }
  return banned;
}

TEST_CASE("no_repeat_ngram_size bans exactly the ids that would repeat an n-gram") {
  // All histories of up to 6 tokens over 3 ids, n from 1 to 4.
  for (size_t length = 0; length <= 6; ++length) {
    size_t total = 1;
    for (size_t i = 0; i < length; ++i) total *= 3;
    for (size_t code = 0; code < total; ++code) {
      std::vector<int32_t> history;
      for (size_t i = 0, rest = code; i < length; ++i, rest /= 3) {
        history.push_back(static_cast<int32_t>(rest % 3));
      }
      for (uint32_t n = 1; n <= 4; ++n) {
        std::vector<double> scores(3, 1.0);
        BanRepeatedNgrams(n, history, scores);
        const std::set<int32_t> banned = BannedByDefinition(n, history, 3);
        for (int32_t id = 0; id < 3; ++id) {
          REQUIRE((scores[static_cast<size_t>(id)] == kMasked) == banned.contains(id));
        }
      }
    }
  }
}

TEST_CASE("Masked tokens cannot come back") {
  std::vector<double> scores = {1, 2};
  std::vector<uint32_t> counts(2);
  const std::vector<int32_t> ids = {1};
  MaskTokens(ids, scores);
  ApplyRepetitionPenalty(0.5, ids, counts, scores);
  ApplyFrequencyAndPresencePenalty(-2, -2, ids, counts, scores);
  const std::vector<std::pair<int32_t, double>> biases = {{1, 100}};
  ApplyLogitBias(biases, scores);
  CHECK(scores == std::vector<double>{1, kMasked});
}

}  // namespace
}  // namespace parley
