// Reads a Hugging Face model's config.json, the index of its weight files and the license of its
// model card. Values as the file
// gives them, with the defaults of transformers' GPT2Config; whether they make a model is
// model/config's.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace parley {

inline constexpr uint64_t kMaxConfigBytes = 1 << 20;
inline constexpr uint64_t kMaxShards = 1000;  // files of weights

// Field names are the file's own.
struct HfConfig {
  std::string model_type;  // "gpt2"
  std::string name_or_path;
  std::string activation_function = "gelu_new";
  uint64_t vocab_size = 50257;
  uint64_t n_positions = 1024;
  uint64_t n_embd = 768;
  uint64_t n_layer = 12;
  uint64_t n_head = 12;
  uint64_t n_inner = 0;  // 0: 4 * n_embd
  double layer_norm_epsilon = 1e-5;
  bool tie_word_embeddings = true;
  bool scale_attn_weights = true;
  bool scale_attn_by_inverse_layer_idx = false;
  bool add_cross_attention = false;
};

// LIMIT above kMaxConfigBytes; BAD_JSON, with the offset, also for a known key of another type;
// DUPLICATE for a known key that stands twice. Unknown keys are passed over.
Result<HfConfig> ReadHfConfig(std::string_view config_json);

// The file names, each once and in order, that a model.safetensors.index.json gives its tensors:
// {"weight_map": {"wte.weight": "model-00001-of-00002.safetensors", ...}}. BAD_JSON, with the
// offset, for a name that is not a file's beside it or when there is none; LIMIT above 16 MiB or
// kMaxShards names.
Result<std::vector<std::string>> ReadShardNames(std::string_view index_json);

// "cc-by-sa-4.0" from the `license:` line of a model card's front matter; empty when there is none.
std::string_view ReadModelCardLicense(std::string_view readme_md);

}  // namespace parley
