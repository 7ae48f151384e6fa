// Logits that tests of sampling share.
#pragma once

#include <cstdint>
#include <limits>
#include <random>
#include <vector>

namespace parley::test {

inline constexpr float kMaskedLogit = -std::numeric_limits<float>::infinity();

inline std::vector<float> RandomLogits(size_t count, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0, 2);
  std::vector<float> logits(count);
  for (float& logit : logits) logit = normal(random);
  return logits;
}

}  // namespace parley::test
