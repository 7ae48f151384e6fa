// Tables name each architecture's weights, with the views that they become and their shapes; the
// rest follows the tables.
#include "model/weights.h"

#include <algorithm>
#include <cstdio>
#include <string_view>
#include <utility>

#include "base/bytes.h"
#include "kernels/quantize.h"

namespace parley {
namespace {

enum class Size : uint8_t { kOne, kWidth, kKv, kQkv, kMlp, kVocab, kPositions, kPairs };

uint32_t Value(Size size, const ModelConfig& config) {
  switch (size) {
    case Size::kOne:
      return 1;
    case Size::kWidth:
      return config.width;
    case Size::kKv:
      return config.kv_width();
    case Size::kQkv:
      return config.qkv_width();
    case Size::kMlp:
      return config.mlp_width;
    case Size::kVocab:
      return config.vocab_size;
    case Size::kPositions:
      return config.context_length;
    case Size::kPairs:
      return config.head_size() / 2;
  }
  return 0;
}

// One weight: its name in a GGUF file, as llama.cpp's converter writes it, the view it becomes, its
// shape.
template <typename Views>
struct Spec {
  const char* name;
  PackedMatrix Views::* matrix;  // one of these two is null
  const float* Views::* floats;
  Size rows;
  Size columns;
  bool optional = false;
};

constexpr Spec<LayerWeights> kGpt2LayerSpecs[] = {
    {"attn_norm.weight", nullptr, &LayerWeights::attn_norm_gain, Size::kOne, Size::kWidth},
    {"attn_norm.bias", nullptr, &LayerWeights::attn_norm_bias, Size::kOne, Size::kWidth},
    {"attn_qkv.weight", &LayerWeights::qkv, nullptr, Size::kQkv, Size::kWidth},
    {"attn_qkv.bias", nullptr, &LayerWeights::qkv_bias, Size::kOne, Size::kQkv},
    {"attn_output.weight", &LayerWeights::attn_out, nullptr, Size::kWidth, Size::kWidth},
    {"attn_output.bias", nullptr, &LayerWeights::attn_out_bias, Size::kOne, Size::kWidth},
    {"ffn_norm.weight", nullptr, &LayerWeights::mlp_norm_gain, Size::kOne, Size::kWidth},
    {"ffn_norm.bias", nullptr, &LayerWeights::mlp_norm_bias, Size::kOne, Size::kWidth},
    {"ffn_up.weight", &LayerWeights::mlp_up, nullptr, Size::kMlp, Size::kWidth},
    {"ffn_up.bias", nullptr, &LayerWeights::mlp_up_bias, Size::kOne, Size::kMlp},
    {"ffn_down.weight", &LayerWeights::mlp_down, nullptr, Size::kWidth, Size::kMlp},
    {"ffn_down.bias", nullptr, &LayerWeights::mlp_down_bias, Size::kOne, Size::kWidth},
};

constexpr Spec<Weights> kGpt2ModelSpecs[] = {
    {"token_embd.weight", &Weights::token_embd, nullptr, Size::kVocab, Size::kWidth},
    {"position_embd.weight", nullptr, &Weights::position_embd, Size::kPositions, Size::kWidth},
    {"output_norm.weight", nullptr, &Weights::output_norm_gain, Size::kOne, Size::kWidth},
    {"output_norm.bias", nullptr, &Weights::output_norm_bias, Size::kOne, Size::kWidth},
    {"output.weight", &Weights::head, nullptr, Size::kVocab,
     Size::kWidth},  // last: absent when tied
};

constexpr Spec<LayerWeights> kLlamaLayerSpecs[] = {
    {"attn_norm.weight", nullptr, &LayerWeights::attn_norm_gain, Size::kOne, Size::kWidth},
    {"attn_q.weight", &LayerWeights::query, nullptr, Size::kWidth, Size::kWidth},
    {"attn_k.weight", &LayerWeights::key, nullptr, Size::kKv, Size::kWidth},
    {"attn_v.weight", &LayerWeights::value, nullptr, Size::kKv, Size::kWidth},
    {"attn_output.weight", &LayerWeights::attn_out, nullptr, Size::kWidth, Size::kWidth},
    {"ffn_norm.weight", nullptr, &LayerWeights::mlp_norm_gain, Size::kOne, Size::kWidth},
    {"ffn_gate.weight", &LayerWeights::mlp_gate, nullptr, Size::kMlp, Size::kWidth},
    {"ffn_up.weight", &LayerWeights::mlp_up, nullptr, Size::kMlp, Size::kWidth},
    {"ffn_down.weight", &LayerWeights::mlp_down, nullptr, Size::kWidth, Size::kMlp},
};

constexpr Spec<Weights> kLlamaModelSpecs[] = {
    {"token_embd.weight", &Weights::token_embd, nullptr, Size::kVocab, Size::kWidth},
    {"rope_freqs.weight", nullptr, &Weights::rope_factors, Size::kOne, Size::kPairs, true},
    {"output_norm.weight", nullptr, &Weights::output_norm_gain, Size::kOne, Size::kWidth},
    {"output.weight", &Weights::head, nullptr, Size::kVocab,
     Size::kWidth},  // last: absent when tied
};

// What a model of one architecture consists of.
struct Schema {
  const char* people;  // its name in messages
  std::span<const Spec<LayerWeights>> layer;
  std::span<const Spec<Weights>> model;
};
constexpr Schema kGpt2Schema = {"GPT-2", kGpt2LayerSpecs, kGpt2ModelSpecs};
constexpr Schema kLlamaSchema = {"Llama", kLlamaLayerSpecs, kLlamaModelSpecs};

const Schema& SchemaOf(const ModelConfig& config) {
  return config.architecture == Architecture::kLlama ? kLlamaSchema : kGpt2Schema;
}

std::string LayerName(uint32_t layer, const char* name) {
  return "blk." + std::to_string(layer) + "." + name;
}

// "blk.12.ffn_up.bias" -> 12, "ffn_up.bias". False for any other form, leading zeros included.
bool SplitLayerName(std::string_view name, uint64_t* layer, std::string_view* rest) {
  if (!name.starts_with("blk.")) return false;
  size_t at = 4;
  *layer = 0;
  while (at < name.size() && at < 4 + 9 && name[at] >= '0' && name[at] <= '9') {
    *layer = *layer * 10 + static_cast<uint64_t>(name[at++] - '0');
  }
  if (at == 4 || at == name.size() || name[at] != '.' || (at > 5 && name[4] == '0')) return false;
  *rest = name.substr(at + 1);
  return true;
}

// Causal masks that older converters stored among GPT-2's weights; the kernels know the mask.
bool IsKnownExtra(std::string_view name) {
  return name.ends_with("attn.bias") || name.ends_with("attn.masked_bias");
}

std::string ShapeText(const TensorInfo& tensor) {
  std::string text = "[";
  for (uint32_t i = 0; i < tensor.n_dims; ++i) {
    text += (i > 0 ? ", " : "") + std::to_string(tensor.shape[i]);
  }
  return text + "]";
}

Error Unsupported(const TensorInfo& tensor, const std::string& what) {
  return MakeError(Code::kUnsupportedModel, std::string(tensor.name) + " " + what, tensor.offset);
}

// Fills in everything but the place in the image.
template <typename Views>
Status FitSlot(const Spec<Views>& spec, const TensorInfo& tensor, const ModelConfig& config,
               WeightSlot* slot) {
  slot->rows = Value(spec.rows, config);
  slot->columns = Value(spec.columns, config);
  slot->kept_rows = slot->rows;
  const uint64_t wanted[] = {slot->rows, slot->columns};
  const uint32_t n_dims = spec.rows == Size::kOne ? 1 : 2;
  if (tensor.n_dims != n_dims ||
      !std::equal(tensor.shape, tensor.shape + n_dims, wanted + 2 - n_dims)) {
    TensorInfo expected;
    expected.n_dims = n_dims;
    std::copy(wanted + 2 - n_dims, wanted + 2, expected.shape);
    return Unsupported(
        tensor, "has shape " + ShapeText(tensor) + ", the model needs " + ShapeText(expected));
  }
  const DTypeTraits* traits = GetDTypeTraits(static_cast<uint32_t>(tensor.type));
  const bool runs = tensor.type == DType::kQ8_0 || tensor.type == DType::kQ4_0;
  if (!runs && !CanDecode(tensor.type)) {
    return Unsupported(tensor, std::string("has type ") + (traits ? traits->name : "?") +
                                   ", which Parley does not run");
  }
  if (spec.floats != nullptr) {
    slot->kind = WeightSlot::Kind::kFloats;
    slot->stored = DType::kF32;
    return {};
  }
  if (slot->columns % kBlock != 0) {
    return Unsupported(tensor, "has rows of " + std::to_string(slot->columns) +
                                   " values; Parley runs multiples of 32");
  }
  slot->kind = WeightSlot::Kind::kMatrix;
  slot->stored = runs ? tensor.type : DType::kQ8_0;
  return {};
}

uint64_t SlotBytes(const WeightSlot& slot) {
  const uint64_t bytes = slot.kind == WeightSlot::Kind::kMatrix
                             ? PackedBytes(slot.stored, slot.rows, slot.columns)
                             : uint64_t{slot.kept_rows} * slot.columns * sizeof(float);
  return (bytes + kBufferAlignment - 1) / kBufferAlignment * kBufferAlignment;
}

template <typename Views>
bool FindSpec(std::span<const Spec<Views>> specs, std::string_view name, uint8_t* index) {
  for (size_t i = 0; i < specs.size(); ++i) {
    if (name == specs[i].name) {
      *index = static_cast<uint8_t>(i);
      return true;
    }
  }
  return false;
}

// Sets the view that a spec names to the slot's place in the image.
template <typename Views>
void Bind(const Spec<Views>& spec, const WeightSlot& slot, const uint8_t* image, Views* views) {
  const uint8_t* data = image + slot.image_offset;
  if (spec.matrix != nullptr) {
    views->*spec.matrix = PackedMatrix{slot.stored, slot.rows, slot.columns, data};
  } else {
    views->*spec.floats = reinterpret_cast<const float*>(data);
  }
}

// Whether a model is incomplete without this weight.
bool IsNeeded(const Spec<Weights>& spec, const ModelConfig& config) {
  return !spec.optional && !(spec.matrix == &Weights::head && config.tied_head);
}

// The first weight that the model needs and the file lacks.
Error MissingTensor(const GgufHeader& header, const ModelConfig& config) {
  const auto missing = [](const std::string& name) {
    return MakeError(Code::kUnsupportedModel, "the file has no tensor " + name);
  };
  for (const auto& spec : SchemaOf(config).model) {
    if (!IsNeeded(spec, config)) continue;
    if (header.FindTensor(spec.name) == nullptr) return missing(spec.name);
  }
  for (uint32_t layer = 0; layer < config.n_layers; ++layer) {
    for (const auto& spec : SchemaOf(config).layer) {
      const std::string name = LayerName(layer, spec.name);
      if (header.FindTensor(name) == nullptr) return missing(name);
    }
  }
  return missing("(none)");
}

}  // namespace

Result<WeightMap> WeightMap::Make(const GgufHeader& header, const ModelConfig& config,
                                  uint32_t context) {
  WeightMap map;
  const Schema& schema = SchemaOf(config);
  const std::span<const TensorInfo> tensors = header.tensors();
  TRY_ASSIGN(map.slots_, Buffer<WeightSlot>::Make(tensors.size(), "weight table"));
  uint64_t found = 0;
  for (size_t i = 0; i < tensors.size(); ++i) {
    const TensorInfo& tensor = tensors[i];
    WeightSlot& slot = map.slots_[i] = WeightSlot{};
    uint64_t layer = 0;
    std::string_view rest;
    bool needed = true;
    if (SplitLayerName(tensor.name, &layer, &rest) && layer < config.n_layers &&
        FindSpec(schema.layer, rest, &slot.spec)) {
      slot.in_layer = true;
      slot.layer = static_cast<uint32_t>(layer);
      TRY(FitSlot(schema.layer[slot.spec], tensor, config, &slot));
    } else if (FindSpec(schema.model, tensor.name, &slot.spec)) {
      const auto& spec = schema.model[slot.spec];
      if (spec.matrix == &Weights::head && config.tied_head) {
        return Unsupported(tensor, "is there although the head is tied to token_embd.weight");
      }
      TRY(FitSlot(spec, tensor, config, &slot));
      if (spec.floats == &Weights::position_embd) slot.kept_rows = context;
      needed = IsNeeded(spec, config);
    } else if (IsKnownExtra(tensor.name)) {
      continue;
    } else {
      return Unsupported(tensor, std::string("is not a weight of a ") + schema.people + " of " +
                                     std::to_string(config.n_layers) + " layers");
    }
    if (needed) ++found;
    slot.image_offset = map.image_bytes_;
    if (!CheckedAdd(map.image_bytes_, SlotBytes(slot), &map.image_bytes_)) {
      return MakeError(Code::kOverflow, "the weights' bytes wrap");
    }
    if (slot.kind == WeightSlot::Kind::kMatrix && slot.stored != tensor.type) {
      const std::string name = GetDTypeTraits(static_cast<uint32_t>(tensor.type))->name;
      if (map.note_.find(name + " becomes") == std::string::npos) {
        map.note_ += (map.note_.empty() ? "" : ", ") + name + " becomes Q8_0";
      }
    }
  }
  const auto n_needed = static_cast<uint64_t>(
      std::count_if(schema.model.begin(), schema.model.end(),
                    [&](const Spec<Weights>& spec) { return IsNeeded(spec, config); }));
  // Names are unique, so that a file with enough recognised tensors has them all.
  if (found < n_needed + uint64_t{config.n_layers} * schema.layer.size())
    return MissingTensor(header, config);
  return map;
}

Result<Weights> BindWeights(const WeightMap& map, const ModelConfig& config,
                            Buffer<uint8_t> image) {
  Weights weights;
  const Schema& schema = SchemaOf(config);
  TRY_ASSIGN(weights.layers, Buffer<LayerWeights>::Make(config.n_layers, "layer table"));
  std::fill(weights.layers.begin(), weights.layers.end(), LayerWeights{});
  weights.image = std::move(image);
  for (const WeightSlot& slot : map.slots()) {
    if (slot.kind == WeightSlot::Kind::kIgnored) continue;
    if (slot.in_layer) {
      Bind(schema.layer[slot.spec], slot, weights.image.data(), &weights.layers[slot.layer]);
    } else {
      Bind(schema.model[slot.spec], slot, weights.image.data(), &weights);
    }
  }
  if (config.tied_head) weights.head = weights.token_embd;
  return weights;
}

uint64_t WeightTableBytes(const ModelConfig& config, uint64_t n_tensors) {
  return n_tensors * sizeof(WeightSlot) + config.n_layers * sizeof(LayerWeights);
}

}  // namespace parley
