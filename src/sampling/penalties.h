// What changes scores before any candidate is chosen: biases, penalties on what was said, bans.
// Scores are logits in double; a masked token's score is minus infinity. How to add one: write it
// here, call it in Sampler::Penalize.
#pragma once

#include <cstdint>
#include <span>
#include <utility>

namespace parley {

// scores[id] += bias (OpenAI's logit_bias).
void ApplyLogitBias(std::span<const std::pair<int32_t, double>> biases, std::span<double> scores);

// For each distinct id of `window`: score / penalty where positive, score * penalty where negative
// (CTRL, Keskar et al. 2019, section 4.1, in the form of Hugging Face's
// RepetitionPenaltyLogitsProcessor). counts: [vocab_size] zeros; zeros again afterwards.
void ApplyRepetitionPenalty(double penalty, std::span<const int32_t> window,
                            std::span<uint32_t> counts, std::span<double> scores);

// score -= count * frequency + (count > 0) * presence, `count` being how often the id is in
// `history` (OpenAI's API reference, "frequency and presence penalties"). counts: as above.
void ApplyFrequencyAndPresencePenalty(double frequency, double presence,
                                      std::span<const int32_t> history, std::span<uint32_t> counts,
                                      std::span<double> scores);

// Masks each id that would complete an n-gram that `history` already holds (Paulus et al. 2017,
// section 2.5; Hugging Face's NoRepeatNGramLogitsProcessor). n >= 1.
void BanRepeatedNgrams(uint32_t n, std::span<const int32_t> history, std::span<double> scores);

// score = minus infinity.
void MaskTokens(std::span<const int32_t> ids, std::span<double> scores);

}  // namespace parley
