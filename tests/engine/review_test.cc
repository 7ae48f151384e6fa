// Reviews of a real (small) model's tokens: scores are those of a plain forward pass, whatever the
// cache held; alternatives are what the reply was drawn from; texts go in windows of the context.
#include "chat/review.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>
#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "chat/session.h"
#include "support/load_model.h"
#include "support/test_model.h"

namespace parley {
namespace {

using Catch::Matchers::WithinAbs;

constexpr double kRounding = 1e-12;  // of sums of 283 probabilities in double

struct Fixture {
  std::unique_ptr<Engine> engine;
  std::unique_ptr<Session> session;
  GenerationOptions options;

  explicit Fixture(const test::TestModel& model = {}) {
    auto loaded = test::LoadBytes(model.Build());
    REQUIRE(loaded.ok());
    engine = std::move(*loaded);
    auto made = Session::Make(engine->session_model());
    REQUIRE(made.ok());
    session = std::move(*made);
    options.has_seed = true;
    options.seed = 5;
    options.max_tokens = 20;
    options.ignore_eos = true;
    options.repetition_penalty = 1.2;
    options.top_p = 0.9;
  }

  // A reply with its log-probabilities.
  std::vector<Sample> Reply(std::span<const Message> messages) {
    GenerationOptions asked = options;
    asked.top_logprobs = 0;
    REQUIRE(session->BeginChat(messages, asked).ok());
    std::vector<Sample> reply;
    for (;;) {
      const Event event = session->Next();
      REQUIRE(event.kind != Event::Kind::kError);
      if (event.kind == Event::Kind::kDone) return reply;
      if (event.kind == Event::Kind::kToken)
        reply.push_back({.id = event.id, .logprob = event.logprob});
    }
  }
  std::vector<TokenScore> Scores() {
    std::vector<TokenScore> all;
    Review* review = session->review();
    REQUIRE(review != nullptr);
    while (!review->done()) {
      const auto scores = review->Next();
      REQUIRE(scores.ok());
      CHECK(scores->size() <= 8);
      all.insert(all.end(), scores->begin(), scores->end());
    }
    CHECK(review->Next()->empty());
    return all;
  }
  SamplerTrace Inspect(size_t position) {
    for (;;) {
      auto trace = session->review()->Inspect(position);
      INFO(trace.error().message);
      REQUIRE(trace.ok());
      if (*trace) return **trace;
    }
  }
};

std::vector<int32_t> IdsOf(const std::vector<Sample>& samples) {
  std::vector<int32_t> ids(samples.size());
  std::ranges::transform(samples, ids.begin(), &Sample::id);
  return ids;
}

TEST_CASE("A reply's scores are the log-probabilities that it was written with") {
  Fixture f;
  const std::vector<Message> messages = {{Role::kUser, "the rain in the plain"}};
  const auto reply = f.Reply(messages);
  REQUIRE(reply.size() == 20);
  const auto ids = IdsOf(reply);
  for (const bool fresh : {false, true}) {  // the cache holds the reply, and another conversation
    if (fresh) f.Reply(std::vector<Message>{{Role::kUser, "another"}});
    REQUIRE(f.session->BeginChat(messages, f.options).ok());
    const size_t prompt = f.session->prompt_ids().size();
    REQUIRE(f.session->BeginReview(ids, "").ok());
    CHECK(f.session->review()->begin() == prompt);
    const auto scores = f.Scores();
    REQUIRE(scores.size() == reply.size());
    for (size_t i = 0; i < reply.size(); ++i) {
      CHECK(scores[i].id == reply[i].id);
      CHECK(scores[i].logprob == reply[i].logprob);  // law 2: the same bits
    }
  }
}

TEST_CASE("The alternatives are what the reply was drawn from") {
  Fixture f;
  const std::vector<Message> messages = {{Role::kUser, "the rain in the plain"}};
  const auto reply = f.Reply(messages);
  const auto ids = IdsOf(reply);
  REQUIRE(f.session->BeginChat(messages, f.options).ok());
  REQUIRE(f.session->BeginReview(ids, "").ok());
  const size_t begin = f.session->review()->begin();
  for (const size_t i : {19, 0, 7}) {  // forth and back
    const SamplerTrace trace = f.Inspect(begin + i);
    const auto token = std::ranges::find(trace.tokens, reply[i].id, &TracedToken::id);
    REQUIRE(token != trace.tokens.end());
    CHECK_THAT(token->probability[0], WithinAbs(std::exp(reply[i].logprob), kRounding));
    CHECK(token->removed_by == SamplerStep::kRaw);  // it was drawn
    CHECK(token->probability.back() > 0);
  }
  // What comes after the last token.
  CHECK(f.Inspect(begin + 20).tokens.size() == SamplerTrace::kBest);
  CHECK(f.session->review()->Inspect(begin + 21).error().code == Code::kBadArg);
  CHECK(f.session->review()->Inspect(begin - 1).error().code == Code::kBadArg);
  // The next reply is the same as without the review.
  CHECK(IdsOf(f.Reply(messages)) == ids);
  CHECK(f.session->review() == nullptr);
}

TEST_CASE("A reply can be given as text") {
  Fixture f;
  const std::vector<Message> messages = {{Role::kUser, "x"}};
  REQUIRE(f.session->BeginChat(messages, f.options).ok());
  REQUIRE(f.session->BeginReview({}, "the end").ok());
  std::vector<int32_t> expected;
  REQUIRE(f.engine->tokenizer->Encode("the end", false, &expected).ok());
  std::vector<int32_t> ids;
  for (const TokenScore& score : f.Scores()) ids.push_back(score.id);
  CHECK(ids == expected);
}

TEST_CASE("A text goes in windows of the context, whose first tokens nothing predicts") {
  Fixture f(test::TestModel{.context = 32});
  std::string text;
  for (int i = 0; i < 75; ++i) text += static_cast<char>('a' + i * 7 % 26);
  std::vector<int32_t> ids;
  REQUIRE(f.engine->tokenizer->Encode(text, false, &ids).ok());
  REQUIRE(ids.size() > 66);
  REQUIRE(f.session->BeginTextReview(text, f.options).ok());
  const auto scores = f.Scores();
  REQUIRE(scores.size() == ids.size());
  const uint32_t vocab = f.engine->model->config().vocab_size;
  for (size_t begin = 0; begin < ids.size(); begin += 32) {
    const auto window =
        std::span<const int32_t>(ids).subspan(begin, std::min<size_t>(32, ids.size() - begin));
    std::vector<float> logits(window.size() * vocab);
    f.engine->model->Truncate(0);
    REQUIRE(f.engine->model->Forward(window, LogitsOf::kAll, logits).ok());
    CHECK(scores[begin].rank == 0);
    for (size_t i = 1; i < window.size(); ++i) {
      const float* row = logits.data() + (i - 1) * vocab;
      double sum = 0;
      for (uint32_t id = 0; id < vocab; ++id) sum += std::exp(double{row[id]});
      const double logprob = double{row[window[i]]} - std::log(sum);
      CHECK_THAT(scores[begin + i].logprob, WithinAbs(logprob, kRounding));
      CHECK(scores[begin + i].rank >= 1);
    }
  }
}

TEST_CASE("Positions of a text are looked at in their window") {
  Fixture f(test::TestModel{.context = 32});
  const std::string text(40, 'q');
  REQUIRE(f.session->BeginTextReview(text, f.options).ok());
  const auto scores = f.Scores();
  REQUIRE(scores.size() == 40);
  for (const size_t position : {1, 31, 33, 39}) {
    const SamplerTrace trace = f.Inspect(position);
    const auto token = std::ranges::find(trace.tokens, scores[position].id, &TracedToken::id);
    REQUIRE(token != trace.tokens.end());
    CHECK_THAT(token->probability[0], WithinAbs(std::exp(scores[position].logprob), kRounding));
  }
  for (const size_t position : {0, 32}) {
    CHECK(f.session->review()->Inspect(position).error().code == Code::kBadArg);
  }
}

TEST_CASE("A pass shows the weights and the stream that the logits come from") {
  Fixture f(test::TestModel{.context = 48});
  const std::string text(60, 'q');
  REQUIRE(f.session->BeginTextReview(text + "r", f.options).ok());
  Review& review = *f.session->review();
  CHECK(review.Layer(0).error().code == Code::kBadState);
  for (const size_t position : {1, 20, 49, 61}) {
    std::span<const float> weights;
    while (weights.empty()) {
      const auto step = review.Trace(position);
      REQUIRE(step.ok());
      weights = *step;
    }
    const size_t seen = position % 48;
    REQUIRE(weights.size() == 2 * 4 * seen);
    for (size_t head = 0; head < 2 * 4; ++head) {
      double sum = 0;
      for (const float weight : weights.subspan(head * seen, seen)) sum += double{weight};
      CHECK_THAT(sum, WithinAbs(1, 1e-5));  // f32
    }
    const LayerView last = *review.Layer(2);
    CHECK(review.Layer(3).error().code == Code::kBadArg);
    CHECK(review.Layer(0)->change == 0);
    CHECK((review.Layer(1)->change > 0 && last.norm > 0));
    // After all layers the head says what was chosen from.
    const SamplerTrace trace = f.Inspect(position);
    for (size_t i = 0; i < LayerView::kBest; ++i) {
      CHECK(last.best[i].id == trace.tokens[i].id);
      CHECK(last.best[i].rank == i + 1);
      CHECK_THAT(std::exp(last.best[i].logprob),
                 WithinAbs(trace.tokens[i].probability[0], kRounding));
    }
    CHECK(last.chosen.id == (position < 61 ? review.ids()[position] : -1));
  }
  CHECK(review.Trace(48).error().code == Code::kBadArg);
}

TEST_CASE("A review without a prompt, of strange ids or of too many tokens is an error") {
  Fixture f;
  const std::vector<Message> messages = {{Role::kUser, "x"}};
  CHECK(f.session->BeginReview({}, "y").error().code == Code::kBadState);
  const std::vector<int32_t> strange = {283};
  REQUIRE(f.session->BeginChat(messages, f.options).ok());
  CHECK(f.session->BeginReview(strange, "").error().code == Code::kBadArg);
  const std::vector<int32_t> many(96, 1);
  REQUIRE(f.session->BeginChat(messages, f.options).ok());
  CHECK(f.session->BeginReview(many, "").error().code == Code::kContextFull);
  CHECK(f.session->review() == nullptr);
  GenerationOptions seedless;
  CHECK(f.session->BeginTextReview("x", seedless).error().code == Code::kBadArg);
}

TEST_CASE("An empty text has nothing to look at") {
  Fixture f;
  REQUIRE(f.session->BeginTextReview("", f.options).ok());
  CHECK(f.Scores().empty());
  CHECK(f.session->review()->Inspect(0).error().code == Code::kBadArg);
}

}  // namespace
}  // namespace parley
