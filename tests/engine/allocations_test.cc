// Law 6 in docs/ARCHITECTURE.md: decoding a token allocates nothing, with any options. Counts every
// operator new of this program and every Buffer.
#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <new>
#include <string>
#include <vector>

#include "base/buffer.h"
#include "chat/session.h"
#include "support/load_model.h"
#include "support/test_model.h"

namespace {

std::atomic<uint64_t> g_news{0};
std::atomic<size_t> g_largest{0};  // bytes of one operator new

void* CountedNew(size_t bytes) {
  ++g_news;
  if (bytes > g_largest) g_largest = bytes;
  return std::malloc(bytes == 0 ? 1 : bytes);
}

void* CountedNewOrThrow(size_t bytes) {
  void* memory = CountedNew(bytes);
  if (memory == nullptr) std::abort();
  return memory;
}

}  // namespace

void* operator new(size_t bytes) { return CountedNewOrThrow(bytes); }
void* operator new[](size_t bytes) { return CountedNewOrThrow(bytes); }
void* operator new(size_t bytes, const std::nothrow_t&) noexcept { return CountedNew(bytes); }
void* operator new[](size_t bytes, const std::nothrow_t&) noexcept { return CountedNew(bytes); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, size_t) noexcept { std::free(memory); }

namespace parley {
namespace {

uint64_t Allocations() { return g_news + GetAllocationCounts().allocations; }

TEST_CASE("allocations: the counter sees operator new and buffers") {
  const uint64_t before = Allocations();
  const auto text = std::make_unique<std::string>(1000, 'a');
  const auto buffer = Buffer<uint8_t>::Make(10, "test");
  REQUIRE(text != nullptr);
  CHECK(Allocations() - before == 3);
}

struct Case {
  const char* name;
  GenerationOptions options;
};

std::vector<Case> Cases() {
  GenerationOptions plain;
  plain.has_seed = true;
  plain.ignore_eos = true;
  plain.max_tokens = 40;
  plain.temperature = 0;
  GenerationOptions sampled = plain;
  sampled.temperature = 1.2;
  sampled.top_k = 0;
  GenerationOptions everything = sampled;
  everything.top_k = 200;
  everything.top_p = 0.95;
  everything.min_p = 0.001;
  everything.typical_p = 0.98;
  everything.repetition_penalty = 1.1;
  everything.frequency_penalty = 0.2;
  everything.presence_penalty = 0.1;
  everything.no_repeat_ngram_size = 3;
  everything.min_tokens = 10;
  everything.logit_bias = {{5, -3.0}, {300, 2.0}};
  everything.stop = {"never said", "nor this: \xF0\x9F\x98\x80\xF0\x9F\x98\x80"};
  everything.top_logprobs = 20;
  everything.best_of = 3;
  everything.retry_repeats = 2;
  GenerationOptions drafts = sampled;
  drafts.retry_repeats = 3;
  GenerationOptions logprobs = plain;
  logprobs.top_logprobs = 20;
  return {{"greedy", plain},
          {"sampled", sampled},
          {"with every option", everything},
          {"with tries that are written unseen", drafts},
          {"log-probabilities", logprobs}};
}

TEST_CASE("allocations: decoding a token allocates nothing, whatever the options") {
  // Texts that no small string holds.
  const test::TestModel model{.vocab = 700, .word = "a-rather-long-token-as-gpt2-has-some-too-"};
#ifdef PARLEY_THREADS
  constexpr uint32_t kThreads = 2;
#else
  constexpr uint32_t kThreads = 1;
#endif
  const std::vector<uint8_t> file = model.Build();
  auto engine = test::LoadBytes(file, {.threads = kThreads, .tune_threads = true});
  REQUIRE(engine.ok());
  auto session = Session::Make((*engine)->session_model());
  REQUIRE(session.ok());
  for (const Case& c : Cases()) {
    INFO(c.name);
    REQUIRE((*session)->BeginCompletion("Hello, how are you?", false, c.options).ok());
    uint32_t tokens = 0;
    size_t text_bytes = 0;
    uint64_t made = 0;
    uint64_t by_last_step = 0;
    Event event;
    do {
      const uint64_t before = Allocations();
      event = (*session)->Next();
      // A step that prefill follows has begun another try, as BeginCompletion began the first.
      if (event.kind != Event::Kind::kPrefill) made += by_last_step;
      by_last_step = Allocations() - before;
      tokens += event.kind == Event::Kind::kToken;
      text_bytes += event.text.size();
    } while (event.kind != Event::Kind::kDone && event.kind != Event::Kind::kError);
    made += by_last_step;
    CHECK(event.kind == Event::Kind::kDone);
    CHECK(tokens == c.options.max_tokens);
    CHECK(text_bytes > 10 * model.word.size());
    CHECK(made == 0);
  }
}

TEST_CASE("allocations: a reply that the context has no room for is refused before it is copied") {
  const std::vector<uint8_t> file = test::TestModel{}.Build();
  auto engine = test::LoadBytes(file);
  REQUIRE(engine.ok());
  auto session = Session::Make((*engine)->session_model());
  REQUIRE(session.ok());
  REQUIRE((*session)->BeginCompletion("Hello", false, Cases()[0].options).ok());
  const std::vector<int32_t> reply(100'000, 'a');
  g_largest = 0;
  CHECK((*session)->BeginReview(reply, "").error().code == Code::kContextFull);
  CHECK(g_largest < reply.size());
}

}  // namespace
}  // namespace parley
