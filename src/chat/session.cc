// Prefill and decode in bounded steps over one model's KV cache. What turns mean is format.cc's,
// which token comes next the sampler's, which words there are to show reply_text.cc's.
#include "chat/session.h"

#include <algorithm>
#include <optional>

#include "base/clock.h"
#include "chat/cached_model.h"
#include "chat/drafts.h"
#include "chat/reply_text.h"
#include "kernels/kernels.h"

namespace parley {
namespace {

constexpr uint32_t kMaxPrefillStep = 64;    // tokens
constexpr uint32_t kFirstPrefillStep = 16;  // tokens: until the model's speed is known
constexpr double kPrefillStepMs = 100;

// A prompt ready to run.
struct Prompt {
  std::vector<int32_t> ids;
  std::vector<int32_t> words;  // those of them that penalties and n-grams see
  ReplyEnd end;
  bool trim_space = false;  // the layout puts a space before the reply that is not part of it
};

class SessionImpl final : public Session {
 public:
  SessionImpl(const SessionModel& model, Buffer<float> logits)
      : model_(model), logits_(std::move(logits)), cache_(model.model) {
    for (uint32_t id = 0; id < model.tokenizer->size(); ++id) {
      longest_token_ =
          std::max(longest_token_, model.tokenizer->Bytes(static_cast<int32_t>(id)).size());
    }
  }

  Status BeginChat(std::span<const Message> messages, const GenerationOptions& options) override;
  Status BeginCompletion(std::string_view prompt, bool parse_special,
                         const GenerationOptions& options) override;
  Status BeginReview(std::span<const int32_t> reply_ids, std::string_view reply_text) override;
  Status BeginTextReview(std::string_view text, const GenerationOptions& options) override;
  Review* review() override { return review_ ? &*review_ : nullptr; }
  Event Next() override;
  void Cancel() override { cancelled_ = state_ != State::kIdle; }

  const Usage& usage() const override { return usage_; }
  std::span<const int32_t> prompt_ids() const override { return prompt_.ids; }
  std::span<const int32_t> generated_ids() const override { return generated_; }
  const std::vector<bool>& message_dropped() const override { return message_dropped_; }

 private:
  enum class State { kIdle, kPrefill, kDecode, kFinished };

  void Stop();
  Status CheckOptions(const GenerationOptions& options) const;
  Status Start(Prompt prompt, const GenerationOptions& options);
  Status Forward(std::span<const int32_t> ids, LogitsOf which);
  uint32_t PrefillStep() const;
  Event Prefill();
  Event Decode();
  Event Done(FinishReason reason);
  Event Fail(Error error);
  Status StartReview(ReviewedText reviewed);
  bool AddText(int32_t id);  // true when a stop text was found

  SessionModel model_;
  Buffer<float> logits_;  // [vocab_size]: what the cached tokens predict
  CachedModel cache_;
  double ms_per_token_ = 0;   // of prefill, measured; 0: not yet
  size_t longest_token_ = 0;  // bytes

  State state_ = State::kIdle;
  bool cancelled_ = false;
  FinishReason reason_ = FinishReason::kNone;  // when kFinished
  Prompt prompt_;
  GenerationOptions options_;
  std::optional<Sampler> sampler_;
  uint32_t limit_ = 0;  // tokens that the reply may have
  std::vector<int32_t> generated_;
  std::vector<int32_t> history_;  // prompt_.words, then the reply's
  std::vector<int32_t> end_ids_;
  std::vector<bool> message_dropped_;
  Usage usage_;
  ReplyText text_;  // what the last event showed
  std::optional<Review> review_;
};

void SessionImpl::Stop() {
  state_ = State::kIdle;
  review_.reset();
}

// What every Begin needs, whatever it begins.
Status SessionImpl::CheckOptions(const GenerationOptions& options) const {
  if (!options.has_seed) return MakeError(Code::kBadArg, "option seed is not set");
  return ValidateOptions(options, model_.model->config().vocab_size);
}

Status SessionImpl::BeginChat(std::span<const Message> messages, const GenerationOptions& options) {
  Stop();
  TRY(CheckOptions(options));
  const bool begin_token = model_.add_bos && model_.bos_id >= 0;
  PromptBudget budget = PromptBudgetOf(model_.model->context(), options);
  if (begin_token) --budget.limit;
  TRY_ASSIGN(EncodedChat chat, EncodeChat(model_.style, *model_.tokenizer, model_.eos_id, messages,
                                          budget.limit, budget.target));
  Prompt prompt;
  if (begin_token) prompt.ids.push_back(model_.bos_id);
  for (size_t i = 0; i < chat.ids.size(); ++i) {
    prompt.ids.push_back(chat.ids[i]);
    if (chat.is_text[i] != 0) prompt.words.push_back(chat.ids[i]);
  }
  prompt.end = ReplyEndOf(model_.style.format, *model_.tokenizer, model_.eos_id);
  prompt.trim_space =
      model_.style.format == ChatFormat::kTranscript && messages.back().role != Role::kAssistant;
  TRY(Start(std::move(prompt), options));
  message_dropped_ = std::move(chat.message_dropped);
  return {};
}

Status SessionImpl::BeginCompletion(std::string_view text, bool parse_special,
                                    const GenerationOptions& options) {
  Stop();
  TRY(CheckOptions(options));
  Prompt prompt;
  if (model_.add_bos && model_.bos_id >= 0) prompt.ids.push_back(model_.bos_id);
  TRY(model_.tokenizer->Encode(text, parse_special, &prompt.ids));
  for (int32_t id : prompt.ids) {
    if (!model_.tokenizer->IsSpecial(id)) prompt.words.push_back(id);
  }
  prompt.end = ReplyEndOf(ChatFormat::kCompletion, *model_.tokenizer, model_.eos_id);
  TRY(Start(std::move(prompt), options));
  message_dropped_.clear();
  return {};
}

// Everything that can fail comes before anything that changes the session.
Status SessionImpl::Start(Prompt prompt, const GenerationOptions& options) {
  if (prompt.ids.empty()) {  // I4
    if (model_.eos_id < 0) {
      return MakeError(Code::kBadArg,
                       "an empty prompt needs an end-of-text token to start from, "
                       "which the model does not name");
    }
    prompt.ids.push_back(model_.eos_id);
  }
  const uint32_t context = model_.model->context();
  if (prompt.ids.size() >= context) {
    return MakeError(Code::kContextFull, "the prompt needs " + std::to_string(prompt.ids.size()) +
                                             " tokens; " + std::to_string(context - 1) +
                                             " are available");
  }
  const auto prompt_tokens = static_cast<uint32_t>(prompt.ids.size());
  if (options.max_length != 0 && prompt_tokens >= options.max_length) {
    return MakeError(Code::kBadArg, "option max_length is " + std::to_string(options.max_length) +
                                        ", but the prompt has " + std::to_string(prompt_tokens) +
                                        " tokens already");
  }
  if (!model_.kernels_still_hold()) {
    return MakeError(Code::kKernelsChanged,
                     "the processor's dot product no longer gives the sums that it was chosen for; "
                     "load the model again without relaxed SIMD");
  }
  ThreadPool* pool = model_.threads == nullptr ? nullptr : model_.threads->pool;
  TRY_ASSIGN(Sampler sampler, Sampler::Make(options, model_.model->config().vocab_size, pool));

  prompt_ = std::move(prompt);
  options_ = options;
  sampler_.emplace(std::move(sampler));
  limit_ = ReplyLimit(options, context, prompt_tokens);
  generated_.clear();
  generated_.reserve(limit_);
  history_ = prompt_.words;
  history_.reserve(prompt_.words.size() + limit_);
  end_ids_.clear();
  std::vector<std::string> stops = options.stop;
  if (!options.ignore_eos) {
    end_ids_ = prompt_.end.ids;
    stops.insert(stops.end(), prompt_.end.strings.begin(), prompt_.end.strings.end());
  }
  text_ = ReplyText(std::move(stops), longest_token_, prompt_.trim_space);
  cancelled_ = false;
  // The prompt's last token always runs, since its logits are needed.
  cache_.Keep(std::span<const int32_t>(prompt_.ids).first(prompt_tokens - 1));
  usage_ = {.prompt_tokens = prompt_tokens,
            .cached_tokens = cache_.length(),
            .completion_tokens = 0,
            .context = context,
            .threads = model_.threads == nullptr ? 1 : model_.threads->decode.threads()};
  state_ = State::kPrefill;
  return {};
}

// Appends `ids` with as many threads as suit that kind of work, and measures how long it takes.
Status SessionImpl::Forward(std::span<const int32_t> ids, LogitsOf which) {
  TunedThreads* threads = model_.threads;
  ThreadTuner* tuner = nullptr;
  if (threads != nullptr) {
    tuner = state_ == State::kDecode ? &threads->decode : &threads->prefill;
    threads->pool->Use(tuner->threads());
  }
  const std::span<float> logits = which == LogitsOf::kNone ? std::span<float>() : logits_.span();
  const double begin_ms = NowMs();
  TRY(cache_.Forward(ids, which, logits));
  const double ms = NowMs() - begin_ms;
  if (state_ == State::kDecode) {
    if (tuner != nullptr) tuner->Record(ms);
  } else {
    ms_per_token_ = ms / static_cast<double>(ids.size());
    // Only steps of the same work can be compared: the last one has logits.
    const bool comparable = ids.size() == kFirstPrefillStep && which == LogitsOf::kNone;
    if (tuner != nullptr && comparable) tuner->Record(ms);
  }
  if (threads != nullptr) usage_.threads = threads->decode.threads();
  return {};
}

// Short steps until the model's speed and the best number of threads are known.
uint32_t SessionImpl::PrefillStep() const {
  if (ms_per_token_ == 0) return kFirstPrefillStep;
  if (model_.threads != nullptr && !model_.threads->prefill.done()) return kFirstPrefillStep;
  return static_cast<uint32_t>(
      std::clamp(kPrefillStepMs / ms_per_token_, 1.0, static_cast<double>(kMaxPrefillStep)));
}

Status SessionImpl::BeginReview(std::span<const int32_t> reply_ids, std::string_view reply_text) {
  if (state_ != State::kPrefill || cancelled_) {
    return MakeError(Code::kBadState, "no prompt was begun that a reply could follow");
  }
  std::vector<int32_t> encoded;
  if (reply_ids.empty()) {
    const std::string text = (prompt_.trim_space ? " " : "") + std::string(reply_text);
    TRY(model_.tokenizer->Encode(text, false, &encoded));
    reply_ids = encoded;
  }
  // Before anything is copied: there may be any number of ids.
  const size_t tokens = prompt_.ids.size() + reply_ids.size();
  const uint32_t context = model_.model->context();
  if (tokens > context) {
    return MakeError(Code::kContextFull, "prompt and reply have " + std::to_string(tokens) +
                                             " tokens; " + std::to_string(context) +
                                             " are available");
  }
  ReviewedText reviewed{.ids = prompt_.ids,
                        .begin = prompt_.ids.size(),
                        .words = prompt_.words,
                        .end_ids = end_ids_,
                        .options = options_};
  reviewed.ids.insert(reviewed.ids.end(), reply_ids.begin(), reply_ids.end());
  return StartReview(std::move(reviewed));
}

Status SessionImpl::BeginTextReview(std::string_view text, const GenerationOptions& options) {
  Stop();
  TRY(CheckOptions(options));
  ReviewedText reviewed;
  TRY(model_.tokenizer->Encode(text, false, &reviewed.ids));
  reviewed.options = options;
  reviewed.end_ids = ReplyEndOf(ChatFormat::kCompletion, *model_.tokenizer, model_.eos_id).ids;
  return StartReview(std::move(reviewed));
}

Status SessionImpl::StartReview(ReviewedText reviewed) {
  Stop();
  TRY_ASSIGN(Review review,
             Review::Make(&cache_, model_.threads, model_.tokenizer, std::move(reviewed)));
  review_.emplace(std::move(review));
  return {};
}

Event SessionImpl::Next() {
  text_.Clear();
  if (state_ == State::kIdle) {
    return Fail(MakeError(Code::kBadState, "no reply was begun"));
  }
  if (cancelled_) return Done(FinishReason::kAborted);
  switch (state_) {
    case State::kPrefill:
      return Prefill();
    case State::kDecode:
      return Decode();
    default:
      return Done(reason_);
  }
}

Event SessionImpl::Prefill() {
  const std::span<const int32_t> rest =
      std::span<const int32_t>(prompt_.ids).subspan(cache_.length());
  const std::span<const int32_t> ids = rest.first(std::min<size_t>(PrefillStep(), rest.size()));
  const bool last = ids.size() == rest.size();
  if (Status status = Forward(ids, last ? LogitsOf::kLast : LogitsOf::kNone); !status.ok()) {
    return Fail(std::move(status).TakeError());
  }
  if (last) state_ = State::kDecode;
  Event event;
  event.kind = Event::Kind::kPrefill;
  event.prefilled = cache_.length();
  return event;
}

Event SessionImpl::Decode() {
  if (!generated_.empty()) {
    const std::span<const int32_t> newest = std::span<const int32_t>(generated_).last(1);
    if (Status status = Forward(newest, LogitsOf::kLast); !status.ok()) {
      return Fail(std::move(status).TakeError());
    }
  }
  Result<Sample> sample =
      sampler_->Next(logits_.span(), history_, static_cast<uint32_t>(generated_.size()), end_ids_);
  if (!sample.ok()) return Fail(std::move(sample).TakeError());
  const int32_t id = sample->id;
  generated_.push_back(id);
  usage_.completion_tokens = static_cast<uint32_t>(generated_.size());

  const auto contains = [id](std::span<const int32_t> ids) {
    return std::find(ids.begin(), ids.end(), id) != ids.end();
  };
  if (contains(end_ids_) || contains(options_.stop_token_ids) || AddText(id)) {
    reason_ = FinishReason::kStop;
    state_ = State::kFinished;
  } else if (generated_.size() == limit_) {
    reason_ = FinishReason::kLength;
    state_ = State::kFinished;
  }
  Event event;
  event.kind = Event::Kind::kToken;
  event.id = id;
  event.text = text_.shown();
  event.logprob = sample->logprob;
  event.alternatives = sample->alternatives;
  return event;
}

bool SessionImpl::AddText(int32_t id) {
  if (model_.tokenizer->IsSpecial(id)) return false;  // never part of a text
  history_.push_back(id);
  return text_.Push(model_.tokenizer->Bytes(id));
}

Event SessionImpl::Done(FinishReason reason) {
  text_.Finish();
  state_ = State::kIdle;
  cancelled_ = false;
  Event event;
  event.kind = Event::Kind::kDone;
  event.text = text_.shown();
  event.reason = reason;
  return event;
}

Event SessionImpl::Fail(Error error) {
  state_ = State::kIdle;
  cancelled_ = false;
  Event event;
  event.kind = Event::Kind::kError;
  event.error = std::move(error);
  return event;
}

}  // namespace

PromptBudget PromptBudgetOf(uint32_t context, const GenerationOptions& options) {
  uint32_t room = std::max(context / 4, 1u);
  if (options.max_tokens != 0) room = std::min(room, options.max_tokens);
  return {context - room, context - context / 4};
}

uint32_t ReplyLimit(const GenerationOptions& options, uint32_t context, uint32_t prompt_tokens) {
  uint32_t limit = context - prompt_tokens;
  if (options.max_tokens != 0) limit = std::min(limit, options.max_tokens);
  if (options.max_length != 0) limit = std::min(limit, options.max_length - prompt_tokens);
  return limit;
}

Result<std::unique_ptr<Session>> Session::Make(const SessionModel& model) {
  CHECK(model.model != nullptr && model.tokenizer != nullptr);
  TRY_ASSIGN(Buffer<float> logits,
             Buffer<float>::Make(model.model->config().vocab_size, "a session's logits"));
  return MakeDraftingSession(std::make_unique<SessionImpl>(model, std::move(logits)));
}

}  // namespace parley
