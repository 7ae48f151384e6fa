// Which tokens may be drawn: top-k, top-p, min-p and typical sampling over a list of candidates.
// Each takes the candidates that the one before left, renormalises, and returns a prefix of them.
// How to add one: write it here, call it in Sampler::Truncate.
#pragma once

#include <cstdint>
#include <span>

namespace parley {

struct Candidate {
  double score = 0;   // logit after biases and penalties; after Weigh: minus the best, divided by
                      // the temperature
  double weight = 0;  // exp(score): the probability up to a factor that all candidates share
  double key = 0;     // scratch of TypicalP
  int32_t id = 0;
};

// Higher score first, then lower id: a total order, so that every sort has one result.
inline bool Better(const Candidate& a, const Candidate& b) {
  return a.score != b.score ? a.score > b.score : a.id < b.id;
}

// Candidates of all ids whose score is not minus infinity, in order of id. room: [scores.size()]
std::span<Candidate> AllCandidates(std::span<const double> scores, std::span<Candidate> room);

// The `room.size()` best of them (fewer when fewer are finite), best first (Fan et al. 2018,
// section 5.1). Ties go to the lowest id, so that never more than k are kept. scores[0] is that of
// `first_id`.
std::span<Candidate> TopK(std::span<const double> scores, std::span<Candidate> room,
                          uint32_t first_id = 0);

// Fills `weight` at this temperature (> 0): weight = exp((score - best) / temperature).
void Weigh(double temperature, std::span<Candidate> candidates);

// The smallest set of best candidates whose probabilities reach p, at least one, best first
// (Holtzman et al. 2019).
std::span<Candidate> TopP(double p, std::span<Candidate> candidates);

// Those with at least min_p of the best one's probability, in the order they had (Nguyen et al.
// 2024).
std::span<Candidate> MinP(double min_p, std::span<Candidate> candidates);

// The smallest set of candidates whose surprise is closest to the entropy and whose probabilities
// reach p, most typical first (Meister et al. 2022, equation 10).
std::span<Candidate> TypicalP(double p, std::span<Candidate> candidates);

// The candidate at `unit` in [0, 1) of the cumulated weights.
int32_t DrawCandidate(double unit, std::span<const Candidate> candidates);

}  // namespace parley
