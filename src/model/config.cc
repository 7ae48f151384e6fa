// Reads the hyperparameters of GPT-2 from both kinds of file and holds them against what a model
// can be.
#include "model/config.h"

#include <algorithm>
#include <cmath>

#include "formats/gguf_reader.h"
#include "formats/hf_config.h"

namespace parley {
namespace {

// Far above every GPT-2, low enough that products of any three stay within 64 bits.
constexpr uint64_t kMaxVocab = 1 << 20;
constexpr uint64_t kMaxContext = 1 << 20;
constexpr uint64_t kMaxWidth = 1 << 16;
constexpr uint64_t kMaxLayers = 1 << 10;
constexpr uint64_t kMaxMlpWidth = 1 << 18;

Error BadConfig(const std::string& what) { return MakeError(Code::kBadConfig, what); }
Error Unsupported(const std::string& what) { return MakeError(Code::kUnsupportedModel, what); }

// What both files state, under the names for messages; 64 bits wide until it is checked.
struct Sizes {
  uint64_t vocab = 0;
  uint64_t context = 0;
  uint64_t width = 0;
  uint64_t layers = 0;
  uint64_t heads = 0;
  uint64_t mlp_width = 0;
  double epsilon = 0;
};

Status CheckRange(const char* what, uint64_t value, uint64_t max) {
  if (value >= 1 && value <= max) return {};
  return BadConfig(std::string(what) + " " + std::to_string(value) + ": 1 to " +
                   std::to_string(max) + " expected");
}

Status FillIn(const Sizes& sizes, ModelConfig* config) {
  TRY(CheckRange("vocabulary size", sizes.vocab, kMaxVocab));
  TRY(CheckRange("context length", sizes.context, kMaxContext));
  TRY(CheckRange("embedding length", sizes.width, kMaxWidth));
  TRY(CheckRange("layer count", sizes.layers, kMaxLayers));
  TRY(CheckRange("head count", sizes.heads, sizes.width));
  TRY(CheckRange("feed-forward length", sizes.mlp_width, kMaxMlpWidth));
  if (sizes.width % sizes.heads != 0) {
    return BadConfig("embedding length " + std::to_string(sizes.width) +
                     " is no multiple of the head count " + std::to_string(sizes.heads));
  }
  if (!(sizes.epsilon > 0 && sizes.epsilon < 1)) {  // also NaN
    return BadConfig("layer norm epsilon " + std::to_string(sizes.epsilon) +
                     ": between 0 and 1 expected");
  }
  config->vocab_size = static_cast<uint32_t>(sizes.vocab);
  config->context_length = static_cast<uint32_t>(sizes.context);
  config->width = static_cast<uint32_t>(sizes.width);
  config->n_layers = static_cast<uint32_t>(sizes.layers);
  config->n_heads = static_cast<uint32_t>(sizes.heads);
  config->n_kv_heads = config->n_heads;
  config->mlp_width = static_cast<uint32_t>(sizes.mlp_width);
  config->norm_epsilon = static_cast<float>(sizes.epsilon);
  return {};
}

Result<uint64_t> Required(const GgufHeader& header, std::string_view key) {
  if (!header.Has(key)) return BadConfig(std::string(key) + " is missing");
  return header.GetUint(key, 0);
}

// Variants of attention that llama.cpp's keys can express and GPT-2 has not.
Status CheckAttention(const GgufHeader& header, const Sizes& sizes) {
  TRY_ASSIGN(const uint64_t kv_heads, header.GetUint("gpt2.attention.head_count_kv", sizes.heads));
  if (kv_heads != sizes.heads)
    return Unsupported("gpt2.attention.head_count_kv differs from the head count");
  if (sizes.heads == 0 || sizes.width == 0 || sizes.width % sizes.heads != 0)
    return {};  // FillIn says so
  const uint64_t head_size = sizes.width / sizes.heads;
  for (const char* key : {"gpt2.attention.key_length", "gpt2.attention.value_length"}) {
    TRY_ASSIGN(const uint64_t length, header.GetUint(key, head_size));
    if (length != head_size) return Unsupported(std::string(key) + " differs from the head size");
  }
  const double usual = 1 / std::sqrt(static_cast<double>(head_size));
  TRY_ASSIGN(const double scale, header.GetFloat("gpt2.attention.scale", usual));
  if (!(std::fabs(scale - usual) <= 1e-6 * usual)) {
    return Unsupported("gpt2.attention.scale: only 1 / sqrt(head size) is run");
  }
  return {};
}

}  // namespace

Result<ModelConfig> ReadModelConfig(const GgufHeader& header) {
  ModelConfig config;
  TRY_ASSIGN(const std::string_view architecture, header.GetString("general.architecture", ""));
  if (architecture != config.architecture) {
    return Unsupported(architecture.empty()
                           ? "general.architecture is missing"
                           : "architecture '" + std::string(architecture) + "'; 'gpt2' is run");
  }
  TRY_ASSIGN(config.name, header.GetString("general.name", ""));
  const TensorInfo* embedding = header.FindTensor("token_embd.weight");
  if (embedding == nullptr) return Unsupported("tensor 'token_embd.weight' is missing");
  if (embedding->n_dims != 2) return Unsupported("tensor 'token_embd.weight' is no matrix");

  Sizes sizes;
  sizes.vocab = embedding->shape[0];
  TRY_ASSIGN(sizes.context, Required(header, "gpt2.context_length"));
  TRY_ASSIGN(sizes.width, Required(header, "gpt2.embedding_length"));
  TRY_ASSIGN(sizes.layers, Required(header, "gpt2.block_count"));
  TRY_ASSIGN(sizes.heads, Required(header, "gpt2.attention.head_count"));
  TRY_ASSIGN(sizes.mlp_width,
             header.GetUint("gpt2.feed_forward_length", 4 * std::min(sizes.width, kMaxWidth)));
  TRY_ASSIGN(sizes.epsilon, header.GetFloat("gpt2.attention.layer_norm_epsilon", 1e-5));
  TRY(CheckAttention(header, sizes));
  TRY(FillIn(sizes, &config));
  config.tied_head = header.FindTensor("output.weight") == nullptr;
  return config;
}

Result<ModelConfig> ReadModelConfig(const HfConfig& hf) {
  ModelConfig config;
  if (hf.model_type != config.architecture) {
    return Unsupported(hf.model_type.empty()
                           ? "config.json: model_type is missing"
                           : "config.json: model_type '" + hf.model_type + "'; 'gpt2' is run");
  }
  // Two names of one formula; transformers' "gelu" is another.
  if (hf.activation_function != "gelu_new" && hf.activation_function != "gelu_pytorch_tanh") {
    return Unsupported("config.json: activation_function '" + hf.activation_function +
                       "'; 'gelu_new' is run");
  }
  if (!hf.scale_attn_weights) return Unsupported("config.json: scale_attn_weights is false");
  if (hf.scale_attn_by_inverse_layer_idx) {
    return Unsupported("config.json: scale_attn_by_inverse_layer_idx is true");
  }
  if (hf.add_cross_attention) return Unsupported("config.json: add_cross_attention is true");
  Sizes sizes = {.vocab = hf.vocab_size,
                 .context = hf.n_positions,
                 .width = hf.n_embd,
                 .layers = hf.n_layer,
                 .heads = hf.n_head,
                 .mlp_width = hf.n_inner != 0 ? hf.n_inner : 4 * std::min(hf.n_embd, kMaxWidth),
                 .epsilon = hf.layer_norm_epsilon};
  TRY(FillIn(sizes, &config));
  config.name = hf.name_or_path;
  config.tied_head = hf.tie_word_embeddings;
  return config;
}

}  // namespace parley
