// Flags to options, and the loop around Session::Next.
#include "cli/generation.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <limits>

#include "base/clock.h"

namespace parley {
namespace {

struct SamplingFlag {
  const char* flag;
  const char* option;
  const char* placeholder;
  const char* help;
};

constexpr SamplingFlag kFlags[] = {
    {"temperature", "temperature", "X", "0 to 2; 0 takes the best token always"},
    {"top-k", "top_k", "N", "the N best tokens only; 0: all"},
    {"top-p", "top_p", "X", "the fewest best tokens that reach probability X, (0, 1]"},
    {"min-p", "min_p", "X", "tokens with X of the best one's probability, [0, 1)"},
    {"typical-p", "typical_p", "X", "the most typical tokens that reach X, (0, 1]"},
    {"repetition-penalty", "repetition_penalty", "X", "above 1 avoids what was said, (0, 100]"},
    {"repeat-last-n", "repeat_last_n", "N", "tokens that repetition-penalty sees; 0: all"},
    {"frequency-penalty", "frequency_penalty", "X", "a token's logit less X a mention, [-2, 2]"},
    {"presence-penalty", "presence_penalty", "X", "a mentioned token's logit less X, [-2, 2]"},
    {"no-repeat-ngram-size", "no_repeat_ngram_size", "N", "no sequence of N tokens twice; 0: off"},
    {"logit-bias", "logit_bias", "ID:X", "adds X to a token's logit, [-100, 100]; repeatable"},
    {"seed", "seed", "N", "of the random draws, 0 to 2^53 - 1 (random)"},
    {"min-tokens", "min_tokens", "N", "no end before so many tokens"},
    {"min-new-tokens", "min_new_tokens", "N", "the same as min-tokens"},
    {"max-tokens", "max_tokens", "N", "at most so many tokens (to the end of the context)"},
    {"max-new-tokens", "max_new_tokens", "N", "the same as max-tokens"},
    {"max-completion-tokens", "max_completion_tokens", "N", "the same as max-tokens"},
    {"max-length", "max_length", "N", "at most so many tokens, the prompt included"},
    {"stop", "stop", "TEXT", "ends where TEXT would come; repeatable"},
    {"stop-token-ids", "stop_token_ids", "ID", "ends at this token; repeatable"},
    {"best-of", "best_of", "N", "writes N replies, keeps the most probable, 1 to 20"},
    {"retry-repeats", "retry_repeats", "N", "up to N new tries when a reply repeats one, 0 to 20"},
};

constexpr SamplingFlag kLogprobFlags[] = {
    {"logprobs", "logprobs", "N", "log-probabilities with N alternatives, 0 to 20; with --json"},
    {"top-logprobs", "top_logprobs", "N", "the same as logprobs"},
};

// Ids are held to the model's vocabulary once it is loaded.
constexpr uint32_t kAnyVocabulary = std::numeric_limits<uint32_t>::max();

}  // namespace

void SamplingArguments::Declare(Arguments& arguments, bool with_logprobs) {
  const auto declare = [this, &arguments](const SamplingFlag& flag) {
    arguments.Value(flag.flag, flag.placeholder, flag.help,
                    [this, option = flag.option](std::string_view value) {
                      given_.emplace_back(option, value);
                      return SetOption(option, value, &checked_);
                    });
  };
  for (const SamplingFlag& flag : kFlags) declare(flag);
  if (with_logprobs) {
    for (const SamplingFlag& flag : kLogprobFlags) declare(flag);
  }
  arguments.Flag("ignore-eos", "the model's own end tokens do not end the reply", &ignore_eos_);
}

Result<GenerationOptions> SamplingArguments::Over(GenerationOptions base) const {
  // The caller's limit replaces the preset's, of whichever kind, and no preset stands against one.
  if (checked_.max_length != 0 || checked_.min_tokens > base.max_tokens) base.max_tokens = 0;
  if (checked_.max_tokens != 0) base.min_tokens = std::min(base.min_tokens, checked_.max_tokens);
  for (const auto& [name, value] : given_) TRY(SetOption(name, value, &base));
  base.ignore_eos = ignore_eos_;
  TRY(ValidateOptions(base, kAnyVocabulary));
  return base;
}

void DrawSeed(GenerationOptions* options) {
  if (options->has_seed) return;
  uint64_t bits = 0;
  if (getentropy(&bits, sizeof(bits)) != 0) {
    bits = static_cast<uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
  }
  options->seed = bits >> 11;  // 53 bits
  options->has_seed = true;
}

Result<Generation> RunToEnd(Session& session, bool with_logprobs,
                            const std::function<void(std::string_view)>& on_text,
                            const std::function<bool()>& cancelled) {
  Generation generation;
  const double begin_ms = NowMs();
  double first_token_ms = 0;
  for (;;) {
    if (cancelled()) session.Cancel();
    const Event event = session.Next();
    if (event.kind == Event::Kind::kError) return event.error;
    if (!event.text.empty()) {
      generation.text += event.text;
      on_text(event.text);
    }
    if (event.kind == Event::Kind::kToken) {
      if (first_token_ms == 0) first_token_ms = NowMs();
      if (with_logprobs) {
        generation.tokens.push_back(
            {event.id, event.logprob, {event.alternatives.begin(), event.alternatives.end()}});
      }
    }
    if (event.kind == Event::Kind::kDone) {
      const double end_ms = NowMs();
      if (first_token_ms == 0) first_token_ms = end_ms;
      generation.reason = event.reason;
      generation.prompt_ms = first_token_ms - begin_ms;
      generation.predicted_ms = end_ms - first_token_ms;
      return generation;
    }
  }
}

const char* FinishReasonName(FinishReason reason) {
  switch (reason) {
    case FinishReason::kNone:
      return "none";
    case FinishReason::kStop:
      return "stop";
    case FinishReason::kLength:
      return "length";
    case FinishReason::kAborted:
      return "abort";
  }
  return "none";
}

}  // namespace parley
