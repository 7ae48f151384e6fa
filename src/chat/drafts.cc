// Buffers the tokens of one try after another and replays the best. Two tries are held at most.
#include "chat/drafts.h"

#include <algorithm>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "base/buffer.h"

namespace parley {
namespace {

constexpr uint64_t kSeedMask = (uint64_t{1} << 53) - 1;

std::string_view WithoutSpaceAround(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const size_t first = text.find_first_not_of(kSpace);
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) + 1 - first);
}

// A list whose memory is taken before it fills. Where that was too little it grows, and memory that
// is refused is an error.
template <typename T>
class List {
 public:
  Status Reserve(uint64_t room) {
    if (items_.size() >= room) return {};
    TRY_ASSIGN(Buffer<T> larger, Buffer<T>::MakeUnfilled(room, "tries at a reply"));
    std::copy_n(items_.begin(), size_, larger.begin());
    items_ = std::move(larger);
    return {};
  }
  Status Append(std::span<const T> more) {
    const size_t size = size_ + more.size();
    if (size > items_.size()) TRY(Reserve(2 * size));
    std::copy(more.begin(), more.end(), items_.begin() + size_);
    size_ = size;
    return {};
  }
  void Clear() { size_ = 0; }
  size_t size() const { return size_; }
  std::span<const T> span() const { return items_.span().first(size_); }

 private:
  Buffer<T> items_;
  size_t size_ = 0;
};

struct Token {
  double logprob = 0;
  size_t text_end = 0;          // in Draft::text
  size_t alternatives_end = 0;  // in Draft::alternatives
};
static_assert(kDraftBytesPerToken >=
              2 * (sizeof(int32_t) + sizeof(Token) + kDraftTextBytesPerToken));

struct Draft {
  List<int32_t> ids;
  List<Token> tokens;  // one for each id
  List<TokenLogprob> alternatives;
  List<char> text;        // from text_begin on; what it continues stands before
  size_t text_begin = 0;  // bytes
  double logprob = 0;     // of all tokens together
  bool good = false;
  FinishReason reason = FinishReason::kNone;

  // For `limit` tokens and their text, unless that much is there.
  Status Reserve(uint64_t limit, uint64_t alternatives_each, uint64_t continued_bytes) {
    TRY(ids.Reserve(limit));
    TRY(tokens.Reserve(limit));
    TRY(alternatives.Reserve(limit * alternatives_each));
    return text.Reserve(continued_bytes + limit * kDraftTextBytesPerToken);
  }
  Status Begin(std::string_view continued) {
    ids.Clear();
    tokens.Clear();
    alternatives.Clear();
    text.Clear();
    text_begin = continued.size();
    logprob = 0;
    good = false;
    reason = FinishReason::kNone;
    return text.Append(continued);
  }
  Status Add(const Event& event) {
    TRY(ids.Append({&event.id, 1}));
    TRY(text.Append(event.text));
    TRY(alternatives.Append(event.alternatives));
    const Token token{event.logprob, text.size(), alternatives.size()};
    TRY(tokens.Append({&token, 1}));
    logprob += event.logprob;
    return {};
  }
  std::string_view Whole() const { return {text.span().data(), text.size()}; }
  double MeanLogprob() const {
    return ids.size() == 0 ? -std::numeric_limits<double>::infinity()
                           : logprob / static_cast<double>(ids.size());
  }
  bool BetterThan(const Draft& other) const {
    return good != other.good ? good : MeanLogprob() > other.MeanLogprob();
  }
};

class DraftingSession final : public Session {
 public:
  explicit DraftingSession(std::unique_ptr<Session> session) : session_(std::move(session)) {}

  Status BeginChat(std::span<const Message> messages, const GenerationOptions& options) override {
    messages_.assign(messages.begin(), messages.end());
    contents_.clear();
    for (const Message& message : messages) contents_.emplace_back(message.content);
    for (size_t i = 0; i < messages_.size(); ++i) messages_[i].content = contents_[i];
    is_chat_ = true;
    return Begin(options);
  }
  Status BeginCompletion(std::string_view prompt, bool parse_special,
                         const GenerationOptions& options) override {
    prompt_ = prompt;
    parse_special_ = parse_special;
    is_chat_ = false;
    return Begin(options);
  }
  Status BeginReview(std::span<const int32_t> reply_ids, std::string_view reply_text) override {
    state_ = State::kPlain;
    return session_->BeginReview(reply_ids, reply_text);
  }
  Status BeginTextReview(std::string_view text, const GenerationOptions& options) override {
    TRY(NeedMemoryForOptions(options));
    state_ = State::kPlain;
    return session_->BeginTextReview(text, options);
  }
  Review* review() override { return session_->review(); }
  Event Next() override;
  void Cancel() override {
    cancelled_ = state_ == State::kReplay;
    session_->Cancel();
  }

  const Usage& usage() const override { return UsesDraft() ? usage_ : session_->usage(); }
  std::span<const int32_t> prompt_ids() const override { return session_->prompt_ids(); }
  std::span<const int32_t> generated_ids() const override {
    return UsesDraft() ? kept_.ids.span().first(shown_) : session_->generated_ids();
  }
  const std::vector<bool>& message_dropped() const override { return session_->message_dropped(); }

 private:
  // kPlain: the inner session speaks for itself. kReplayed: a kept draft was given out whole.
  enum class State { kPlain, kDrafting, kReplay, kReplayed };

  bool UsesDraft() const { return state_ == State::kReplay || state_ == State::kReplayed; }
  Status Begin(const GenerationOptions& options);
  Status BeginTry();
  void Drop();  // whatever has begun
  Event Write();
  bool Finish(FinishReason reason);  // true when no other try is needed
  bool IsGood(bool complete) const;
  void Keep();
  Event Replay();

  std::unique_ptr<Session> session_;
  std::vector<Message> messages_;  // of contents_
  std::vector<std::string> contents_;
  std::string prompt_;
  bool parse_special_ = false;
  bool is_chat_ = false;
  GenerationOptions options_;   // of the try
  uint64_t seed_ = 0;           // of the first
  std::string_view continued_;  // in contents_: the words that the reply goes on from
  bool drafting_ = false;

  State state_ = State::kPlain;
  bool cancelled_ = false;
  bool live_ = false;   // kept_ is the beginning of what session_ is still writing
  uint32_t tries_ = 0;  // finished ones
  uint32_t good_ = 0;   // of them
  Draft draft_;         // being written
  Draft kept_;          // the best of the finished ones
  size_t shown_ = 0;    // tokens of kept_ that were given out
  Usage usage_;         // of kept_
};

Status DraftingSession::Begin(const GenerationOptions& options) {
  TRY(NeedMemoryForOptions(options));
  options_ = options;
  seed_ = options.seed;
  // Without draws every try is the same.
  drafting_ = options.best_of > 1 || (options.retry_repeats > 0 && options.temperature > 0);
  state_ = State::kPlain;
  cancelled_ = false;
  live_ = false;
  tries_ = 0;
  good_ = 0;
  if (drafting_) options_.top_logprobs = std::max(options.top_logprobs, 0);
  const bool continues =
      is_chat_ && !messages_.empty() && messages_.back().role == Role::kAssistant;
  continued_ = continues ? messages_.back().content : std::string_view();
  if (Status status = BeginTry(); !status.ok()) {
    Drop();
    return status;
  }
  if (drafting_) state_ = State::kDrafting;
  return {};
}

void DraftingSession::Drop() {
  state_ = State::kPlain;
  session_->Cancel();
  session_->Next();
}

// The memory of all tries is taken before the first.
Status DraftingSession::BeginTry() {
  options_.seed = (seed_ + tries_) & kSeedMask;
  shown_ = 0;
  TRY(is_chat_ ? session_->BeginChat(messages_, options_)
               : session_->BeginCompletion(prompt_, parse_special_, options_));
  if (!drafting_) return {};
  const Usage& usage = session_->usage();
  const uint32_t limit = ReplyLimit(options_, usage.context, usage.prompt_tokens);
  const auto alternatives = static_cast<uint64_t>(options_.top_logprobs);
  TRY(draft_.Reserve(limit, alternatives, continued_.size()));
  TRY(kept_.Reserve(limit, alternatives, continued_.size()));
  return draft_.Begin(continued_);
}

Event DraftingSession::Next() {
  switch (state_) {
    case State::kDrafting:
      return Write();
    case State::kReplay:
      return Replay();
    default:
      return session_->Next();
  }
}

// One step of the try that is being written.
Event DraftingSession::Write() {
  Event event = session_->Next();
  Status status;
  switch (event.kind) {
    case Event::Kind::kToken:
      status = draft_.Add(event);
      if (status.ok() && options_.best_of == 1 && IsGood(/*complete=*/false)) {
        live_ = true;
        Keep();
        state_ = State::kReplay;
      }
      break;
    case Event::Kind::kDone:
      if (event.reason == FinishReason::kAborted) {
        state_ = State::kPlain;
        event.text = {};  // nothing of it was shown
        return event;
      }
      status = draft_.text.Append(event.text);
      if (!status.ok()) break;
      if (Finish(event.reason)) {
        state_ = State::kReplay;
      } else {
        status = BeginTry();
      }
      break;
    case Event::Kind::kError:
      state_ = State::kPlain;
      return event;
    default:
      return event;
  }
  event = {};
  event.kind = Event::Kind::kDraft;
  if (!status.ok()) {
    Drop();
    event.kind = Event::Kind::kError;
    event.error = std::move(status).TakeError();
  }
  return event;
}

bool DraftingSession::Finish(FinishReason reason) {
  draft_.reason = reason;
  draft_.good = IsGood(/*complete=*/true);
  ++tries_;
  good_ += draft_.good ? 1 : 0;
  if (tries_ == 1 || draft_.BetterThan(kept_)) Keep();
  return good_ >= options_.best_of || tries_ >= options_.best_of + options_.retry_repeats;
}

void DraftingSession::Keep() {
  std::swap(draft_, kept_);
  usage_ = session_->usage();
  usage_.completion_tokens = 0;
}

// Of a try that is not complete: whatever follows, it will be good.
bool DraftingSession::IsGood(bool complete) const {
  std::span<const Message> earlier;
  if (is_chat_) {
    earlier = messages_;
    if (earlier.back().role == Role::kAssistant) {  // which the reply continues
      earlier = earlier.first(earlier.size() - 1);
    }
  }
  const std::string_view text = WithoutSpaceAround(draft_.Whole());
  if (text.empty()) return false;
  return std::none_of(earlier.begin(), earlier.end(), [=](const Message& message) {
    if (message.role != Role::kAssistant) return false;
    const std::string_view reply = WithoutSpaceAround(message.content);
    return complete ? reply == text : reply.starts_with(text);
  });
}

Event DraftingSession::Replay() {
  Event event;
  const std::span<const Token> tokens = kept_.tokens.span();
  const size_t text_begin = shown_ == 0 ? kept_.text_begin : tokens[shown_ - 1].text_end;
  const std::string_view text = kept_.Whole();
  if (live_ && !cancelled_ && shown_ == kept_.ids.size()) {
    state_ = State::kPlain;
    return session_->Next();
  }
  if (cancelled_ || shown_ == kept_.ids.size()) {
    if (live_) session_->Next();  // which was cancelled, too, and is idle now
    state_ = State::kReplayed;
    event.kind = Event::Kind::kDone;
    event.reason = cancelled_ ? FinishReason::kAborted : kept_.reason;
    if (!cancelled_) event.text = text.substr(text_begin);
    return event;
  }
  const Token& token = tokens[shown_];
  event.kind = Event::Kind::kToken;
  event.id = kept_.ids.span()[shown_];
  event.text = text.substr(text_begin, token.text_end - text_begin);
  event.logprob = token.logprob;
  const size_t begin = shown_ == 0 ? 0 : tokens[shown_ - 1].alternatives_end;
  event.alternatives = kept_.alternatives.span().subspan(begin, token.alternatives_end - begin);
  ++shown_;
  usage_.completion_tokens = static_cast<uint32_t>(shown_);
  return event;
}

}  // namespace

std::unique_ptr<Session> MakeDraftingSession(std::unique_ptr<Session> session) {
  return std::make_unique<DraftingSession>(std::move(session));
}

}  // namespace parley
