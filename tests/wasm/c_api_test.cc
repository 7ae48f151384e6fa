#include "wasm/c_api.h"

#include <catch2/catch_test_macros.hpp>
#include <string>
#include <vector>

#include "base/buffer.h"
#include "base/result.h"
#include "support/test_model.h"
#include "wasm/core.h"

using parley::Code;
using parley::test::Core;
using parley::test::Failed;
using parley::test::TestModel;

namespace {

class Chatter : public Core {
 public:
  void Load(const std::vector<uint8_t>& file, uint32_t context = 0) {
    REQUIRE(parley_load_begin(parley_, static_cast<double>(file.size()), context, 1, 0) == 0);
    for (size_t at = 0; at < file.size(); at += 5000) {
      const auto size = static_cast<uint32_t>(std::min<size_t>(5000, file.size() - at));
      REQUIRE(parley_load_write(parley_, file.data() + at, size) == 0);
    }
    REQUIRE(parley_open(parley_) == 0);
  }
  int32_t Set(const std::string& name, const std::string& value) {
    return parley_set_option(parley_, name.data(), static_cast<uint32_t>(name.size()), value.data(),
                             static_cast<uint32_t>(value.size()));
  }
  int32_t Add(const std::string& role, const std::string& text) {
    return parley_add_message(parley_, role.data(), static_cast<uint32_t>(role.size()), text.data(),
                              static_cast<uint32_t>(text.size()), 0);
  }
  int32_t Format(const std::string& id) {
    return parley_set_chat_format(parley_, id.data(), static_cast<uint32_t>(id.size()));
  }
  int32_t Complete(const std::string& prompt) {
    return parley_begin_completion(parley_, prompt.data(), static_cast<uint32_t>(prompt.size()), 0);
  }
  // Greedy, eight tokens, never ended earlier.
  void SetGreedy() {
    REQUIRE(parley_clear_options(parley_) == 0);
    REQUIRE(Set("temperature", "0") == 0);
    REQUIRE(Set("seed", "1") == 0);
    REQUIRE(Set("max_tokens", "8") == 0);
    REQUIRE(Set("ignore_eos", "true") == 0);
  }
  std::vector<int32_t> Finish() {
    std::vector<int32_t> ids;
    for (;;) {
      const ParleyEvent* event = parley_next(parley_);
      REQUIRE(event->kind != PARLEY_FAILED);
      if (event->kind == PARLEY_TOKEN) ids.push_back(event->id);
      if (event->kind == PARLEY_DONE) {
        reason = event->reason;
        completion_tokens = event->completion_tokens;
        return ids;
      }
    }
  }
  int32_t reason = 0;
  uint32_t completion_tokens = 0;
};

}  // namespace

TEST_CASE("a file is planned from its first bytes") {
  const std::vector<uint8_t> file = TestModel{}.Build();
  Chatter core;
  CHECK(parley_abi_version() == 5);
  const double file_bytes = static_cast<double>(file.size());
  CHECK(parley_plan(core, file.data(), 100, file_bytes, 0, 1) == Failed(Code::kTruncated));
  REQUIRE(parley_plan(core, file.data(), 20000, file_bytes, 32, 1) == 0);
  CHECK(core.Json()["context"] == 32);
  CHECK(core.Json()["file_bytes"] == file.size());
  CHECK(parley_plan(core, file.data(), 20000, file_bytes, 4, 1) == Failed(Code::kBadArg));
  CHECK(core.Message().find("context") != std::string::npos);
}

TEST_CASE("errors have code, offset and message") {
  Chatter core;
  const std::string html = "<!DOCTYPE html><html></html>";
  const auto* bytes = reinterpret_cast<const uint8_t*>(html.data());
  CHECK(parley_plan(core, bytes, static_cast<uint32_t>(html.size()),
                    static_cast<double>(html.size()), 0, 1) == Failed(Code::kBadMagic));
  CHECK(parley_error(core)->code == static_cast<int32_t>(Code::kBadMagic));
  CHECK_FALSE(core.Message().empty());
  CHECK(parley_clear_options(core) == 0);
  CHECK(parley_error(core)->code == 0);
  CHECK(parley_error(core)->has_offset == 0);

  TestModel model;
  model.edit = [](std::vector<parley::test::TestTensor>* tensors) {
    tensors->push_back({"strange.weight", parley::DType::kF32, {32}, std::vector<float>(32)});
  };
  std::vector<parley::test::TestTensor> tensors;
  const std::vector<uint8_t> file = model.Build(&tensors);
  CHECK(parley_plan(core, file.data(), static_cast<uint32_t>(file.size()),
                    static_cast<double>(file.size()), 0, 1) == Failed(Code::kUnsupportedModel));
  CHECK(parley_error(core)->has_offset == 1);
  CHECK(parley_error(core)->offset == static_cast<double>(tensors.back().offset));
}

TEST_CASE("calls out of order are BAD_STATE and change nothing") {
  Chatter core;
  const uint8_t byte = 0;
  CHECK(parley_load_write(core, &byte, 1) == Failed(Code::kBadState));
  CHECK(parley_open(core) == Failed(Code::kBadState));
  CHECK(parley_begin_chat(core) == Failed(Code::kBadState));
  CHECK(core.Complete("a") == Failed(Code::kBadState));
  CHECK(parley_count_chat(core) == Failed(Code::kBadState));
  CHECK(parley_tokenize(core, "a", 1, 0) == Failed(Code::kBadState));
  CHECK(parley_token_bytes(core, 0) == Failed(Code::kBadState));
  CHECK(core.Format("chatml") == Failed(Code::kBadState));
  CHECK(parley_next(core)->kind == PARLEY_FAILED);
  CHECK(parley_error(core)->code == static_cast<int32_t>(Code::kBadState));
  parley_cancel(core);
  core.Load(TestModel{}.Build());
  CHECK(parley_next(core)->kind == PARLEY_FAILED);
}

TEST_CASE("loading again replaces the model; a failed load leaves none") {
  Chatter core;
  core.Load(TestModel{}.Build());
  core.Load(TestModel{.seed = 2}.Build(), 40);
  CHECK(core.Json()["plan"]["context"] == 40);
  CHECK(core.Json()["chat_format"] == "role_tokens");
  CHECK(core.Json()["eos_id"] == 279);
  const std::vector<uint8_t> junk(1000, 7);
  REQUIRE(parley_load_begin(core, 1000, 0, 1, 0) == 0);
  CHECK(parley_load_write(core, junk.data(), 1000) == Failed(Code::kBadMagic));
  CHECK(parley_open(core) == Failed(Code::kBadState));
  CHECK(parley_tokenize(core, "a", 1, 0) == Failed(Code::kBadState));
}

TEST_CASE("a completion runs in steps, the same each time") {
  Chatter core;
  core.Load(TestModel{}.Build());
  core.SetGreedy();
  REQUIRE(core.Complete("hello there") == 0);
  CHECK(core.Json()["options"]["seed"] == 1);
  CHECK(core.Json()["dropped"].empty());
  const auto prompt_ids = core.Json()["prompt_ids"].get<std::vector<int32_t>>();
  REQUIRE(parley_tokenize(core, "hello there", 11, 0) == 0);
  const ParleyBytes ids = *parley_result(core);
  REQUIRE(ids.size == prompt_ids.size() * sizeof(int32_t));
  CHECK(
      std::equal(prompt_ids.begin(), prompt_ids.end(), reinterpret_cast<const int32_t*>(ids.data)));
  const std::vector<int32_t> first = core.Finish();
  CHECK(first.size() == 8);
  CHECK(core.reason == PARLEY_LENGTH);
  CHECK(core.completion_tokens == 8);
  REQUIRE(core.Complete("hello there") == 0);
  CHECK(core.Finish() == first);
}

TEST_CASE("a chat has roles, a count, and alternatives when asked for") {
  Chatter core;
  core.Load(TestModel{}.Build());
  core.SetGreedy();
  REQUIRE(core.Set("top_logprobs", "3") == 0);
  CHECK(core.Add("robot", "hi") == Failed(Code::kBadArg));
  REQUIRE(core.Add("user", "hi") == 0);
  REQUIRE(parley_count_chat(core) == 0);
  CHECK(core.Json()["tokens"] == 4);  // <|user|> h i <|assistant|>
  CHECK(core.Json()["context"] == 96);
  CHECK(core.Json()["dropped"] == nlohmann::json::array({false}));
  REQUIRE(parley_begin_chat(core) == 0);
  CHECK(core.Json()["prompt_ids"].size() == 4);
  CHECK(core.Json()["dropped"] == nlohmann::json::array({false}));
  const ParleyEvent* event = parley_next(core);
  while (event->kind == PARLEY_PREFILL) event = parley_next(core);
  REQUIRE(event->kind == PARLEY_TOKEN);
  REQUIRE(event->n_alternatives == 3);
  CHECK(event->alternatives[0].id == event->id);
  CHECK(event->alternatives[0].logprob == event->logprob);
  CHECK(event->alternatives[1].logprob <= event->alternatives[0].logprob);
  CHECK(event->prompt_tokens == 4);
  CHECK(event->context == 96);

  SECTION("I5: cancelling ends the reply, and the next one runs") {
    parley_cancel(core);
    CHECK(parley_next(core)->kind == PARLEY_DONE);
    REQUIRE(parley_begin_chat(core) == 0);
    CHECK(core.Finish().size() == 8);
  }
  SECTION("another format, and back") {
    CHECK(core.Format("nonsense") == Failed(Code::kBadArg));
    REQUIRE(core.Format("eos_turns") == 0);
    REQUIRE(parley_count_chat(core) == 0);
    CHECK(core.Json()["tokens"] == 3);  // h i <|endoftext|>
    REQUIRE(core.Format("") == 0);
    REQUIRE(parley_count_chat(core) == 0);
    CHECK(core.Json()["tokens"] == 4);
  }
  SECTION("a count between the steps of a reply, in another format and with other options") {
    const std::vector<int32_t> rest = core.Finish();
    REQUIRE(parley_begin_chat(core) == 0);
    event = parley_next(core);
    while (event->kind == PARLEY_PREFILL) event = parley_next(core);
    REQUIRE(core.Format("eos_turns") == 0);
    REQUIRE(parley_clear_options(core) == 0);
    REQUIRE(parley_count_chat(core) == 0);
    CHECK(core.Json()["tokens"] == 3);
    CHECK(core.Finish() == rest);
    core.SetGreedy();
    REQUIRE(parley_begin_chat(core) == 0);
    CHECK(core.Json()["prompt_ids"].size() == 3);
    CHECK(core.Finish().size() == 8);
  }
  SECTION("messages can be cleared") {
    REQUIRE(parley_clear_messages(core) == 0);
    CHECK(parley_begin_chat(core) == Failed(Code::kBadArg));
  }
}

TEST_CASE("unknown and bad options are errors that name them") {
  Chatter core;
  CHECK(core.Set("tools", "[]") == Failed(Code::kUnsupportedOption));
  CHECK(core.Message().find("tools") != std::string::npos);
  CHECK(core.Set("top_p", "2") == Failed(Code::kBadArg));
  CHECK(core.Message().find("top_p") != std::string::npos);
}

TEST_CASE("tokens and text convert both ways") {
  Chatter core;
  core.Load(TestModel{}.Build());
  REQUIRE(parley_tokenize(core, "<|user|>", 8, 1) == 0);
  CHECK(parley_result(core)->size == sizeof(int32_t));
  REQUIRE(parley_tokenize(core, "<|user|>", 8, 0) == 0);
  CHECK(parley_result(core)->size > sizeof(int32_t));
  REQUIRE(parley_token_bytes(core, 280) == 0);
  CHECK(core.Result() == "<|user|>");
  CHECK(parley_token_bytes(core, -1) == Failed(Code::kBadArg));
  CHECK(parley_token_bytes(core, 283) == Failed(Code::kBadArg));
  const int32_t text[] = {280, 'h', 'i'};  // the test's vocabulary has bytes by their value
  REQUIRE(parley_detokenize(core, text, 3, 0) == 0);
  CHECK(core.Result() == "<|user|>hi");
  REQUIRE(parley_detokenize(core, text, 3, 1) == 0);
  CHECK(core.Result() == "hi");
  const int32_t outside[] = {283};
  CHECK(parley_detokenize(core, outside, 1, 0) == Failed(Code::kBadArg));
}

namespace {

// Refuses buffers of more than `bytes` until it goes.
class LargestBuffer {
 public:
  explicit LargestBuffer(size_t bytes) {
    largest_ = bytes;
    parley::SetAllocatorHooks({Allocate, parley::DefaultAllocatorHooks().release});
  }
  ~LargestBuffer() { parley::SetAllocatorHooks(parley::DefaultAllocatorHooks()); }

 private:
  static void* Allocate(size_t bytes, size_t alignment) {
    if (bytes > largest_) return nullptr;
    return parley::DefaultAllocatorHooks().allocate(bytes, alignment);
  }
  static inline size_t largest_ = 0;
};

}  // namespace

TEST_CASE("G19: ids whose text there is no memory for are OOM or LIMIT, and the core lives on") {
  Chatter core;
  core.Load(TestModel{.word = std::string(1000, 'w')}.Build());
  // Token 270 is the word and its id.
  const std::vector<int32_t> ids(17'000, 270);
  {
    const LargestBuffer none(999);
    CHECK(parley_detokenize(core, ids.data(), 10, 0) == Failed(Code::kOom));
  }
  CHECK(parley_detokenize(core, ids.data(), 17'000, 0) == Failed(Code::kLimit));
  REQUIRE(parley_detokenize(core, ids.data(), 10, 0) == 0);
  CHECK(core.Result().size() == 10 * 1003);
}

TEST_CASE("G19: options that there is no memory for are OOM, and the session lives on") {
  Chatter core;
  core.Load(TestModel{}.Build());
  core.SetGreedy();
  for (int i = 0; i < 1000; ++i) REQUIRE(core.Set("logit_bias", std::to_string(i % 7) + ":1") == 0);
  {
    const LargestBuffer none(8000);
    CHECK(core.Complete("hi") == Failed(Code::kOom));
    int set = 0;
    while (set < 100'000 && core.Set("logit_bias", "1:1") == 0) ++set;
    CHECK(core.Set("logit_bias", "1:1") == Failed(Code::kOom));
    CHECK(set < 100'000);
    set = 0;
    while (set < 100'000 && core.Set("stop_token_ids", "1") == 0) ++set;
    CHECK(set < 100'000);
  }
  REQUIRE(core.Complete("hi") == 0);
  CHECK(core.Finish().size() <= 8);
}

TEST_CASE("G19: text that there is no memory for is OOM, and the session lives on") {
  Chatter core;
  core.Load(TestModel{}.Build());
  core.SetGreedy();
  {
    const LargestBuffer none(52 * 1000 - 1);
    CHECK(core.Add("user", std::string(1000, 'a')) == Failed(Code::kOom));
    CHECK(core.Complete(std::string(1000, 'a')) == Failed(Code::kOom));
  }
  CHECK(core.Add("user", std::string((16 << 20) + 1, 'a')) == Failed(Code::kLimit));
  REQUIRE(core.Complete("hi") == 0);
  CHECK(core.Finish().size() == 8);
}
