// The distribution over the next token that logits stand for, before any sampler: what it says of
// one token and of itself.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

namespace parley {

// The logit of a token that cannot be chosen.
inline constexpr double kMasked = -std::numeric_limits<double>::infinity();

// How a token was found by what predicted it.
struct TokenScore {
  double logprob = 0;  // nats: log of its probability
  double entropy = 0;  // nats: of the whole distribution, -sum p log p (Shannon 1948)
  int32_t id = -1;
  uint32_t rank = 0;  // 1: the likeliest; of equals the lowest id first. 0: nothing predicted it
};

// log(sum(exp(logit))), with the greatest taken out of the sum; minus infinity when all tokens are
// masked, that is minus infinity themselves. logits: no NaN, no plus infinity.
double LogSumExp(std::span<const float> logits);

// Fills `best` with the ids of the greatest logits, best first, of equals the lowest first, and
// returns how many there are: fewer than asked for when there are fewer logits.
size_t BestTokens(std::span<const float> logits, std::span<int32_t> best);

// `id`: within the logits.
TokenScore ScoreToken(std::span<const float> logits, int32_t id);

}  // namespace parley
