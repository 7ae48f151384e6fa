// Truncations against their definitions, computed here in double with the standard library's exp
// and log.
#include "sampling/truncations.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>
#include <cmath>
#include <numeric>
#include <random>
#include <set>
#include <vector>

#include "sampling/distribution.h"

namespace parley {
namespace {

using Catch::Matchers::WithinRel;

std::vector<double> RandomScores(size_t count, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<double> normal(0, 3);
  std::vector<double> scores(count);
  for (double& score : scores) score = normal(random);
  return scores;
}

// Ids in order of descending score, then ascending id; masked ones left out.
std::vector<int32_t> Ranked(const std::vector<double>& scores) {
  std::vector<int32_t> ids;
  for (size_t i = 0; i < scores.size(); ++i) {
    if (scores[i] != kMasked) ids.push_back(static_cast<int32_t>(i));
  }
  std::stable_sort(ids.begin(), ids.end(), [&](int32_t a, int32_t b) {
    return scores[static_cast<size_t>(a)] > scores[static_cast<size_t>(b)];
  });
  return ids;
}

std::vector<double> Softmax(const std::vector<double>& scores, double temperature) {
  std::vector<double> p(scores.size());
  double sum = 0;
  for (size_t i = 0; i < p.size(); ++i) sum += p[i] = std::exp(scores[i] / temperature);
  for (double& value : p) value /= sum;
  return p;
}

std::vector<int32_t> Ids(std::span<const Candidate> candidates) {
  std::vector<int32_t> ids;
  for (const Candidate& candidate : candidates) ids.push_back(candidate.id);
  return ids;
}

struct Weighed {
  std::vector<Candidate> room;
  std::span<Candidate> all;
  Weighed(const std::vector<double>& scores, double temperature) : room(scores.size()) {
    all = AllCandidates(scores, room);
    Weigh(temperature, all);
  }
};

TEST_CASE("top_k keeps the k best, best first, ties by the lowest id") {
  std::vector<double> scores = RandomScores(200, 1);
  for (size_t i = 0; i < 60; ++i) scores[i * 3] = scores[(i * 7) % 200];  // ties
  scores[5] = scores[17] = kMasked;
  const std::vector<int32_t> ranked = Ranked(scores);
  for (size_t k : {1, 2, 3, 50, 197, 198, 199, 200}) {
    std::vector<Candidate> room(k);
    std::vector<int32_t> expected = ranked;
    expected.resize(std::min(k, ranked.size()));
    CHECK(Ids(TopK(scores, room)) == expected);
  }
}

TEST_CASE("All equal scores: the first k ids") {
  const std::vector<double> scores(10, 2.5);
  std::vector<Candidate> room(4);
  CHECK(Ids(TopK(scores, room)) == std::vector<int32_t>{0, 1, 2, 3});
}

TEST_CASE("Everything masked leaves no candidate") {
  const std::vector<double> scores(10, kMasked);
  std::vector<Candidate> room(10);
  CHECK(TopK(scores, room).empty());
  CHECK(AllCandidates(scores, room).empty());
}

TEST_CASE("Weights are probabilities up to one factor, at any temperature") {
  const std::vector<double> scores = RandomScores(50, 2);
  for (double temperature : {0.05, 0.7, 1.0, 2.0}) {
    const Weighed weighed(scores, temperature);
    const std::vector<double> p = Softmax(scores, temperature);
    double sum = 0;
    for (const Candidate& candidate : weighed.all) sum += candidate.weight;
    for (const Candidate& candidate : weighed.all) {
      // Two exponentials and a division apart, each within a few units of 2^-53 relative to the
      // exponent's size (<= 400).
      CHECK_THAT(candidate.weight / sum, WithinRel(p[static_cast<size_t>(candidate.id)], 1e-12));
    }
  }
}

TEST_CASE("A temperature close to 0 leaves one weight and no NaN") {
  const Weighed weighed({1.0, 3.0, 2.0, 3.0}, 5e-324);
  CHECK(weighed.all[1].weight == 1);
  CHECK(weighed.all[3].weight == 1);
  CHECK(weighed.all[0].weight == 0);
  CHECK(weighed.all[2].weight == 0);
}

TEST_CASE("top_p keeps the smallest set of best tokens that reaches p") {
  for (uint32_t seed = 0; seed < 20; ++seed) {
    const std::vector<double> scores = RandomScores(100, 10 + seed);
    const std::vector<double> probabilities = Softmax(scores, 1.3);
    const std::vector<int32_t> ranked = Ranked(scores);
    for (double p : {1e-9, 0.1, 0.5, 0.9, 0.92, 0.999}) {
      std::vector<int32_t> expected;
      double reached = 0;
      for (int32_t id : ranked) {
        if (reached >= p) break;
        reached += probabilities[static_cast<size_t>(id)];
        expected.push_back(id);
      }
      const Weighed weighed(scores, 1.3);
      CHECK(Ids(TopP(p, weighed.all)) == expected);
    }
  }
}

TEST_CASE("top_p at exact sums and ties") {
  // Probabilities 1/4 each: 0.5 is reached by exactly two.
  const Weighed weighed({0, 0, 0, 0}, 1);
  CHECK(Ids(TopP(0.5, weighed.all)) == std::vector<int32_t>{0, 1});
  const Weighed more({0, 0, 0, 0}, 1);
  CHECK(Ids(TopP(0.51, more.all)) == std::vector<int32_t>{0, 1, 2});
}

TEST_CASE("min_p keeps what has min_p of the best probability") {
  for (uint32_t seed = 0; seed < 20; ++seed) {
    const std::vector<double> scores = RandomScores(100, 40 + seed);
    const std::vector<double> p = Softmax(scores, 0.8);
    const double best = *std::max_element(p.begin(), p.end());
    for (double min_p : {0.01, 0.05, 0.3, 0.99}) {
      std::vector<int32_t> expected;
      for (size_t i = 0; i < p.size(); ++i) {
        if (p[i] >= min_p * best) expected.push_back(static_cast<int32_t>(i));
      }
      const Weighed weighed(scores, 0.8);
      CHECK(Ids(MinP(min_p, weighed.all)) == expected);
    }
  }
}

TEST_CASE("typical_p keeps the smallest set closest to the entropy that reaches p") {
  for (uint32_t seed = 0; seed < 20; ++seed) {
    const std::vector<double> scores = RandomScores(100, 70 + seed);
    const std::vector<double> p = Softmax(scores, 1);
    double entropy = 0;
    for (double value : p) entropy -= value * std::log(value);
    std::vector<int32_t> order(p.size());
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](int32_t a, int32_t b) {
      const auto distance = [&](int32_t id) {
        return std::abs(-std::log(p[static_cast<size_t>(id)]) - entropy);
      };
      return distance(a) < distance(b);
    });
    for (double mass : {1e-9, 0.2, 0.9, 0.95}) {
      std::set<int32_t> expected;
      double reached = 0;
      for (int32_t id : order) {
        if (reached >= mass) break;
        reached += p[static_cast<size_t>(id)];
        expected.insert(id);
      }
      const Weighed weighed(scores, 1);
      const std::vector<int32_t> kept = Ids(TypicalP(mass, weighed.all));
      CHECK(std::set<int32_t>(kept.begin(), kept.end()) == expected);
      CHECK(kept.size() == expected.size());
    }
  }
}

TEST_CASE("A draw falls where the cumulated weights say") {
  std::vector<Candidate> candidates(3);
  const double weights[] = {0.5, 0.25, 0.25};
  for (size_t i = 0; i < 3; ++i) {
    candidates[i].weight = weights[i];
    candidates[i].id = static_cast<int32_t>(10 + i);
  }
  CHECK(DrawCandidate(0, candidates) == 10);
  CHECK(DrawCandidate(std::nextafter(0.5, 0.0), candidates) == 10);
  CHECK(DrawCandidate(0.5, candidates) == 11);
  CHECK(DrawCandidate(0.75, candidates) == 12);
  CHECK(DrawCandidate(std::nextafter(1.0, 0.0), candidates) == 12);
}

}  // namespace
}  // namespace parley
