// Truncations of the distribution. Probabilities are never divided out where a comparison of
// weights does.
#include "sampling/truncations.h"

#include <algorithm>
#include <cmath>

#include "base/math.h"
#include "sampling/distribution.h"

namespace parley {
namespace {

double SumOfWeights(std::span<const Candidate> candidates) {
  double sum = 0;
  for (const Candidate& candidate : candidates) sum += candidate.weight;
  return sum;
}

}  // namespace

std::span<Candidate> AllCandidates(std::span<const double> scores, std::span<Candidate> room) {
  size_t count = 0;
  for (size_t id = 0; id < scores.size(); ++id) {
    if (scores[id] == kMasked) continue;
    room[count++] = {.score = scores[id], .id = static_cast<int32_t>(id)};
  }
  return room.first(count);
}

std::span<Candidate> TopK(std::span<const double> scores, std::span<Candidate> room,
                          uint32_t first_id) {
  // A heap of the best so far with the worst of them in front: most ids cost one comparison. Ids
  // come in ascending order, so one that merely equals the worst loses to it.
  double worst = kMasked;
  size_t count = 0;
  for (size_t id = 0; id < scores.size(); ++id) {
    if (scores[id] <= worst) continue;
    if (count == room.size()) {
      std::pop_heap(room.begin(), room.end(), Better);
      --count;
    }
    room[count++] = {.score = scores[id], .id = static_cast<int32_t>(first_id + id)};
    std::push_heap(room.begin(), room.begin() + static_cast<ptrdiff_t>(count), Better);
    if (count == room.size()) worst = room[0].score;
  }
  const std::span<Candidate> kept = room.first(count);
  std::sort(kept.begin(), kept.end(), Better);
  return kept;
}

void Weigh(double temperature, std::span<Candidate> candidates) {
  double best = kMasked;
  for (const Candidate& candidate : candidates) best = std::max(best, candidate.score);
  for (Candidate& candidate : candidates) {
    candidate.score = (candidate.score - best) / temperature;
    candidate.weight = Exp(candidate.score);
  }
}

std::span<Candidate> TopP(double p, std::span<Candidate> candidates) {
  const double wanted = p * SumOfWeights(candidates);
  // Pops the best one after the other, so that a long tail is never sorted.
  const auto worse = [](const Candidate& a, const Candidate& b) { return Better(b, a); };
  std::make_heap(candidates.begin(), candidates.end(), worse);
  double reached = 0;
  size_t left = candidates.size();
  while (left > 0 && reached < wanted) {
    std::pop_heap(candidates.begin(), candidates.begin() + static_cast<ptrdiff_t>(left), worse);
    reached += candidates[--left].weight;
  }
  std::reverse(candidates.begin(), candidates.end());
  return candidates.first(candidates.size() - left);
}

std::span<Candidate> MinP(double min_p, std::span<Candidate> candidates) {
  double best = 0;
  for (const Candidate& candidate : candidates) best = std::max(best, candidate.weight);
  size_t kept = 0;
  for (const Candidate& candidate : candidates) {
    if (candidate.weight >= min_p * best) candidates[kept++] = candidate;
  }
  return candidates.first(kept);
}

std::span<Candidate> TypicalP(double p, std::span<Candidate> candidates) {
  const double sum = SumOfWeights(candidates);
  const double log_sum = Log(sum);
  // entropy = -sum p log p, with log p = score - log(sum); 0 log 0 is 0.
  double entropy = 0;
  for (const Candidate& candidate : candidates) {
    if (candidate.weight > 0) entropy -= candidate.weight / sum * (candidate.score - log_sum);
  }
  for (Candidate& candidate : candidates) {
    candidate.key = std::abs(-(candidate.score - log_sum) - entropy);
  }
  std::sort(candidates.begin(), candidates.end(), [](const Candidate& a, const Candidate& b) {
    return a.key != b.key ? a.key < b.key : a.id < b.id;
  });
  double reached = 0;
  size_t kept = 0;
  while (kept < candidates.size() && reached < p * sum) reached += candidates[kept++].weight;
  return candidates.first(kept);
}

int32_t DrawCandidate(double unit, std::span<const Candidate> candidates) {
  const double target = unit * SumOfWeights(candidates);
  double reached = 0;
  for (const Candidate& candidate : candidates) {
    reached += candidate.weight;
    if (reached > target) return candidate.id;
  }
  return candidates.back().id;
}

}  // namespace parley
