// Finds each of a model's tensors by the container's name for it, checks its shape and decodes it.
#include "reference/weights.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "formats/gguf_reader.h"
#include "formats/safetensors.h"
#include "reference/decode.h"

namespace parley::reference {
namespace {

// One kind of container: where a tensor is, under the name that GGUF has for it.
class TensorSource {
 public:
  virtual ~TensorSource() = default;
  // Null when there is none. `source` is where its bytes are; `turned` whether it is stored
  // [inputs, outputs].
  virtual const TensorInfo* Find(const std::string& name, ByteSource** source, bool* turned) = 0;
};

class GgufTensors final : public TensorSource {
 public:
  GgufTensors(ByteSource& source, const GgufHeader& header) : source_(source), header_(header) {}
  const TensorInfo* Find(const std::string& name, ByteSource** source, bool* turned) override {
    *source = &source_;
    *turned = false;
    return header_.FindTensor(name);
  }

 private:
  ByteSource& source_;
  const GgufHeader& header_;
};

// Hugging Face's names for GGUF's; `matrix` where GPT2LMHeadModel has a Conv1D.
struct NamePair {
  std::string_view gguf;
  std::string_view hugging_face;
  bool matrix;
};
constexpr NamePair kLayerNames[] = {
    {"attn_norm.", "ln_1.", false},         {"attn_qkv.", "attn.c_attn.", true},
    {"attn_output.", "attn.c_proj.", true}, {"ffn_norm.", "ln_2.", false},
    {"ffn_up.", "mlp.c_fc.", true},         {"ffn_down.", "mlp.c_proj.", true},
};
constexpr NamePair kModelNames[] = {
    {"token_embd.", "wte.", false},
    {"position_embd.", "wpe.", false},
    {"output_norm.", "ln_f.", false},
    {"output.", "lm_head.", false},
};

class SafetensorsTensors final : public TensorSource {
 public:
  struct Shard {
    ByteSource* source;
    SafetensorsHeader header;
  };
  explicit SafetensorsTensors(std::vector<Shard> shards) : shards_(std::move(shards)) {}

  const TensorInfo* Find(const std::string& name, ByteSource** source, bool* turned) override {
    const std::string own = Translate(name, turned);
    for (const std::string& spelling : {own, "transformer." + own}) {
      for (Shard& shard : shards_) {
        *source = shard.source;
        if (const TensorInfo* info = shard.header.FindTensor(spelling); info != nullptr)
          return info;
      }
    }
    return nullptr;
  }

 private:
  // "blk.3.attn_qkv.weight" -> "h.3.attn.c_attn.weight"
  static std::string Translate(std::string_view name, bool* turned) {
    std::string prefix;
    std::span<const NamePair> names = kModelNames;
    if (name.starts_with("blk.")) {
      const size_t dot = name.find('.', 4);
      prefix = "h." + std::string(name.substr(4, dot - 3));
      name.remove_prefix(dot + 1);
      names = kLayerNames;
    }
    for (const NamePair& pair : names) {
      if (!name.starts_with(pair.gguf)) continue;
      name.remove_prefix(pair.gguf.size());
      *turned = pair.matrix && name == "weight";
      return prefix + std::string(pair.hugging_face) + std::string(name);
    }
    *turned = false;
    return std::string(name);
  }

  std::vector<Shard> shards_;
};

bool HasTensor(TensorSource& tensors, const std::string& name) {
  ByteSource* source = nullptr;
  bool turned = false;
  return tensors.Find(name, &source, &turned) != nullptr;
}

// Reads `name` as [rows, columns], or as [columns] when rows is 0.
Result<Buffer<float>> ReadTensor(TensorSource& tensors, const std::string& name, uint64_t rows,
                                 uint64_t columns) {
  ByteSource* source = nullptr;
  bool turned = false;
  const TensorInfo* info = tensors.Find(name, &source, &turned);
  if (info == nullptr) return MakeError(Code::kUnsupportedModel, "tensor " + name + " is missing");
  const uint64_t shape[2] = {turned ? columns : rows, turned ? rows : columns};
  const bool fits =
      rows == 0 ? info->n_dims == 1 && info->shape[0] == columns
                : info->n_dims == 2 && info->shape[0] == shape[0] && info->shape[1] == shape[1];
  if (!fits) {
    return MakeError(Code::kUnsupportedModel, "tensor " + name + " has another shape than " +
                                                  std::to_string(rows) + " x " +
                                                  std::to_string(columns));
  }
  TRY_ASSIGN(Buffer<uint8_t> bytes, Buffer<uint8_t>::Make(info->bytes, "a stored tensor"));
  TRY(source->ReadAt(info->offset, bytes.span()));
  const uint64_t count = std::max<uint64_t>(rows, 1) * columns;
  TRY_ASSIGN(Buffer<float> values, Buffer<float>::Make(count, "a tensor in f32"));
  if (Status status = Decode(info->type, bytes.span(), values.span()); !status.ok()) {
    return MakeError(status.error().code, "tensor " + name + ": " + status.error().message);
  }
  if (!turned) return values;
  TRY_ASSIGN(Buffer<float> upright, Buffer<float>::Make(count, "a tensor in f32"));
  for (uint64_t row = 0; row < rows; ++row) {
    for (uint64_t column = 0; column < columns; ++column) {
      upright[row * columns + column] = values[column * rows + row];
    }
  }
  return upright;
}

// Reads the tensors of one architecture: llama's norms and matrices have no biases.
class WeightReader {
 public:
  WeightReader(TensorSource& tensors, const ModelConfig& config)
      : tensors_(tensors),
        config_(config),
        has_biases_(config.architecture == Architecture::kGpt2) {}

  Result<Weights> Read() {
    const uint32_t width = config_.width;
    Weights weights;
    TRY_ASSIGN(weights.token_embedding,
               ReadTensor(tensors_, "token_embd.weight", config_.vocab_size, width));
    if (config_.architecture == Architecture::kGpt2) {
      TRY_ASSIGN(weights.position_embedding,
                 ReadTensor(tensors_, "position_embd.weight", config_.context_length, width));
    }
    if (config_.architecture == Architecture::kLlama && HasTensor(tensors_, "rope_freqs.weight")) {
      TRY_ASSIGN(weights.rope_factors,
                 ReadTensor(tensors_, "rope_freqs.weight", 0, config_.head_size() / 2));
    }
    for (uint32_t i = 0; i < config_.n_layers; ++i) {
      TRY(ReadLayer("blk." + std::to_string(i) + ".", &weights.layers.emplace_back()));
    }
    TRY(ReadNorm("output_norm", &weights.output_norm));
    if (!config_.tied_head) {
      TRY_ASSIGN(weights.head, ReadTensor(tensors_, "output.weight", config_.vocab_size, width));
    }
    return weights;
  }

 private:
  Status ReadLayer(const std::string& prefix, Layer* layer) {
    const uint32_t width = config_.width;
    TRY(ReadNorm(prefix + "attn_norm", &layer->attention_norm));
    if (config_.architecture == Architecture::kLlama) {
      TRY(ReadLinear(prefix + "attn_q", width, width, &layer->query));
      TRY(ReadLinear(prefix + "attn_k", width, config_.kv_width(), &layer->key));
      TRY(ReadLinear(prefix + "attn_v", width, config_.kv_width(), &layer->value));
      TRY(ReadLinear(prefix + "ffn_gate", width, config_.mlp_width, &layer->mlp_gate));
    } else {
      TRY(ReadLinear(prefix + "attn_qkv", width, config_.qkv_width(), &layer->qkv));
    }
    TRY(ReadLinear(prefix + "attn_output", width, width, &layer->attention_output));
    TRY(ReadNorm(prefix + "ffn_norm", &layer->mlp_norm));
    TRY(ReadLinear(prefix + "ffn_up", width, config_.mlp_width, &layer->mlp_up));
    return ReadLinear(prefix + "ffn_down", config_.mlp_width, width, &layer->mlp_down);
  }
  Status ReadNorm(const std::string& name, Norm* norm) {
    TRY_ASSIGN(norm->gain, ReadTensor(tensors_, name + ".weight", 0, config_.width));
    if (!has_biases_) return {};
    TRY_ASSIGN(norm->bias, ReadTensor(tensors_, name + ".bias", 0, config_.width));
    return {};
  }
  Status ReadLinear(const std::string& name, uint32_t inputs, uint32_t outputs, Linear* linear) {
    linear->inputs = inputs;
    linear->outputs = outputs;
    TRY_ASSIGN(linear->weight, ReadTensor(tensors_, name + ".weight", outputs, inputs));
    if (!has_biases_) return {};
    TRY_ASSIGN(linear->bias, ReadTensor(tensors_, name + ".bias", 0, outputs));
    return {};
  }

  TensorSource& tensors_;
  const ModelConfig& config_;
  bool has_biases_;
};

}  // namespace

Result<Weights> ReadGgufWeights(ByteSource& source, const GgufHeader& header,
                                const ModelConfig& config) {
  GgufTensors tensors(source, header);
  return WeightReader(tensors, config).Read();
}

Result<Weights> ReadSafetensorsWeights(std::span<ByteSource* const> shards,
                                       const ModelConfig& config) {
  std::vector<SafetensorsTensors::Shard> read;
  for (ByteSource* source : shards) {
    uint8_t first[8] = {};
    const std::span<uint8_t> start(first, std::min<uint64_t>(8, source->size()));
    TRY(source->ReadAt(0, start));
    TRY_ASSIGN(const uint64_t bytes, SafetensorsHeader::PrefixBytes(start, source->size()));
    TRY_ASSIGN(Buffer<uint8_t> prefix, Buffer<uint8_t>::Make(bytes, "a safetensors header"));
    TRY(source->ReadAt(0, prefix.span()));
    TRY_ASSIGN(SafetensorsHeader header, SafetensorsHeader::Parse(prefix.span(), source->size()));
    read.push_back({source, std::move(header)});
  }
  SafetensorsTensors tensors(std::move(read));
  return WeightReader(tensors, config).Read();
}

}  // namespace parley::reference
