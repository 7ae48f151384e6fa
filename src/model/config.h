// The hyperparameters of a model, read from a GGUF header or a Hugging Face config.json and checked
// to make sense together. Says nothing about weights.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"

namespace parley {

class GgufHeader;
struct HfConfig;

struct ModelConfig {
  std::string architecture = "gpt2";
  std::string name;  // general.name, for people
  uint32_t vocab_size =
      0;  // rows of the embedding; may exceed the tokenizer's vocabulary (masked beyond it)
  uint32_t context_length = 0;  // positions the model was trained for
  uint32_t width = 0;           // d_model
  uint32_t n_layers = 0;
  uint32_t n_heads = 0;     // of queries; head size = width / n_heads
  uint32_t n_kv_heads = 0;  // of keys and values; divides n_heads
  uint32_t mlp_width = 0;   // 4 * width unless the file says otherwise
  float norm_epsilon = 1e-5f;
  bool tied_head = true;  // logits = hidden * token_embd^T

  uint32_t head_size() const { return width / n_heads; }
};

// BAD_CONFIG for values that make no model (G15), UNSUPPORTED_MODEL for another architecture or
// activation (G16).
Result<ModelConfig> ReadModelConfig(const GgufHeader& header);
Result<ModelConfig> ReadModelConfig(const HfConfig& config);

}  // namespace parley
