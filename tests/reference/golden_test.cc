// The bundled model on the reference engine against GPT2LMHeadModel's outputs on the same weights.
#include "golden.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include "engine/open.h"
#include "formats/gguf_source.h"
#include "reference/gpt2.h"

namespace parley {
namespace {

const std::string kGolden = PARLEY_SOURCE_DIR "/tests/golden/parley-17m/";

// The parts of models/parley-17m, joined.
std::vector<uint8_t> BundledModel() {
  std::vector<std::string> paths;
  for (const auto& entry :
       std::filesystem::directory_iterator(PARLEY_SOURCE_DIR "/models/parley-17m")) {
    if (entry.path().extension() == ".part") paths.push_back(entry.path().string());
  }
  std::sort(paths.begin(), paths.end());
  std::vector<uint8_t> bytes;
  for (const std::string& path : paths) {
    std::ifstream file(path, std::ios::binary);
    bytes.insert(bytes.end(), std::istreambuf_iterator<char>(file), {});
  }
  return bytes;
}

TEST_CASE("The bundled model's logits and greedy texts are GPT2LMHeadModel's") {
  const std::vector<uint8_t> file = BundledModel();
  MemorySource source(file);
  const auto header = ReadGgufHeader(&source);
  REQUIRE(header.ok());
  const auto config = ReadModelConfig(*header);
  REQUIRE(config.ok());
  Engine engine;
  const auto usable_ids = OpenTokenizer(*header, config->vocab_size, &engine);
  REQUIRE(usable_ids.ok());
  auto weights = reference::ReadGgufWeights(source, *header, *config);
  REQUIRE(weights.ok());
  const auto model = reference::Gpt2::Make(*config, std::move(*weights), 0, *usable_ids);
  REQUIRE(model.ok());

  const GoldenReport report =
      CompareWithGolden(**model, *engine.tokenizer, kGolden + "golden-q8_0.json",
                        kGolden + "golden-q8_0-last-logits.safetensors", 1e-3);
  for (const std::string& failure : report.failures) UNSCOPED_INFO(failure);
  CHECK(report.failures.empty());
  CHECK(report.prompts == 19);
  CHECK(report.positions == 147);
  CHECK(report.greedy_tokens == 1396);
  WARN("largest difference of a logit: " << report.worst_logit_error);
}

}  // namespace
}  // namespace parley
