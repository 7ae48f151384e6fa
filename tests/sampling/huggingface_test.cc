// Whole distributions against Hugging Face's logits processors: golden cases of
// scripts/golden_sampling.py, which puts options together at random.
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>
#include <fstream>
#include <nlohmann/json.hpp>
#include <vector>

#include "sampling/sampler.h"

namespace parley {
namespace {

using Catch::Matchers::WithinAbs;

GenerationOptions OptionsOf(const nlohmann::json& json) {
  GenerationOptions options;
  options.top_k = 0;  // off unless the case has it
  for (const auto& [name, value] : json.items()) {
    if (name == "logit_bias") {
      for (const auto& [id, bias] : value.items()) {
        REQUIRE(SetOption(name, id + ":" + bias.dump(), &options).ok());
      }
    } else {
      REQUIRE(SetOption(name, value.dump(), &options).ok());
    }
  }
  return options;
}

TEST_CASE("Distributions are those of Hugging Face's logits processors") {
  std::ifstream file(PARLEY_SOURCE_DIR "/tests/golden/sampling/huggingface.json");
  const auto cases = nlohmann::json::parse(file);
  REQUIRE(cases.size() == 80);
  for (const auto& c : cases) {
    INFO(c["options"].dump());
    const auto logits = c["logits"].get<std::vector<float>>();
    const auto history = c["history"].get<std::vector<int32_t>>();
    const std::vector<int32_t> end_ids = {c["end_id"].get<int32_t>()};
    auto sampler = Sampler::Make(OptionsOf(c["options"]), static_cast<uint32_t>(logits.size()));
    REQUIRE(sampler.ok());
    const auto sample = sampler->Next(logits, history, c["generated"], end_ids);
    REQUIRE(sample.ok());

    std::vector<double> probabilities(logits.size());
    double sum = 0;
    for (const Candidate& candidate : sampler->kept()) sum += candidate.weight;
    for (const Candidate& candidate : sampler->kept()) {
      probabilities[static_cast<size_t>(candidate.id)] = candidate.weight / sum;
    }
    for (size_t id = 0; id < probabilities.size(); ++id) {
      // Both are computed in double from exponents below 200; 1e-12 is far above their rounding and
      // far below any difference in what is kept.
      CHECK_THAT(probabilities[id], WithinAbs(c["probabilities"][id].get<double>(), 1e-12));
    }
    CHECK(c["probabilities"][static_cast<size_t>(sample->id)].get<double>() > 0);
  }
}

}  // namespace
}  // namespace parley
