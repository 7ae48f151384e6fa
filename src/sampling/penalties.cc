// Biases, penalties and bans on scores; each is a few additions for the few tokens it touches.
#include "sampling/penalties.h"

#include <algorithm>

#include "sampling/distribution.h"

namespace parley {
namespace {

// Keeps a score finite when a penalty close to 0 divides it.
constexpr double kLargestScore = 1e300;

}  // namespace

void ApplyLogitBias(std::span<const std::pair<int32_t, double>> biases, std::span<double> scores) {
  for (const auto& [id, bias] : biases) scores[static_cast<size_t>(id)] += bias;
}

void ApplyRepetitionPenalty(double penalty, std::span<const int32_t> window,
                            std::span<uint32_t> counts, std::span<double> scores) {
  for (int32_t id : window) {
    const auto i = static_cast<size_t>(id);
    if (counts[i]++ != 0 || scores[i] == kMasked) continue;
    const double penalized = scores[i] > 0 ? scores[i] / penalty : scores[i] * penalty;
    scores[i] = std::min(penalized, kLargestScore);
  }
  for (int32_t id : window) counts[static_cast<size_t>(id)] = 0;
}

void ApplyFrequencyAndPresencePenalty(double frequency, double presence,
                                      std::span<const int32_t> history, std::span<uint32_t> counts,
                                      std::span<double> scores) {
  for (int32_t id : history) ++counts[static_cast<size_t>(id)];
  for (int32_t id : history) {
    const auto i = static_cast<size_t>(id);
    if (counts[i] == 0) continue;  // done at its first occurrence
    scores[i] -= counts[i] * frequency + presence;
    counts[i] = 0;
  }
}

void BanRepeatedNgrams(uint32_t n, std::span<const int32_t> history, std::span<double> scores) {
  if (history.size() < n) return;
  const size_t prefix_size = n - 1;
  const std::span<const int32_t> prefix = history.last(prefix_size);
  for (size_t end = prefix_size; end < history.size(); ++end) {
    if (std::ranges::equal(prefix, history.subspan(end - prefix_size, prefix_size))) {
      scores[static_cast<size_t>(history[end])] = kMasked;
    }
  }
}

void MaskTokens(std::span<const int32_t> ids, std::span<double> scores) {
  for (int32_t id : ids) scores[static_cast<size_t>(id)] = kMasked;
}

}  // namespace parley
