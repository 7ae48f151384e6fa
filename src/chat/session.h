// One conversation with a model: Begin queues a prompt, each Next does one bounded step, Cancel
// stops between steps. Finds what the KV cache already holds, so that a second turn prefills only
// its own tokens.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/thread_tuner.h"
#include "chat/format.h"
#include "chat/review.h"
#include "kernels/kernels.h"
#include "model/language_model.h"
#include "sampling/options.h"
#include "sampling/sampler.h"
#include "tokenizer/tokenizer.h"

namespace parley {

enum class FinishReason { kNone, kStop, kLength, kAborted };

struct Usage {
  uint32_t prompt_tokens = 0;
  uint32_t cached_tokens = 0;      // of the prompt: found in the KV cache
  uint32_t completion_tokens = 0;  // stop and end tokens included
  uint32_t context = 0;            // tokens of room in all
  uint32_t threads = 1;            // that the next token will use
};

struct Event {
  // kDraft: a step of a try that is written unseen (best_of, retry_repeats).
  enum class Kind { kPrefill, kToken, kDone, kError, kDraft };
  Kind kind = Kind::kDone;
  uint32_t prefilled = 0;  // kPrefill: prompt tokens in the cache so far
  int32_t id = -1;         // kToken
  std::string_view text;   // kToken, kDone: bytes to show now (may hold back a stop string's
                           // beginning or part of a character); valid until the next call
  double logprob = 0;      // kToken, when asked for
  std::span<const TokenLogprob> alternatives;  // kToken, when asked for
  FinishReason reason = FinishReason::kNone;   // kDone
  Error error;                                 // kError: the session is reusable afterwards
};

// How long a chat's prompt may be. Room for the reply is min(max_tokens, a quarter of the context).
struct PromptBudget {
  uint32_t limit = 0;   // tokens: what the reply's room leaves
  uint32_t target = 0;  // tokens: down to here exchanges are dropped when the limit is passed
};
PromptBudget PromptBudgetOf(uint32_t context, const GenerationOptions& options);

// Tokens that a reply may have: up to max_tokens, max_length or the end of the context.
uint32_t ReplyLimit(const GenerationOptions& options, uint32_t context, uint32_t prompt_tokens);

// The model's cache belongs to one session at a time.
struct SessionModel {
  LanguageModel* model = nullptr;
  const Tokenizer* tokenizer = nullptr;
  TunedThreads* threads = nullptr;  // the model's; null: it uses what it has
  ChatStyle style;
  int32_t bos_id = -1;
  int32_t eos_id = -1;
  bool add_bos = false;
  bool (*kernels_still_hold)() = KernelsStillHold;  // asked before each reply; a seam for tests
};

class Session {
 public:
  static Result<std::unique_ptr<Session>> Make(const SessionModel& model);
  virtual ~Session() = default;

  // Options must hold a seed. Messages and prompt are copied. Any running reply is dropped first.
  // BAD_ARG: an option out of range, a prompt at or over max_length. CONTEXT_FULL: a prompt that
  // leaves no room for a reply. KERNELS_CHANGED: the processor no longer computes what the kernels
  // were chosen for (KernelsStillHold): load the model again without relaxed SIMD. After an error
  // the session is as before, without a running reply.
  virtual Status BeginChat(std::span<const Message> messages, const GenerationOptions& options) = 0;
  // An empty prompt starts from the end-of-text token (I4).
  virtual Status BeginCompletion(std::string_view prompt, bool parse_special,
                                 const GenerationOptions& options) = 0;
  // Takes up what BeginChat or BeginCompletion has just begun, before its first Next(), as tokens
  // to look at: the prompt, then a reply that was written before: its ids, or with none its text.
  // The options are the reply's. CONTEXT_FULL when both together exceed the context.
  virtual Status BeginReview(std::span<const int32_t> reply_ids, std::string_view reply_text) = 0;
  // Likewise a text of any length, in windows of the context, with nothing before it.
  virtual Status BeginTextReview(std::string_view text, const GenerationOptions& options) = 0;
  // What was taken up last; null after another Begin.
  virtual Review* review() = 0;

  // One bounded step: at most 64 tokens of prefill and about 100 ms, or one token of the reply.
  // With best_of above 1 or retry_repeats, tries are written first (kDraft; drafts.h says which is
  // kept), and the tokens that then follow, with usage, are those of the one that is kept.
  // Stops with `length` at max_tokens, max_length or the end of the context (I1). BAD_STATE
  // (kError) when nothing was begun.
  virtual Event Next() = 0;
  virtual void Cancel() = 0;  // the next Next() returns kDone with kAborted

  virtual const Usage& usage() const = 0;
  virtual std::span<const int32_t> prompt_ids() const = 0;
  virtual std::span<const int32_t> generated_ids() const = 0;
  virtual const std::vector<bool>& message_dropped() const = 0;  // of the last BeginChat
};

}  // namespace parley
