// Everything that steers one generation, with the names and ranges under which the page, the
// library and the command line know them. SetOption is the only parser of options.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace parley {

struct GenerationOptions {
  double temperature = 1.0;         // [0, 2]; 0 is greedy
  uint32_t top_k = 50;              // 0 is off
  double top_p = 1.0;               // (0, 1]
  double min_p = 0.0;               // [0, 1)
  double typical_p = 1.0;           // (0, 1]
  double repetition_penalty = 1.0;  // (0, 100]
  uint32_t repeat_last_n = 0;       // tokens that repetition_penalty sees; 0 is all
  double frequency_penalty = 0.0;   // [-2, 2]
  double presence_penalty = 0.0;    // [-2, 2]
  uint32_t no_repeat_ngram_size = 0;
  // id, [-100, 100]; at most 2^20; of several for one id the last counts
  std::vector<std::pair<int32_t, double>> logit_bias;
  bool has_seed = false;
  uint64_t seed = 0;                    // [0, 2^53 - 1]; drawn by the caller when not given
  uint32_t min_tokens = 0;              // end and stop tokens are masked before this many
  uint32_t max_tokens = 0;              // 0: to the end of the context
  uint32_t max_length = 0;              // prompt and reply together; 0: unset; not with max_tokens
  std::vector<std::string> stop;        // stop strings, at most 16, of at most 1,024 bytes each
  std::vector<int32_t> stop_token_ids;  // at most 2^20
  int32_t top_logprobs = -1;            // -1: no log-probabilities; 0-20 alternatives
  uint32_t best_of = 1;        // [1, 20] tries, of which the most probable is kept; chat/drafts.h
  uint32_t retry_repeats = 0;  // [0, 20] more tries for replies that are empty or repeat one
  bool ignore_eos = false;     // the format's own end tokens do not stop the reply
};

// Sets one option from text, as written in JSON or on the command line: numbers, "true"/"false";
// `stop`, `stop_token_ids` and logit_bias ("id:bias") append one item a call. Aliases:
// max_completion_tokens, max_new_tokens; min_new_tokens. BAD_ARG names the option and its range;
// UNSUPPORTED_OPTION for a name that is not an option; LIMIT for one id too many; OOM.
Status SetOption(std::string_view name, std::string_view value, GenerationOptions* options);
// Checks that depend on the model: ids within the vocabulary, max_tokens against max_length.
Status ValidateOptions(const GenerationOptions& options, uint32_t vocab_size);
// OOM when there is no memory for the copies of the options that a reply is begun with, and for
// their JSON: asked for first, since containers of the standard library end the program when memory
// is refused.
Status NeedMemoryForOptions(const GenerationOptions& options);
// The options in effect as a JSON object with API names, seed included.
std::string OptionsToJson(const GenerationOptions& options);

}  // namespace parley
