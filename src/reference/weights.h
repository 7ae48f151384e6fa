// A model's weights in f32 for the reference engine, read from GGUF or from Hugging Face
// safetensors as they are stored. Computes nothing.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/buffer.h"
#include "base/bytes.h"
#include "base/result.h"
#include "formats/gguf_reader.h"
#include "model/config.h"

namespace parley::reference {

struct Norm {
  Buffer<float> gain;  // [width]
  Buffer<float> bias;  // [width]; empty for llama
};

struct Linear {
  uint32_t outputs = 0;
  uint32_t inputs = 0;
  Buffer<float> weight;  // [outputs, inputs]
  Buffer<float> bias;    // [outputs]; empty for llama
};

struct Layer {
  Norm attention_norm;
  Linear qkv;    // width -> 3 * width: queries, keys, values; gpt2
  Linear query;  // width -> width; llama, as the next two
  Linear key;    // width -> kv_width
  Linear value;  // width -> kv_width
  Linear attention_output;
  Norm mlp_norm;
  Linear mlp_gate;  // width -> mlp_width; llama
  Linear mlp_up;    // width -> mlp_width
  Linear mlp_down;  // mlp_width -> width
};

struct Weights {
  Buffer<float> token_embedding;     // [vocab_size, width]
  Buffer<float> position_embedding;  // [context_length, width]; gpt2
  Buffer<float> rope_factors;        // [head_size / 2]; llama, empty where there are none
  std::vector<Layer> layers;
  Norm output_norm;
  Buffer<float> head;  // [vocab_size, width]; empty when tied to the token embedding
};

// UNSUPPORTED_MODEL for a missing or misshaped tensor or a type that Decode does not read, naming
// the tensor.
Result<Weights> ReadGgufWeights(ByteSource& source, const GgufHeader& header,
                                const ModelConfig& config);
// `shards`: the checkpoint's safetensors files, one or more. Names with and without the
// `transformer.` prefix; matrices are Conv1D's, [inputs, outputs], and are turned here.
Result<Weights> ReadSafetensorsWeights(std::span<ByteSource* const> shards,
                                       const ModelConfig& config);

}  // namespace parley::reference
