// One pass for the sum, one for what the sum is needed for.
#include "sampling/distribution.h"

#include <algorithm>

#include "base/math.h"

namespace parley {

double LogSumExp(std::span<const float> logits) {
  const float greatest = *std::max_element(logits.begin(), logits.end());
  if (greatest == kMasked) return kMasked;
  double sum = 0;
  for (const float logit : logits) sum += Exp(double{logit} - greatest);
  return greatest + Log(sum);
}

// Insertion into a short sorted list: most ids cost one comparison.
size_t BestTokens(std::span<const float> logits, std::span<int32_t> best) {
  const auto logit_at = [&](size_t place) { return logits[static_cast<size_t>(best[place])]; };
  size_t count = 0;
  for (size_t id = 0; id < logits.size() && !best.empty(); ++id) {
    if (count == best.size() && !(logits[id] > logit_at(count - 1))) continue;
    size_t at = count < best.size() ? count++ : count - 1;
    for (; at > 0 && logits[id] > logit_at(at - 1); --at) best[at] = best[at - 1];
    best[at] = static_cast<int32_t>(id);
  }
  return count;
}

TokenScore ScoreToken(std::span<const float> logits, int32_t id) {
  TokenScore score{.id = id, .rank = 1};
  const float own = logits[static_cast<size_t>(id)];
  const double log_sum = LogSumExp(logits);
  for (size_t other = 0; other < logits.size(); ++other) {
    const float logit = logits[other];
    score.rank += logit > own || (logit == own && other < static_cast<size_t>(id));
    if (logit == kMasked) continue;  // 0 log 0 is 0
    const double logprob = logit - log_sum;
    score.entropy -= Exp(logprob) * logprob;
  }
  score.logprob = own == kMasked ? kMasked : own - log_sum;
  return score;
}

}  // namespace parley
