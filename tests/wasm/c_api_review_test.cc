// The C interface's reviews against replies that it wrote itself.
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "base/result.h"
#include "support/test_model.h"
#include "wasm/core.h"

using Catch::Matchers::WithinAbs;
using parley::Code;
using parley::test::Core;
using parley::test::Failed;
using parley::test::TestModel;

namespace {

uint32_t Size(const std::string& text) { return static_cast<uint32_t>(text.size()); }

class Reviewer : public Core {
 public:
  Reviewer() {
    const std::vector<uint8_t> file = TestModel{}.Build();
    REQUIRE(parley_load_begin(parley_, static_cast<double>(file.size()), 0, 1, 0) == 0);
    REQUIRE(parley_load_write(parley_, file.data(), static_cast<uint32_t>(file.size())) == 0);
    REQUIRE(parley_open(parley_) == 0);
    Set("seed", "1");
    Set("max_tokens", "12");
    Set("ignore_eos", "true");
    Set("top_logprobs", "0");
  }

  void Set(const std::string& name, const std::string& value) {
    REQUIRE(parley_set_option(parley_, name.data(), Size(name), value.data(), Size(value)) == 0);
  }
  void BeginChat(const std::string& text) {
    REQUIRE(parley_clear_messages(parley_) == 0);
    REQUIRE(parley_add_message(parley_, "user", 4, text.data(), Size(text), 0) == 0);
    REQUIRE(parley_begin_chat(parley_) == 0);
  }
  int32_t ReviewReply(const std::vector<int32_t>& ids, const std::string& text) {
    return parley_review_reply(parley_, ids.data(), static_cast<uint32_t>(ids.size()), text.data(),
                               Size(text));
  }
  std::vector<ParleyScore> Scores(size_t count) {
    std::vector<ParleyScore> all;
    while (all.size() < count) {
      REQUIRE(parley_review_next(parley_) == 0);
      const std::string bytes = Result();
      std::vector<ParleyScore> step(bytes.size() / sizeof(ParleyScore));
      std::memcpy(step.data(), bytes.data(), bytes.size());
      all.insert(all.end(), step.begin(), step.end());
    }
    return all;
  }
};

}  // namespace

TEST_CASE("a reply's tokens are looked at, and the alternatives of one") {
  Reviewer core;
  core.BeginChat("the rain");
  std::vector<int32_t> ids;
  std::vector<double> logprobs;
  for (const ParleyEvent* event = parley_next(core); event->kind != PARLEY_DONE;
       event = parley_next(core)) {
    REQUIRE(event->kind != PARLEY_FAILED);
    if (event->kind != PARLEY_TOKEN) continue;
    ids.push_back(event->id);
    logprobs.push_back(event->logprob);
  }
  REQUIRE(ids.size() == 12);

  core.BeginChat("the rain");
  const auto prompt = core.Json()["prompt_ids"].get<std::vector<int32_t>>();
  REQUIRE(core.ReviewReply(ids, "") == 0);
  CHECK(core.Json()["begin"] == prompt.size());
  std::vector<int32_t> all = prompt;
  all.insert(all.end(), ids.begin(), ids.end());
  CHECK(core.Json()["ids"] == all);
  const auto scores = core.Scores(12);
  REQUIRE(scores.size() == 12);
  for (size_t i = 0; i < 12; ++i) {
    CHECK(scores[i].id == ids[i]);
    CHECK(scores[i].logprob == logprobs[i]);
    CHECK((scores[i].rank >= 1 && scores[i].entropy > 0));
  }
  REQUIRE(parley_review_next(core) == 0);
  CHECK(core.Result().empty());

  const auto position = static_cast<uint32_t>(prompt.size() + 3);
  do {
    REQUIRE(parley_review_token(core, position) == 0);
  } while (core.Result().empty());
  const nlohmann::json trace = core.Json();
  CHECK(trace["left"] == nlohmann::json({283, 283, 283, 50, 50, 50, 50}));
  REQUIRE(trace["tokens"].size() >= 20);
  bool found = false;
  for (const auto& token : trace["tokens"]) {
    CHECK(token["probabilities"].size() == 7);
    if (token["id"] != ids[3]) continue;
    found = true;
    CHECK(token["removed_by"].is_null());
    CHECK_THAT(token["probabilities"][0].get<double>(), WithinAbs(std::exp(logprobs[3]), 1e-12));
  }
  CHECK(found);

  CHECK(parley_review_layer(core, 0) == Failed(Code::kBadState));
  do {
    REQUIRE(parley_review_pass(core, position) == 0);
  } while (core.Result().empty());
  CHECK(core.Result().size() == 2 * 4 * position * sizeof(float));
  REQUIRE(parley_review_layer(core, 2) == 0);
  const nlohmann::json layer = core.Json();
  CHECK(layer["values"].size() == 8);
  CHECK(layer["best"][0]["id"] == trace["tokens"][0]["id"]);
  CHECK(layer["chosen"]["id"] == ids[3]);
  CHECK(layer["chosen"]["rank"] == scores[3].rank);
  CHECK(parley_review_layer(core, 3) == Failed(Code::kBadArg));
  CHECK(parley_review_pass(core, 1) == Failed(Code::kBadArg));
}

TEST_CASE("a text is looked at without a prompt") {
  Reviewer core;
  REQUIRE(parley_review_text(core, "the rain", 8) == 0);
  const auto ids = core.Json()["ids"].get<std::vector<int32_t>>();
  CHECK(core.Json()["begin"] == 0);
  const auto scores = core.Scores(ids.size());
  CHECK(scores[0].rank == 0);
  CHECK(scores[1].rank > 0);
  CHECK(parley_review_token(core, 0) == Failed(Code::kBadArg));
}

TEST_CASE("a review out of order is BAD_STATE, of strange ids BAD_ARG, and the session lives on") {
  Reviewer core;
  CHECK(parley_review_next(core) == Failed(Code::kBadState));
  CHECK(parley_review_token(core, 1) == Failed(Code::kBadState));
  CHECK(core.ReviewReply({}, "x") == Failed(Code::kBadState));
  core.BeginChat("hi");
  CHECK(core.ReviewReply({-1}, "") == Failed(Code::kBadArg));
  core.BeginChat("hi");
  REQUIRE(core.ReviewReply({}, "x") == 0);
  CHECK(parley_next(core)->kind == PARLEY_FAILED);
  core.BeginChat("hi");
  CHECK(parley_review_next(core) == Failed(Code::kBadState));
  CHECK(parley_next(core)->kind == PARLEY_PREFILL);
}

TEST_CASE("a review without a model is BAD_STATE") {
  Parley* parley = parley_create();
  CHECK(parley_review_text(parley, "x", 1) == Failed(Code::kBadState));
  CHECK(parley_review_reply(parley, nullptr, 0, "x", 1) == Failed(Code::kBadState));
  CHECK(parley_review_next(parley) == Failed(Code::kBadState));
  CHECK(parley_review_token(parley, 1) == Failed(Code::kBadState));
  CHECK(parley_review_pass(parley, 1) == Failed(Code::kBadState));
  CHECK(parley_review_layer(parley, 1) == Failed(Code::kBadState));
  parley_destroy(parley);
}
