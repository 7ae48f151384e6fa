// Several tries at one reply, over a session whose replies are told beforehand by their seed.
#include "chat/drafts.h"

#include <catch2/catch_test_macros.hpp>
#include <map>
#include <string>
#include <vector>

#include "base/buffer.h"

namespace parley {
namespace {

struct Piece {
  int32_t id;
  std::string text;
  double logprob;
};
using Told = std::vector<Piece>;

// Gives the reply that its options' seed names.
class ToldSession final : public Session {
 public:
  std::map<uint64_t, Told> replies;
  std::vector<GenerationOptions> begun;
  Code refuses_from_second = Code::kOk;

  Status BeginChat(std::span<const Message> messages, const GenerationOptions& options) override {
    for (const Message& message : messages) last_content = message.content;
    return Begin(options);
  }
  Status BeginCompletion(std::string_view, bool, const GenerationOptions& options) override {
    return Begin(options);
  }
  Status BeginReview(std::span<const int32_t>, std::string_view) override { return {}; }
  Status BeginTextReview(std::string_view, const GenerationOptions&) override { return {}; }
  Review* review() override { return nullptr; }
  Event Next() override {
    Event event;
    if (reply_ == nullptr) {
      event.kind = Event::Kind::kError;
      event.error = MakeError(Code::kBadState, "no reply was begun");
    } else if (cancelled_) {
      event.reason = FinishReason::kAborted;
      reply_ = nullptr;
    } else if (generated_.size() < reply_->size()) {
      const Piece& piece = (*reply_)[generated_.size()];
      event.kind = Event::Kind::kToken;
      event.id = piece.id;
      event.text = piece.text;
      event.logprob = piece.logprob;
      alternatives_ = {{piece.id, piece.logprob}, {piece.id + 1, piece.logprob - 1}};
      event.alternatives = alternatives_;
      generated_.push_back(piece.id);
    } else {
      event.reason = FinishReason::kStop;
      reply_ = nullptr;
    }
    return event;
  }
  void Cancel() override { cancelled_ = reply_ != nullptr; }
  const Usage& usage() const override { return usage_; }
  std::span<const int32_t> prompt_ids() const override { return {}; }
  std::span<const int32_t> generated_ids() const override { return generated_; }
  const std::vector<bool>& message_dropped() const override { return dropped_; }

  std::string last_content;

 private:
  Status Begin(const GenerationOptions& options) {
    if (!begun.empty() && refuses_from_second != Code::kOk) {
      return MakeError(refuses_from_second, "told to");
    }
    begun.push_back(options);
    reply_ = &replies.at(options.seed);
    generated_.clear();
    cancelled_ = false;
    usage_ = {.prompt_tokens = 5, .context = 100};
    return {};
  }

  const Told* reply_ = nullptr;
  bool cancelled_ = false;
  std::vector<int32_t> generated_;
  std::vector<TokenLogprob> alternatives_;
  std::vector<bool> dropped_;
  Usage usage_;
};

struct Shown {
  std::string text;
  std::vector<int32_t> ids;
  std::vector<double> logprobs;
  size_t drafts = 0;
  FinishReason reason = FinishReason::kNone;
  Code error = Code::kOk;
};

struct DraftsFixture {
  ToldSession* told = nullptr;
  std::unique_ptr<Session> session;
  GenerationOptions options;

  DraftsFixture() {
    auto inner = std::make_unique<ToldSession>();
    told = inner.get();
    session = MakeDraftingSession(std::move(inner));
    options.has_seed = true;
    options.seed = 10;
  }

  Shown Run() {
    Shown shown;
    for (;;) {
      const Event event = session->Next();
      shown.text += event.text;
      if (event.kind == Event::Kind::kToken) {
        shown.ids.push_back(event.id);
        shown.logprobs.push_back(event.logprob);
        REQUIRE(event.alternatives.size() == 2);
        CHECK(event.alternatives[1].id == event.id + 1);
      } else if (event.kind == Event::Kind::kDraft) {
        CHECK(shown.ids.empty());
        ++shown.drafts;
      } else if (event.kind == Event::Kind::kDone) {
        shown.reason = event.reason;
        return shown;
      } else if (event.kind == Event::Kind::kError) {
        shown.error = event.error.code;
        return shown;
      }
    }
  }
  Shown Chat(std::vector<Message> messages) {
    REQUIRE(session->BeginChat(messages, options).ok());
    return Run();
  }
};

const std::vector<Message> kQuestion = {{Role::kUser, "Well?"}};
const std::vector<Message> kSecondQuestion = {
    {Role::kUser, "Well?"}, {Role::kAssistant, "Yes."}, {Role::kUser, "And?"}};

TEST_CASE("drafts: without best_of and retries each token comes at once, as asked") {
  DraftsFixture f;
  f.told->replies[10] = {{1, "Yes", -1}, {2, ".", -1}};
  const Shown shown = f.Chat(kQuestion);
  CHECK(shown.text == "Yes.");
  CHECK(shown.drafts == 0);
  CHECK(shown.reason == FinishReason::kStop);
  REQUIRE(f.told->begun.size() == 1);
  CHECK(f.told->begun[0].top_logprobs == -1);
}

TEST_CASE("drafts: best_of keeps the highest mean log-probability, the first of equals") {
  DraftsFixture f;
  f.options.best_of = 4;
  // Sums -2, -2.7, -0.9, -0.9; means -2, -0.9, -0.9, -0.9: length decides between the first two.
  f.told->replies[10] = {{1, "a", -2}};
  f.told->replies[11] = {{2, "b", -1}, {3, "c", -0.7}, {4, "d", -1}};
  f.told->replies[12] = {{5, "e", -0.9}};
  f.told->replies[13] = {{6, "f", -0.9}};
  const Shown shown = f.Chat(kQuestion);
  CHECK(f.told->begun.size() == 4);
  CHECK(shown.text == "bcd");
  CHECK(shown.ids == std::vector<int32_t>{2, 3, 4});
  CHECK(shown.logprobs == std::vector<double>{-1, -0.7, -1});
  const auto generated = f.session->generated_ids();
  CHECK(std::vector<int32_t>(generated.begin(), generated.end()) == shown.ids);
  CHECK(f.session->usage().completion_tokens == 3);
  CHECK(f.Run().error == Code::kBadState);
}

TEST_CASE("drafts: try k draws with seed + k, which begins again after 2^53 - 1") {
  DraftsFixture f;
  f.options.best_of = 2;
  f.options.seed = (uint64_t{1} << 53) - 1;
  f.told->replies[f.options.seed] = {{1, "a", -2}};
  f.told->replies[0] = {{2, "b", -1}};
  CHECK(f.Chat(kQuestion).text == "b");
}

TEST_CASE("drafts: a reply that repeats an earlier one, or says nothing, is written again") {
  DraftsFixture f;
  f.options.retry_repeats = 3;
  f.told->replies[10] = {{1, " Yes.\n", -0.1}};
  f.told->replies[11] = {{2, " ", -0.1}};
  f.told->replies[12] = {{3, "Maybe.", -5}};
  const Shown shown = f.Chat(kSecondQuestion);
  CHECK(shown.text == "Maybe.");
  CHECK(f.told->begun.size() == 3);
  CHECK(f.told->last_content == "And?");
}

TEST_CASE("drafts: when every try repeats, the most probable stands") {
  DraftsFixture f;
  f.options.retry_repeats = 1;
  f.told->replies[10] = {{1, "Yes.", -0.3}};
  f.told->replies[11] = {{2, "Yes.", -0.2}};
  CHECK(f.Chat(kSecondQuestion).ids == std::vector<int32_t>{2});
}

TEST_CASE("drafts: a reply that is continued is compared whole") {
  DraftsFixture f;
  f.options.retry_repeats = 1;
  f.told->replies[10] = {{1, "s.", -0.1}};
  f.told->replies[11] = {{2, "t.", -4}};
  std::vector<Message> messages = kSecondQuestion;
  messages.push_back({Role::kAssistant, "Ye"});
  CHECK(f.Chat(messages).text == "t.");
}

TEST_CASE("drafts: a reply is given as it comes once no earlier one begins so") {
  DraftsFixture f;
  f.options.retry_repeats = 1;
  f.told->replies[10] = {{1, " Y", -1}, {2, "es", -1}, {3, ", no", -1}, {4, "!", -1}};
  REQUIRE(f.session->BeginChat(kSecondQuestion, f.options).ok());
  std::string kinds;
  std::string text;
  for (Event event; kinds.empty() || kinds.back() != 'D'; text += event.text) {
    event = f.session->Next();
    REQUIRE(event.kind != Event::Kind::kError);
    kinds += event.kind == Event::Kind::kToken   ? 't'
             : event.kind == Event::Kind::kDraft ? 'd'
                                                 : 'D';
    if (kinds == "dddttt") CHECK(f.session->generated_ids().size() == 3);
  }
  // "Y" and "Yes" begin "Yes."; "Yes, no" does not.
  CHECK(kinds == "dddttttD");
  CHECK(text == " Yes, no!");
  CHECK(f.session->generated_ids().size() == 4);
  CHECK(f.told->begun.size() == 1);
  CHECK(f.Run().error == Code::kBadState);
}

TEST_CASE("drafts: cancelled while it is given as it comes, a reply keeps the words so far") {
  DraftsFixture f;
  f.options.retry_repeats = 1;
  f.told->replies[10] = {{1, "Y", -1}, {2, "o", -1}, {3, "!", -1}};
  REQUIRE(f.session->BeginChat(kSecondQuestion, f.options).ok());
  Event event;
  do event = f.session->Next();
  while (event.kind != Event::Kind::kToken);
  f.session->Cancel();
  CHECK(f.Run().reason == FinishReason::kAborted);
  CHECK(f.session->generated_ids().size() == 1);
  CHECK(f.Run().error == Code::kBadState);
}

TEST_CASE("drafts: greedy tries are all the same, so there is one") {
  DraftsFixture f;
  f.options.retry_repeats = 3;
  f.options.temperature = 0;
  f.told->replies[10] = {{1, "Yes.", -0.1}};
  const Shown shown = f.Chat(kSecondQuestion);
  CHECK(shown.text == "Yes.");
  CHECK(shown.drafts == 0);
}

TEST_CASE(
    "drafts: cancelled while tries are written, nothing is shown; while the kept one is, its words "
    "so far") {
  DraftsFixture f;
  f.options.best_of = 2;
  f.told->replies[10] = {{1, "a", -1}, {2, "b", -1}};
  f.told->replies[11] = {{3, "c", -2}};
  REQUIRE(f.session->BeginChat(kQuestion, f.options).ok());
  CHECK(f.session->Next().kind == Event::Kind::kDraft);
  f.session->Cancel();
  Shown shown = f.Run();
  CHECK(shown.reason == FinishReason::kAborted);
  CHECK(shown.text.empty());

  REQUIRE(f.session->BeginChat(kQuestion, f.options).ok());
  Event event;
  do event = f.session->Next();
  while (event.kind != Event::Kind::kToken);
  f.session->Cancel();
  shown = f.Run();
  CHECK(shown.reason == FinishReason::kAborted);
  CHECK(f.session->generated_ids().size() == 1);
}

TEST_CASE("drafts: an error in a later try is the reply's") {
  DraftsFixture f;
  f.options.best_of = 2;
  f.told->replies[10] = {{1, "a", -1}};
  f.told->refuses_from_second = Code::kKernelsChanged;
  REQUIRE(f.session->BeginCompletion("Once", false, f.options).ok());
  CHECK(f.Run().error == Code::kKernelsChanged);
  CHECK(f.Run().error == Code::kBadState);
}

// Lets `allowed` buffers through, then refuses all.
int g_allowed = 0;
void* LimitedAllocate(size_t bytes, size_t alignment) {
  return g_allowed-- <= 0 ? nullptr : DefaultAllocatorHooks().allocate(bytes, alignment);
}

TEST_CASE("G19: drafts: whichever of the tries' buffers is refused, no reply has begun") {
  DraftsFixture f;
  f.options.best_of = 2;
  f.options.top_logprobs = 2;
  f.told->replies[10] = {{1, "a", -1}};
  f.told->replies[11] = {{2, "b", -2}};
  int allowed = 0;
  for (Status begun = MakeError(Code::kOom, ""); !begun.ok(); ++allowed) {
    INFO("buffers: " << allowed);
    DraftsFixture fresh;
    fresh.told->replies = f.told->replies;
    g_allowed = allowed;
    SetAllocatorHooks({LimitedAllocate, DefaultAllocatorHooks().release});
    begun = fresh.session->BeginCompletion("Once", false, f.options);
    SetAllocatorHooks(DefaultAllocatorHooks());
    if (begun.ok()) break;
    CHECK(begun.error().code == Code::kOom);
    CHECK(fresh.Run().error == Code::kBadState);
  }
  CHECK(allowed == 8);  // ids, their numbers, alternatives and text of two tries
}

TEST_CASE("drafts: a try with more text than was reserved is kept whole") {
  DraftsFixture f;
  f.options.best_of = 2;
  const std::string first(5000, 'a'), second(70'000, 'b');
  f.told->replies[10] = {{1, first, -1}, {2, second, -1}};
  f.told->replies[11] = {{3, "c", -2}};
  REQUIRE(f.session->BeginCompletion("Once", false, f.options).ok());
  CHECK(f.Run().text == first + second);
}

}  // namespace
}  // namespace parley
