// Which tensors a model consists of, where each goes in one image of repacked weights, and views of
// that image. Moves no bytes: engine/loader.cc fills the image, the kernels read it.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "base/buffer.h"
#include "base/result.h"
#include "formats/gguf_reader.h"
#include "kernels/kernels.h"
#include "model/config.h"

namespace parley {

// Views that an architecture does not have stay null.
struct LayerWeights {
  const float* attn_norm_gain = nullptr;  // [width]
  const float* attn_norm_bias = nullptr;  // [width]; gpt2
  PackedMatrix qkv;                 // [3 * width, width]: queries, keys, values, each by head; gpt2
  const float* qkv_bias = nullptr;  // [3 * width]; gpt2
  PackedMatrix query;               // [width, width]; llama
  PackedMatrix key;                 // [kv_width, width]; llama
  PackedMatrix value;               // [kv_width, width]; llama
  PackedMatrix attn_out;            // [width, width]
  const float* attn_out_bias = nullptr;  // [width]; gpt2
  const float* mlp_norm_gain = nullptr;  // [width]
  const float* mlp_norm_bias = nullptr;  // [width]; gpt2
  PackedMatrix mlp_gate;                 // [mlp_width, width]; llama
  PackedMatrix mlp_up;                   // [mlp_width, width]
  const float* mlp_up_bias = nullptr;    // [mlp_width]; gpt2
  PackedMatrix mlp_down;                 // [width, mlp_width]
  const float* mlp_down_bias = nullptr;  // [width]; gpt2
};

struct Weights {
  Buffer<uint8_t> image;                    // what every pointer below points into
  PackedMatrix token_embd;                  // [vocab, width]
  const float* position_embd = nullptr;     // [context, width]; gpt2
  const float* rope_factors = nullptr;      // [head_size / 2]; llama, null where there are none
  Buffer<LayerWeights> layers;              // [n_layers]
  const float* output_norm_gain = nullptr;  // [width]
  const float* output_norm_bias = nullptr;  // [width]; gpt2
  PackedMatrix head;                        // [vocab, width]; token_embd when tied
};

// One tensor of the file and its place in the image.
struct WeightSlot {
  enum class Kind : uint8_t { kIgnored, kFloats, kMatrix };
  Kind kind = Kind::kIgnored;
  DType stored = DType::kF32;  // in the image: F32 for kFloats, Q8_0 or Q4_0 for kMatrix
  uint8_t spec = 0;            // which weight it is: a row of the tables in weights.cc
  bool in_layer = false;
  uint32_t layer = 0;
  uint32_t rows = 1;  // in the file; kMatrix: output features
  uint32_t columns = 0;
  uint32_t kept_rows = 1;     // positions beyond the context are read, checked and left out
  uint64_t image_offset = 0;  // bytes
};

// The plan of the image for one file and context.
class WeightMap {
 public:
  // UNSUPPORTED_MODEL names the tensor that is missing, misshaped, unknown or of a type that cannot
  // be run (G16). `attn.bias` and `attn.masked_bias`, masks that old converters keep, are ignored.
  static Result<WeightMap> Make(const GgufHeader& header, const ModelConfig& config,
                                uint32_t context);

  std::span<const WeightSlot> slots() const {
    return slots_.span();
  }  // one a tensor of the header, in its order
  uint64_t image_bytes() const { return image_bytes_; }
  // "F16 becomes Q8_0", or empty: types that are not run as they are stored.
  const std::string& note() const { return note_; }

 private:
  Buffer<WeightSlot> slots_;
  uint64_t image_bytes_ = 0;
  std::string note_;
};

// Views of a filled image.
Result<Weights> BindWeights(const WeightMap& map, const ModelConfig& config, Buffer<uint8_t> image);

// Bytes of the view tables that BindWeights and WeightMap allocate.
uint64_t WeightTableBytes(const ModelConfig& config, uint64_t n_tensors);

}  // namespace parley
