// The C interface's conversions against the engine's own.
#include <catch2/catch_test_macros.hpp>
#include <cstring>
#include <string>
#include <vector>

#include "base/buffer.h"
#include "base/result.h"
#include "support/hf_folder.h"
#include "wasm/core.h"

using parley::Code;
using parley::test::Core;
using parley::test::Failed;
using parley::test::HfTestFolder;

namespace {

class VectorSink final : public parley::ByteSink {
 public:
  parley::Status Write(std::span<const uint8_t> bytes) override {
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    return {};
  }
  std::vector<uint8_t> bytes_;
};

std::vector<uint8_t> Expected(HfTestFolder* folder, parley::DType type) {
  auto conversion = parley::Conversion::FromHuggingFace(folder->view(), {.type = type, .name = ""});
  REQUIRE(conversion.ok());
  std::vector<parley::ByteSource*> files;
  const auto sources = folder->sources();
  for (const auto& source : sources) files.push_back(source.get());
  VectorSink sink;
  REQUIRE(RunConversion(conversion->get(), files, &sink).ok());
  return std::move(sink.bytes_);
}

class Converter : public Core {
 public:
  int32_t Begin(const std::string& type, const std::string& name = "") {
    return parley_convert_begin(parley_, type.data(), static_cast<uint32_t>(type.size()),
                                name.data(), static_cast<uint32_t>(name.size()));
  }
  int32_t Add(const std::string& name, const std::string& text) {
    return parley_convert_text(parley_, name.data(), static_cast<uint32_t>(name.size()),
                               text.data(), static_cast<uint32_t>(text.size()));
  }
  int32_t AddWeights(const std::string& name, uint64_t bytes) {
    return parley_convert_weights(parley_, name.data(), static_cast<uint32_t>(name.size()),
                                  static_cast<double>(bytes));
  }
  void AddAll(const HfTestFolder& folder) {
    REQUIRE(Add("config.json", folder.config_json) == 0);
    REQUIRE(Add("vocab.json", folder.vocab_json) == 0);
    REQUIRE(Add("merges.txt", folder.merges_txt) == 0);
    REQUIRE(Add("tokenizer_config.json", folder.tokenizer_config_json) == 0);
    REQUIRE(Add("README.md", folder.readme_md) == 0);
    REQUIRE(Add("generation_config.json", "not read") == 0);
    for (size_t i = 0; i < folder.weights.size(); ++i) {
      REQUIRE(AddWeights(folder.weight_names[i], folder.weights[i].size()) == 0);
    }
  }
  // Until it is done; what it wrote.
  std::vector<uint8_t> Run(const HfTestFolder& folder) {
    std::vector<uint8_t> written;
    for (;;) {
      const ParleyConvertStep& step = *parley_convert_next(parley_);
      INFO(Message());
      REQUIRE(step.kind != PARLEY_CONVERT_FAILED);
      if (step.kind == PARLEY_CONVERT_DONE) return written;
      if (step.kind == PARLEY_CONVERT_READ) {
        const std::vector<uint8_t>& file = folder.weights[step.file];
        REQUIRE(step.offset + step.size <= static_cast<double>(file.size()));
        std::memcpy(step.data, file.data() + static_cast<size_t>(step.offset), step.size);
      } else {
        written.insert(written.end(), step.data, step.data + step.size);
        CHECK(step.written_bytes == static_cast<double>(written.size()));
        CHECK(step.output_bytes >= step.written_bytes);
      }
    }
  }
};

}  // namespace

TEST_CASE("a conversion through the C interface has the engine's bytes") {
  for (const auto& [name, type] :
       {std::pair("q8_0", parley::DType::kQ8_0), std::pair("q4_0", parley::DType::kQ4_0)}) {
    HfTestFolder folder;
    folder.n_shards = 2;
    folder.half = true;
    folder.Build();
    const uint64_t before = parley::GetAllocationCounts().live_bytes;
    Converter core;
    REQUIRE(core.Begin(name) == 0);
    core.AddAll(folder);
    CHECK(core.Run(folder) == Expected(&folder, type));
    CHECK(parley::GetAllocationCounts().live_bytes == before);
  }
}

TEST_CASE("the index of shards is answered with the files it names") {
  Converter core;
  REQUIRE(core.Begin("q8_0") == 0);
  REQUIRE(core.Add("model.safetensors.index.json",
                   R"({"weight_map": {"b": "2.safetensors", "a": "1.safetensors"}})") == 0);
  CHECK(nlohmann::json::parse(core.Result()) ==
        nlohmann::json::array({"1.safetensors", "2.safetensors"}));
  REQUIRE(core.Add("config.json", "{}") == 0);
  CHECK(core.Result() == "[]");
  CHECK(core.Add("model.safetensors.index.json", "{}") == Failed(Code::kBadJson));
}

TEST_CASE("conversion calls out of order and bad arguments are refused") {
  Converter core;
  CHECK(core.Add("config.json", "{}") == Failed(Code::kBadState));
  CHECK(core.AddWeights("model.safetensors", 10) == Failed(Code::kBadState));
  CHECK(parley_convert_next(core)->kind == PARLEY_CONVERT_FAILED);
  CHECK(core.Begin("q5_1") == Failed(Code::kBadArg));
  CHECK(core.Begin("q8_0", std::string(2000, 'a')) == Failed(Code::kLimit));
  HfTestFolder folder;
  folder.Build();
  REQUIRE(core.Begin("q8_0") == 0);
  core.AddAll(folder);
  CHECK(parley_convert_next(core)->kind == PARLEY_CONVERT_READ);
  CHECK(core.Add("config.json", "{}") == Failed(Code::kBadState));
  CHECK(core.AddWeights("more", 10) == Failed(Code::kBadState));
  // Begun anew while half done.
  REQUIRE(core.Begin("q8_0") == 0);
  core.AddAll(folder);
  CHECK(core.Run(folder) == Expected(&folder, parley::DType::kQ8_0));
}

TEST_CASE("a conversion that fails says why and keeps nothing") {
  const uint64_t before = parley::GetAllocationCounts().live_bytes;
  Converter core;
  REQUIRE(core.Begin("q8_0") == 0);
  REQUIRE(core.Add("config.json", R"({"model_type": "llama"})") == 0);
  CHECK(parley_convert_next(core)->kind == PARLEY_CONVERT_FAILED);
  CHECK(parley_error(core)->code == static_cast<int32_t>(Code::kUnsupportedModel));
  CHECK(core.Message().find("llama") != std::string::npos);
  CHECK(parley::GetAllocationCounts().live_bytes == before);
  CHECK(parley_convert_next(core)->kind == PARLEY_CONVERT_FAILED);
  CHECK(parley_error(core)->code == static_cast<int32_t>(Code::kBadState));
}
