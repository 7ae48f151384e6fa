// Compares a model with golden outputs of GPT2LMHeadModel: prompt ids, logits of every position,
// greedy continuations.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "model/language_model.h"
#include "tokenizer/tokenizer.h"

namespace parley {

struct GoldenReport {
  size_t prompts = 0;
  size_t positions = 0;               // of prompts, compared
  size_t greedy_tokens = 0;           // compared
  double worst_logit_error = 0;       // over all logits compared
  std::vector<std::string> failures;  // sentences; empty when everything was as it should be
};

// `golden_json` and `last_logits` are the paths of the files that tests/golden/parley-17m/README.md
// describes. Logits may differ by `tolerance`. A greedy continuation is followed token by token:
// each must be the best after the ones before it, which is what generating it would show.
GoldenReport CompareWithGolden(LanguageModel& model, const Tokenizer& tokenizer,
                               const std::string& golden_json, const std::string& last_logits,
                               double tolerance);

// The weights of every layer and head for the last token of each golden prompt, prompt after
// prompt: as `model` has them, and as `weights` does, the file that scripts/golden_attention.py
// writes.
struct AttentionPair {
  std::vector<float> model;
  std::vector<float> golden;
};
AttentionPair GoldenAttention(LanguageModel& model, const std::string& golden_json,
                              const std::string& weights);
// The largest difference; infinity when there are not as many of both.
double LargestDifference(std::span<const float> a, std::span<const float> b);

}  // namespace parley
