#include "engine/plan.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/buffer.h"
#include "support/load_model.h"
#include "support/test_model.h"

using parley::Code;
using parley::Plan;
using parley::Result;
using parley::test::TestModel;

namespace {

Result<Plan> PlanOf(const TestModel& model, const parley::LoadOptions& options = {}) {
  const std::vector<uint8_t> file = model.Build();
  const auto header = parley::GgufHeader::Parse(file, file.size());
  REQUIRE(header.ok());
  return MakePlan(*header, file.size(), options);
}

}  // namespace

TEST_CASE("the context is the model's unless another is asked for") {
  const TestModel model;
  CHECK(PlanOf(model)->context == model.context);
  CHECK(PlanOf(model, {.context = 8})->context == 8);
  CHECK(PlanOf(model, {.context = model.context})->context == model.context);
  CHECK(PlanOf(TestModel{.width = 32, .context = 3000})->context == 2048);
  CHECK(PlanOf(TestModel{.width = 32, .context = 3000}, {.context = 3000})->context == 3000);
  for (const uint32_t context : {1u, 7u, model.context + 1, UINT32_MAX}) {
    const auto plan = PlanOf(model, {.context = context});
    CHECK(plan.error().code == Code::kBadArg);
    CHECK(plan.error().message.find("context") != std::string::npos);
  }
}

TEST_CASE("threads are 1 to 64") {
  for (const uint32_t threads : {0u, 65u, UINT32_MAX}) {
    const auto plan = PlanOf(TestModel{}, {.threads = threads});
    CHECK(plan.error().code == Code::kBadArg);
    CHECK(plan.error().message.find("threads") != std::string::npos);
  }
  CHECK(PlanOf(TestModel{}, {.threads = 64})->total_bytes >
        PlanOf(TestModel{}, {.threads = 1})->total_bytes);
}

TEST_CASE("what is planned is enough, and not 15% too much") {
  // Large enough that weights, cache and scratch outweigh what every program takes; their shares
  // differ by model.
#ifdef PARLEY_THREADS
  constexpr uint32_t kPlannedThreads = 2;
#else
  constexpr uint32_t kPlannedThreads = 1;
#endif
  for (const TestModel& model :
       {TestModel{.n_layers = 8, .width = 384, .n_heads = 6, .context = 512, .vocab = 8192},
        TestModel{.n_layers = 4,
                  .width = 512,
                  .n_heads = 8,
                  .context = 1024,
                  .vocab = 16384,
                  .untied = true}}) {
    const std::vector<uint8_t> file = model.Build();
    const uint64_t before = parley::GetAllocationCounts().live_bytes;
    parley::ResetAllocationPeak();
    auto engine = parley::test::LoadBytes(file, {.threads = kPlannedThreads});
    REQUIRE(engine.ok());
    auto session = parley::Session::Make((*engine)->session_model());
    REQUIRE(session.ok());
    parley::GenerationOptions options;
    options.has_seed = true;
    const parley::Message message{parley::Role::kUser, "Hello"};
    options.best_of = 2;  // takes memory for as long a reply as there can be
    REQUIRE((*session)->BeginChat({&message, 1}, options).ok());
    (*session)->Cancel();
    REQUIRE((*session)->Next().kind == parley::Event::Kind::kDone);
    options.best_of = 1;
    options.top_logprobs = 20;
    options.max_tokens = 3;
    REQUIRE((*session)->BeginChat({&message, 1}, options).ok());
    while ((*session)->Next().kind != parley::Event::Kind::kDone) {
    }
    const uint64_t used = parley::GetAllocationCounts().peak_bytes - before;
    const Plan& plan = (*engine)->plan;
    INFO("planned " << plan.total_bytes << ", used " << used);
    CHECK(used <= plan.total_bytes);
    CHECK(static_cast<double>(plan.total_bytes) <= 1.15 * static_cast<double>(used));
    CHECK(plan.total_bytes >= plan.weights_bytes + plan.kv_bytes + plan.scratch_bytes +
                                  plan.tokenizer_bytes + plan.staging_bytes);
  }
}

TEST_CASE("the plan as JSON has its fields by name") {
  const auto plan =
      PlanOf(TestModel{.matrices = parley::DType::kF16}, {.context = 32, .threads = 2});
  REQUIRE(plan.ok());
  const auto json = nlohmann::json::parse(PlanToJson(*plan));
  CHECK(json["architecture"] == "gpt2");
  CHECK(json["name"] == "test model");
  CHECK(json["staged_parts"] == 2);
  CHECK(json["quantization"] == "F16");
  CHECK(json["vocab_size"] == 283);
  CHECK(json["context_length"] == 96);
  CHECK(json["context"] == 32);
  CHECK(json["threads"] == 2);
  CHECK(json["total_bytes"] == plan->total_bytes);
  CHECK(json["weights_bytes"] == plan->weights_bytes);
  CHECK(json["kv_bytes"] ==
        uint64_t{2} * 2 * 32 * 64 * 4);  // layers, keys and values, context, width, f32
  CHECK(json["note"] == "F16 becomes Q8_0");
}
