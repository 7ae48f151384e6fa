#include "formats/hf_config.h"

#include <catch2/catch_test_macros.hpp>
#include <string>
#include <vector>

using parley::Code;
using parley::ReadHfConfig;
using parley::ReadModelCardLicense;
using parley::ReadShardNames;

TEST_CASE("config.json gives GPT-2's sizes, and transformers' defaults for what it leaves out") {
  const auto config = ReadHfConfig(R"({
    "model_type": "gpt2", "_name_or_path": "someone/model", "vocab_size": 8192, "n_positions": 512, "n_embd": 384,
    "n_layer": 8, "n_head": 6, "n_inner": null, "activation_function": "gelu_new", "layer_norm_epsilon": 1e-05,
    "architectures": ["GPT2LMHeadModel"], "task_specific_params": {"text-generation": {"n_layer": 99}},
    "tie_word_embeddings": false, "scale_attn_weights": true, "unknown": [1, {"vocab_size": 2}]})");
  INFO(config.error().message);
  REQUIRE(config.ok());
  CHECK(config->model_type == "gpt2");
  CHECK(config->name_or_path == "someone/model");
  CHECK(config->vocab_size == 8192);
  CHECK(config->n_positions == 512);
  CHECK(config->n_embd == 384);
  CHECK(config->n_layer == 8);
  CHECK(config->n_head == 6);
  CHECK(config->n_inner == 0);
  CHECK(config->layer_norm_epsilon == 1e-5);
  CHECK_FALSE(config->tie_word_embeddings);

  const auto defaults = ReadHfConfig("{}");
  REQUIRE(defaults.ok());
  CHECK(defaults->model_type.empty());
  CHECK(defaults->vocab_size == 50257);
  CHECK(defaults->n_positions == 1024);
  CHECK(defaults->n_embd == 768);
  CHECK(defaults->n_layer == 12);
  CHECK(defaults->n_head == 12);
  CHECK(defaults->activation_function == "gelu_new");
  CHECK(defaults->tie_word_embeddings);
  CHECK(defaults->scale_attn_weights);
}

TEST_CASE("a key of another type in config.json is BAD_JSON and named") {
  for (const char* field :
       {"\"n_layer\": \"8\"", "\"n_layer\": -1", "\"n_layer\": 8.0", "\"n_layer\": 1e1",
        "\"n_layer\": [8]", "\"n_layer\": {}", "\"n_layer\": true"}) {
    const std::string text = std::string("{") + field + "}";
    const auto config = ReadHfConfig(text);
    INFO(text);
    REQUIRE_FALSE(config.ok());
    CHECK(config.error().code == Code::kBadJson);
    CHECK(config.error().message.find("config.json: n_layer") == 0);
    CHECK(config.error().offset <= text.size());
  }
  CHECK(ReadHfConfig("{\"model_type\": 2}").error().code == Code::kBadJson);
  CHECK(ReadHfConfig("{\"tie_word_embeddings\": 1}").error().code == Code::kBadJson);
  CHECK(ReadHfConfig("{\"layer_norm_epsilon\": \"x\"}").error().code == Code::kBadJson);
  CHECK(ReadHfConfig("[]").error().code == Code::kBadJson);
  CHECK(ReadHfConfig("").error().code == Code::kBadJson);
}

TEST_CASE("a known key twice in config.json is DUPLICATE, also escaped") {
  const std::string text = R"({"n_layer": 8, "n\u005flayer": 9})";
  const auto config = ReadHfConfig(text);
  REQUIRE_FALSE(config.ok());
  CHECK(config.error().code == Code::kDuplicate);
  CHECK(config.error().offset == text.size() - 1);  // after the second value
}

TEST_CASE("config.json is capped") {
  CHECK(ReadHfConfig(std::string(parley::kMaxConfigBytes + 1, ' ')).error().code == Code::kLimit);
}

TEST_CASE("a model card's license is read from its front matter only") {
  CHECK(ReadModelCardLicense("---\nlanguage: en\nlicense: mit\n---\n# x") == "mit");
  CHECK(ReadModelCardLicense("---\r\nlicense: \"cc-by-sa-4.0\"\r\n---\r\n") == "cc-by-sa-4.0");
  CHECK(ReadModelCardLicense("---\nlicense:\n---\n").empty());
  CHECK(ReadModelCardLicense("---\nlanguage: en\n---\nlicense: mit\n").empty());
  CHECK(ReadModelCardLicense("# x\nlicense: mit\n").empty());
  CHECK(ReadModelCardLicense("").empty());
}

TEST_CASE("the index of shards names each file once, in order") {
  const auto names = ReadShardNames(R"({"metadata": {"total_size": 10}, "weight_map": {
      "wte.weight": "model-00002-of-00002.safetensors", "wpe.weight": "model-00001-of-00002.safetensors",
      "ln_f.bias": "model-00002-of-00002.safetensors"}})");
  REQUIRE(names.ok());
  CHECK(*names == std::vector<std::string>{"model-00001-of-00002.safetensors",
                                           "model-00002-of-00002.safetensors"});
}

TEST_CASE("an index that names no safetensors files beside it is BAD_JSON, too many are LIMIT") {
  for (const char* index : {"", "[]", "{}", R"({"weight_map": {}})", R"({"weight_map": {"a": 1}})",
                            R"({"weight_map": {"a": "../model.safetensors"}})",
                            R"({"weight_map": {"a": "C:\\model.safetensors"}})",
                            R"({"weight_map": {"a": "pytorch_model.bin"}})",
                            R"({"weight_map": {"a": {"b": "model.safetensors"}}})"}) {
    INFO(index);
    const auto names = ReadShardNames(index);
    CHECK(names.error().code == Code::kBadJson);
    CHECK(names.error().message.starts_with("model.safetensors.index.json: "));
  }
  std::string many = R"({"weight_map": {"a": "a.safetensors")";
  for (int i = 0; i < 1000; ++i) {
    many += ", \"" + std::to_string(i) + "\": \"" + std::to_string(i) + ".safetensors\"";
  }
  CHECK(ReadShardNames(many + "}}").error().code == Code::kLimit);
  CHECK(ReadShardNames(std::string((16 << 20) + 1, ' ')).error().code == Code::kLimit);
}
