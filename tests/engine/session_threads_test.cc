// What a session and an engine's processor have to do with each other: how many threads decode, and
// what happens when the kernels no longer hold.
#include <catch2/catch_test_macros.hpp>
#include <string>
#include <vector>

#include "chat/session.h"
#include "support/load_model.h"
#include "support/test_model.h"

namespace parley {
namespace {

#ifdef PARLEY_THREADS
constexpr uint32_t kThreads = 3;
#else
constexpr uint32_t kThreads = 1;
#endif

GenerationOptions Options() {
  GenerationOptions options;
  options.has_seed = true;
  options.temperature = 0;
  options.ignore_eos = true;
  options.max_tokens = 8;
  options.top_logprobs = 3;
  return options;
}

std::unique_ptr<Engine> Load(const LoadOptions& options) {
  auto engine = test::LoadBytes(test::TestModel{}.Build(), options);
  REQUIRE(engine.ok());
  return std::move(*engine);
}

std::unique_ptr<Session> MakeSession(const SessionModel& model) {
  auto session = Session::Make(model);
  REQUIRE(session.ok());
  return std::move(*session);
}

// Everything a reply says of itself except how many threads wrote it.
struct Written {
  std::vector<int32_t> ids;
  std::vector<double> logprobs;
  bool operator==(const Written&) const = default;
};

Written Write(Session& session, const std::string& prompt) {
  REQUIRE(session.BeginCompletion(prompt, false, Options()).ok());
  Written written;
  for (;;) {
    const Event event = session.Next();
    REQUIRE(event.kind != Event::Kind::kError);
    if (event.kind == Event::Kind::kDone) return written;
    if (event.kind != Event::Kind::kToken) continue;
    written.ids.push_back(event.id);
    written.logprobs.push_back(event.logprob);
    for (const TokenLogprob& other : event.alternatives) written.logprobs.push_back(other.logprob);
  }
}

TEST_CASE("threads are tuned while replies are written, and the replies are those of one thread") {
  const auto one = Load({});
  const auto tuned = Load({.threads = kThreads, .tune_threads = true});
  const auto expected = MakeSession(one->session_model());
  const auto session = MakeSession(tuned->session_model());
  CHECK(tuned->threads.decode.done() == (kThreads == 1));
  for (int turn = 0; turn < 6; ++turn) {
    // 80 tokens, none of them in the cache.
    const std::string prompt(80, static_cast<char>('A' + turn));
    CHECK(Write(*session, prompt) == Write(*expected, prompt));
    CHECK(session->usage().threads >= 1);
    CHECK(session->usage().threads <= kThreads);
  }
  CHECK(tuned->threads.decode.done());
  CHECK(tuned->threads.prefill.done());
  CHECK(session->usage().threads == tuned->threads.decode.threads());
}

TEST_CASE("a number of threads that was asked for is kept") {
  const auto engine = Load({.threads = kThreads});
  const auto session = MakeSession(engine->session_model());
  for (int turn = 0; turn < 3; ++turn) {
    Write(*session, std::string(40, static_cast<char>('a' + turn)));
    CHECK(session->usage().threads == kThreads);
    CHECK(engine->pool->active() == kThreads);
  }
}

// What the next probe will find.
bool g_hold = true;

TEST_CASE("kernels that no longer hold end the reply before it begins, and nothing else") {
  const auto engine = Load({});
  SessionModel model = engine->session_model();
  model.kernels_still_hold = [] { return g_hold; };
  const auto session = MakeSession(model);
  const std::string prompt = "Hello, how are you?";
  g_hold = true;
  const Written first = Write(*session, prompt);
  g_hold = false;
  const Status refused = session->BeginCompletion(prompt, false, Options());
  CHECK(refused.error().code == Code::kKernelsChanged);
  const Message message{Role::kUser, "Hello"};
  CHECK(session->BeginChat({&message, 1}, Options()).error().code == Code::kKernelsChanged);
  CHECK(session->Next().error.code == Code::kBadState);
  g_hold = true;
  CHECK(Write(*session, prompt) == first);
  CHECK(session->usage().cached_tokens == prompt.size() - 1);
}

}  // namespace
}  // namespace parley
