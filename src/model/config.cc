// Reads the hyperparameters of both architectures from both kinds of file and holds them against
// what a model can be.
#include "model/config.h"

#include <algorithm>
#include <cmath>
#include <string_view>

#include "formats/gguf_reader.h"
#include "formats/hf_config.h"

namespace parley {
namespace {

// Far above every model that a browser runs, low enough that products of any three stay within 64
// bits.
constexpr uint64_t kMaxVocab = 1 << 20;
constexpr uint64_t kMaxContext = 1 << 20;  // also what Sin and Cos take, for rotary positions
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
  uint64_t kv_heads = 0;
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
  TRY(CheckRange("key and value head count", sizes.kv_heads, sizes.heads));
  TRY(CheckRange("feed-forward length", sizes.mlp_width, kMaxMlpWidth));
  if (sizes.width % sizes.heads != 0) {
    return BadConfig("embedding length " + std::to_string(sizes.width) +
                     " is no multiple of the head count " + std::to_string(sizes.heads));
  }
  if (sizes.heads % sizes.kv_heads != 0) {
    return BadConfig("head count " + std::to_string(sizes.heads) +
                     " is no multiple of the key and value head count " +
                     std::to_string(sizes.kv_heads));
  }
  if (!(sizes.epsilon > 0 && sizes.epsilon < 1)) {  // also NaN
    return BadConfig("norm epsilon " + std::to_string(sizes.epsilon) +
                     ": between 0 and 1 expected");
  }
  config->vocab_size = static_cast<uint32_t>(sizes.vocab);
  config->context_length = static_cast<uint32_t>(sizes.context);
  config->width = static_cast<uint32_t>(sizes.width);
  config->n_layers = static_cast<uint32_t>(sizes.layers);
  config->n_heads = static_cast<uint32_t>(sizes.heads);
  config->n_kv_heads = static_cast<uint32_t>(sizes.kv_heads);
  config->mlp_width = static_cast<uint32_t>(sizes.mlp_width);
  config->norm_epsilon = static_cast<float>(sizes.epsilon);
  return {};
}

// A GGUF header's keys of one architecture: "llama.block_count" is Key("block_count").
class Keys {
 public:
  Keys(const GgufHeader& header, Architecture architecture)
      : header_(header), prefix_(std::string(ArchitectureName(architecture)) + ".") {}

  std::string Name(std::string_view key) const { return prefix_ + std::string(key); }
  bool Has(std::string_view key) const { return header_.Has(Name(key)); }
  Result<uint64_t> Uint(std::string_view key, uint64_t otherwise) const {
    return header_.GetUint(Name(key), otherwise);
  }
  Result<uint64_t> Uint(std::string_view key) const {
    if (!Has(key)) return BadConfig(Name(key) + " is missing");
    return Uint(key, 0);
  }
  Result<double> Float(std::string_view key, double otherwise) const {
    return header_.GetFloat(Name(key), otherwise);
  }
  Result<std::string_view> String(std::string_view key) const {
    return header_.GetString(Name(key), "");
  }

 private:
  const GgufHeader& header_;
  std::string prefix_;
};

// Variants of attention that llama.cpp's keys can express and we do not run.
Status CheckAttention(const Keys& keys, const Sizes& sizes) {
  if (sizes.heads == 0 || sizes.width == 0 || sizes.width % sizes.heads != 0)
    return {};  // FillIn says so
  const uint64_t head_size = sizes.width / sizes.heads;
  for (const char* key : {"attention.key_length", "attention.value_length"}) {
    TRY_ASSIGN(const uint64_t length, keys.Uint(key, head_size));
    if (length != head_size) return Unsupported(keys.Name(key) + " differs from the head size");
  }
  const double usual = 1 / std::sqrt(static_cast<double>(head_size));
  TRY_ASSIGN(const double scale, keys.Float("attention.scale", usual));
  if (!(std::fabs(scale - usual) <= 1e-6 * usual)) {
    return Unsupported(keys.Name("attention.scale") + ": only 1 / sqrt(head size) is run");
  }
  TRY_ASSIGN(const uint64_t window, keys.Uint("attention.sliding_window", 0));
  if (window != 0) return Unsupported(keys.Name("attention.sliding_window") + " is set");
  return {};
}

Status ReadGpt2(const Keys& keys, Sizes* sizes) {
  TRY_ASSIGN(sizes->kv_heads, keys.Uint("attention.head_count_kv", sizes->heads));
  if (sizes->kv_heads != sizes->heads)
    return Unsupported(keys.Name("attention.head_count_kv") + " differs from the head count");
  TRY_ASSIGN(sizes->mlp_width,
             keys.Uint("feed_forward_length", 4 * std::min(sizes->width, kMaxWidth)));
  TRY_ASSIGN(sizes->epsilon, keys.Float("attention.layer_norm_epsilon", 1e-5));
  return {};
}

// How far positions turn a pair: whole heads, by the plain formula of Su et al. 2021.
Status ReadRope(const Keys& keys, const Sizes& sizes, ModelConfig* config) {
  TRY_ASSIGN(const std::string_view scaling, keys.String("rope.scaling.type"));
  if (!scaling.empty() && scaling != "none") {
    return Unsupported(keys.Name("rope.scaling.type") + " is '" + std::string(scaling) +
                       "'; rotary positions are run without scaling");
  }
  for (const char* key : {"rope.scaling.factor", "rope.scale_linear"}) {
    TRY_ASSIGN(const double factor, keys.Float(key, 1));
    if (factor != 1) return Unsupported(keys.Name(key) + ": only 1 is run");
  }
  TRY_ASSIGN(config->rope_base, keys.Float("rope.freq_base", 10000));
  if (!(config->rope_base >= 1 && config->rope_base <= 1e12)) {
    return BadConfig(keys.Name("rope.freq_base") + " " + std::to_string(config->rope_base) +
                     ": 1 to 10^12 expected");
  }
  if (sizes.heads == 0 || sizes.width == 0 || sizes.width % sizes.heads != 0)
    return {};  // FillIn says so
  const uint64_t head_size = sizes.width / sizes.heads;
  TRY_ASSIGN(const uint64_t turned, keys.Uint("rope.dimension_count", head_size));
  if (turned % 2 != 0) {
    return BadConfig(keys.Name("rope.dimension_count") + " " + std::to_string(turned) +
                     " is odd; dimensions turn in pairs");
  }
  if (turned != head_size) {
    return Unsupported(keys.Name("rope.dimension_count") + " " + std::to_string(turned) +
                       " differs from the head size " + std::to_string(head_size));
  }
  return {};
}

Status ReadLlama(const Keys& keys, Sizes* sizes, ModelConfig* config) {
  TRY_ASSIGN(const uint64_t experts, keys.Uint("expert_count", 0));
  if (experts != 0) {
    return Unsupported(keys.Name("expert_count") + " " + std::to_string(experts) +
                       ": mixtures of experts are not run");
  }
  TRY_ASSIGN(sizes->kv_heads, keys.Uint("attention.head_count_kv", sizes->heads));
  TRY_ASSIGN(sizes->mlp_width, keys.Uint("feed_forward_length"));
  if (!keys.Has("attention.layer_norm_rms_epsilon"))
    return BadConfig(keys.Name("attention.layer_norm_rms_epsilon") + " is missing");
  TRY_ASSIGN(sizes->epsilon, keys.Float("attention.layer_norm_rms_epsilon", 0));
  return ReadRope(keys, *sizes, config);
}

}  // namespace

const char* ArchitectureName(Architecture architecture) {
  return architecture == Architecture::kLlama ? "llama" : "gpt2";
}

Result<ModelConfig> ReadModelConfig(const GgufHeader& header) {
  ModelConfig config;
  TRY_ASSIGN(const std::string_view architecture, header.GetString("general.architecture", ""));
  if (architecture == "llama") {
    config.architecture = Architecture::kLlama;
  } else if (architecture != "gpt2") {
    return Unsupported(architecture.empty() ? "general.architecture is missing"
                                            : "architecture '" + std::string(architecture) +
                                                  "'; 'gpt2' and 'llama' are run");
  }
  TRY_ASSIGN(config.name, header.GetString("general.name", ""));
  const TensorInfo* embedding = header.FindTensor("token_embd.weight");
  if (embedding == nullptr) return Unsupported("tensor 'token_embd.weight' is missing");
  if (embedding->n_dims != 2) return Unsupported("tensor 'token_embd.weight' is no matrix");

  const Keys keys(header, config.architecture);
  Sizes sizes;
  sizes.vocab = embedding->shape[0];
  TRY_ASSIGN(sizes.context, keys.Uint("context_length"));
  TRY_ASSIGN(sizes.width, keys.Uint("embedding_length"));
  TRY_ASSIGN(sizes.layers, keys.Uint("block_count"));
  TRY_ASSIGN(sizes.heads, keys.Uint("attention.head_count"));
  if (config.architecture == Architecture::kLlama) {
    TRY(ReadLlama(keys, &sizes, &config));
  } else {
    TRY(ReadGpt2(keys, &sizes));
  }
  TRY(CheckAttention(keys, sizes));
  TRY(FillIn(sizes, &config));
  config.tied_head = header.FindTensor("output.weight") == nullptr;
  return config;
}

Result<ModelConfig> ReadModelConfig(const HfConfig& hf) {
  ModelConfig config;
  if (hf.model_type != "gpt2") {
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
                 .kv_heads = hf.n_head,
                 .mlp_width = hf.n_inner != 0 ? hf.n_inner : 4 * std::min(hf.n_embd, kMaxWidth),
                 .epsilon = hf.layer_norm_epsilon};
  TRY(FillIn(sizes, &config));
  config.name = hf.name_or_path;
  config.tied_head = hf.tie_word_embeddings;
  return config;
}

}  // namespace parley
