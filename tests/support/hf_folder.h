// Makes a Hugging Face GPT-2 folder in memory out of a test model's tensors: Conv1D weights stored
// [in, out], names as GPT2LMHeadModel saves them, a tokenizer of bytes, two merges and four special
// tokens.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/half.h"
#include "engine/convert.h"
#include "support/test_model.h"

namespace parley::test {

struct HfTestFolder {
  TestModel model = {.n_layers = 2,
                     .width = 64,
                     .n_heads = 2,
                     .context = 16,
                     .vocab = 262,
                     .matrices = DType::kF32};
  std::string prefix = "transformer.";  // before every name but lm_head's
  bool half = false;                    // F16 instead of F32
  bool mask = false;                    // with attn.bias and attn.masked_bias
  std::string more_config = "";         // `, "key": value`

  std::string config_json = {}, vocab_json = {}, merges_txt = {}, tokenizer_json = {},
              tokenizer_config_json = {}, readme_md = {};
  std::vector<TestTensor> tensors = {};  // under GGUF's names; values [out, in]
  uint32_t n_shards = 1;                 // tensor i is in shard i % n_shards

  // One a file: bytes and what the conversion is told of them.
  std::vector<std::vector<uint8_t>> weights = {};
  std::vector<std::string> weight_names = {};
  std::vector<HfWeightsFile> weight_files = {};

  // Fills the texts and weights; call before view().
  void Build();
  std::vector<std::unique_ptr<ByteSource>> sources() const {
    std::vector<std::unique_ptr<ByteSource>> sources;
    for (const auto& file : weights) sources.push_back(std::make_unique<MemorySource>(file));
    return sources;
  }
  HfFolder view() const {
    HfFolder folder;
    folder.config_json = config_json;
    folder.tokenizer.vocab_json = vocab_json;
    folder.tokenizer.merges_txt = merges_txt;
    folder.tokenizer.tokenizer_json = tokenizer_json;
    folder.tokenizer.tokenizer_config_json = tokenizer_config_json;
    folder.readme_md = readme_md;
    folder.weights = weight_files;
    return folder;
  }
};

// "blk.1.attn_qkv.weight" -> "h.1.attn.c_attn.weight"
inline std::string HfName(std::string name) {
  const std::pair<const char*, const char*> parts[] = {
      {"token_embd", "wte"},   {"position_embd", "wpe"},
      {"output_norm", "ln_f"}, {"blk.", "h."},
      {"attn_norm", "ln_1"},   {"attn_qkv", "attn.c_attn"},
      {"ffn_norm", "ln_2"},    {"attn_output", "attn.c_proj"},
      {"ffn_up", "mlp.c_fc"},  {"ffn_down", "mlp.c_proj"},
      {"output.", "lm_head."}};
  for (const auto& [ours, theirs] : parts) {
    const size_t at = name.find(ours);
    if (at != std::string::npos) name.replace(at, std::string(ours).size(), theirs);
  }
  return name;
}

inline std::vector<uint8_t> StoredValues(const TestTensor& tensor, bool transposed, bool half) {
  const size_t columns = tensor.shape.back();
  const size_t rows = tensor.values.size() / columns;
  GgufBytes bytes;
  for (size_t i = 0; i < tensor.values.size(); ++i) {
    const float value =
        transposed ? tensor.values[i % rows * columns + i / rows] : tensor.values[i];
    half ? bytes.Put(F32ToF16(value)) : bytes.Put(value);
  }
  return bytes.Take();
}

inline void HfTestFolder::Build() {
  const auto number = [](uint64_t value) { return std::to_string(value); };
  config_json =
      "{\"model_type\": \"gpt2\", \"vocab_size\": " + number(model.vocab) +
      ", \"n_positions\": " + number(model.context) + ", \"n_embd\": " + number(model.width) +
      ", \"n_layer\": " + number(model.n_layers) + ", \"n_head\": " + number(model.n_heads) +
      ", \"tie_word_embeddings\": " + (model.untied ? "false" : "true") + more_config + "}";
  const std::vector<std::string> rest = {"th",       "the",           "<|endoftext|>",
                                         "<|user|>", "<|assistant|>", "<|system|>"};
  vocab_json = "{";
  for (uint32_t id = 0; id < 256 + rest.size(); ++id) {
    std::string token = id < 256 ? ByteToken(id) : rest[id - 256];
    if (token == "\"" || token == "\\") token.insert(0, "\\");
    vocab_json += (id == 0 ? "\"" : ",\"") + token + "\":" + number(id);
  }
  vocab_json += "}";
  merges_txt = "#version: 0.2\nt h\nth e\n";
  tokenizer_config_json =
      "{\"bos_token\": \"<|endoftext|>\", \"eos_token\": \"<|endoftext|>\", \"chat_template\": "
      "\"{{ t }}\","
      " \"additional_special_tokens\": [\"<|user|>\", \"<|assistant|>\", \"<|system|>\"]}";
  readme_md = "---\nlicense: mit\n---\n";

  model.embedding = DType::kF32;
  tensors = model.Tensors();
  if (model.edit) model.edit(&tensors);
  struct Shard {
    std::string header = "{";
    GgufBytes data = {};
  };
  std::vector<Shard> shards(n_shards);
  size_t next = 0;
  const auto add = [&](const std::string& name, const std::string& dtype,
                       const std::vector<uint64_t>& shape, const std::vector<uint8_t>& bytes) {
    auto& [header, data] = shards[next++ % n_shards];
    std::string dims;
    for (const uint64_t dim : shape) dims += (dims.empty() ? "" : ",") + number(dim);
    header += (header.size() == 1 ? "\"" : ",\"") + name + "\":{\"dtype\":\"" + dtype +
              "\",\"shape\":[" + dims + "],\"data_offsets\":[" + number(data.size()) + "," +
              number(data.size() + bytes.size()) + "]}";
    data.Raw(bytes);
  };
  for (const TestTensor& tensor : tensors) {
    const std::string name = HfName(tensor.name);
    const bool conv1d = tensor.shape.size() == 2 && name.starts_with("h.");
    std::vector<uint64_t> shape = tensor.shape;
    if (conv1d) std::swap(shape[0], shape[1]);
    add((name.starts_with("lm_head") ? "" : prefix) + name, half ? "F16" : "F32", shape,
        StoredValues(tensor, conv1d, half));
  }
  if (mask) {
    add(prefix + "h.0.attn.bias", "BOOL", {1, 1, 4, 4}, std::vector<uint8_t>(16));
    add(prefix + "h.0.attn.masked_bias", "F32", {}, std::vector<uint8_t>(4));
  }
  weights.clear();
  weight_names.clear();
  weight_files.clear();
  for (uint32_t i = 0; i < n_shards; ++i) {
    auto& [header, data] = shards[i];
    header += "}";
    GgufBytes file;
    file.Put(uint64_t{header.size()}).Raw({header.begin(), header.end()}).Raw(data.Take());
    weights.push_back(file.Take());
    weight_names.push_back("model-" + number(i + 1) + ".safetensors");
  }
  for (uint32_t i = 0; i < n_shards; ++i) {
    weight_files.push_back({weight_names[i], weights[i].size()});
  }
}

}  // namespace parley::test
