// What `chat` and `complete` share: the sampling options as flags, a seed when none was given, and
// running a reply to its end.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "chat/session.h"
#include "cli/arguments.h"
#include "sampling/options.h"

namespace parley {

// The sampling options that were given, by their API names.
class SamplingArguments {
 public:
  // Declares each option of sampling/options.h as `--kebab-case`; values are checked as they are
  // parsed. `with_logprobs`: log-probabilities too, of a command that prints them.
  void Declare(Arguments& arguments, bool with_logprobs);
  // `base` with the given options on top; what of `base` would contradict them gives way. BAD_ARG
  // when they contradict each other, which needs no model to tell.
  Result<GenerationOptions> Over(GenerationOptions base) const;

 private:
  GenerationOptions checked_;  // only to find errors while parsing
  std::vector<std::pair<std::string, std::string>> given_;
  bool ignore_eos_ = false;
};

// Sets a random seed unless there is one.
void DrawSeed(GenerationOptions* options);

struct GeneratedToken {
  int32_t id = 0;
  double logprob = 0;
  std::vector<TokenLogprob> alternatives;
};

struct Generation {
  std::string text;
  std::vector<GeneratedToken> tokens;  // only when log-probabilities were asked for
  FinishReason reason = FinishReason::kNone;
  double prompt_ms = 0;     // from the first step to the first token
  double predicted_ms = 0;  // from the first token to the end
};

// Runs what was begun to its end. `on_text`: called with each piece as it comes. `cancelled`: asked
// before each step.
Result<Generation> RunToEnd(Session& session, bool with_logprobs,
                            const std::function<void(std::string_view)>& on_text,
                            const std::function<bool()>& cancelled);

// "stop", "length", "abort"
const char* FinishReasonName(FinishReason reason);

}  // namespace parley
