// The hyperparameters of a model, read from a GGUF header or a Hugging Face config.json and checked
// to make sense together. Says nothing about weights.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"

namespace parley {

class GgufHeader;
struct HfConfig;

enum class Architecture { kGpt2, kLlama };
const char* ArchitectureName(Architecture architecture);  // "gpt2", "llama": general.architecture

struct ModelConfig {
  Architecture architecture = Architecture::kGpt2;
  std::string name;  // general.name, for people
  uint32_t vocab_size =
      0;  // rows of the embedding; may exceed the tokenizer's vocabulary (masked beyond it)
  uint32_t context_length = 0;  // positions the model was trained for
  uint32_t width = 0;           // d_model
  uint32_t n_layers = 0;
  uint32_t n_heads = 0;     // of queries; head size = width / n_heads
  uint32_t n_kv_heads = 0;  // of keys and values; divides n_heads
  uint32_t mlp_width = 0;   // gpt2: 4 * width unless the file says otherwise
  float norm_epsilon = 1e-5f;
  double rope_base = 0;   // llama: what a position turns by (model/rope.h)
  bool tied_head = true;  // logits = hidden * token_embd^T

  uint32_t head_size() const { return width / n_heads; }
  uint32_t kv_width() const { return n_kv_heads * head_size(); }
  uint32_t qkv_width() const { return width + 2 * kv_width(); }
};

// BAD_CONFIG for values that make no model (G15), UNSUPPORTED_MODEL for another architecture,
// activation, attention or rotary scaling (G16).
Result<ModelConfig> ReadModelConfig(const GgufHeader& header);
Result<ModelConfig> ReadModelConfig(const HfConfig& config);

}  // namespace parley
