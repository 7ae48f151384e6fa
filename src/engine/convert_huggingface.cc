// A Hugging Face GPT2LMHeadModel to GGUF: names as llama.cpp's converter gives them, linear layers
// from Conv1D's [in, out] to [out, in], the tokenizer and the chat format into metadata.
#include <algorithm>
#include <charconv>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/buffer.h"
#include "chat/format.h"
#include "engine/convert_steps.h"
#include "engine/hf_shards.h"
#include "formats/hf_config.h"
#include "formats/hf_tokenizer.h"
#include "model/config.h"
#include "tokenizer/tokenizer.h"

namespace parley {
namespace {

// Dimensions of the model, as the tables below name them.
enum class Dim : uint8_t { kNone, kVocab, kContext, kWidth, kQkv, kMlp };

struct WeightName {
  std::string_view gguf;  // of kLayer: after "blk.N."
  std::string_view hf;    // without "transformer."; of kLayer: after "h.N."
  Dim rows;               // of the result; kNone: a vector
  Dim columns;
  bool conv1d;  // stored transposed, and a matrix of the model: quantized
};

constexpr WeightName kEmbeddings[] = {
    {"token_embd.weight", "wte.weight", Dim::kVocab, Dim::kWidth, false},
    {"position_embd.weight", "wpe.weight", Dim::kContext, Dim::kWidth, false},
};
constexpr WeightName kLayer[] = {
    {"attn_norm.weight", "ln_1.weight", Dim::kNone, Dim::kWidth, false},
    {"attn_norm.bias", "ln_1.bias", Dim::kNone, Dim::kWidth, false},
    {"attn_qkv.weight", "attn.c_attn.weight", Dim::kQkv, Dim::kWidth, true},
    {"attn_qkv.bias", "attn.c_attn.bias", Dim::kNone, Dim::kQkv, false},
    {"attn_output.weight", "attn.c_proj.weight", Dim::kWidth, Dim::kWidth, true},
    {"attn_output.bias", "attn.c_proj.bias", Dim::kNone, Dim::kWidth, false},
    {"ffn_norm.weight", "ln_2.weight", Dim::kNone, Dim::kWidth, false},
    {"ffn_norm.bias", "ln_2.bias", Dim::kNone, Dim::kWidth, false},
    {"ffn_up.weight", "mlp.c_fc.weight", Dim::kMlp, Dim::kWidth, true},
    {"ffn_up.bias", "mlp.c_fc.bias", Dim::kNone, Dim::kMlp, false},
    {"ffn_down.weight", "mlp.c_proj.weight", Dim::kWidth, Dim::kMlp, true},
    {"ffn_down.bias", "mlp.c_proj.bias", Dim::kNone, Dim::kWidth, false},
};
constexpr WeightName kOutputNorm[] = {
    {"output_norm.weight", "ln_f.weight", Dim::kNone, Dim::kWidth, false},
    {"output_norm.bias", "ln_f.bias", Dim::kNone, Dim::kWidth, false},
};
constexpr WeightName kHead = {"output.weight", "lm_head.weight", Dim::kVocab, Dim::kWidth, false};

constexpr std::string_view kPrefix = "transformer.";
constexpr uint32_t kNoLayer = ~uint32_t{0};  // for weights that the model has once

// Causal masks that older checkpoints store, and the head's copy of tied embeddings: not needed.
bool IsKnownExtra(std::string_view name) {
  if (name == "lm_head.weight") return true;
  if (name.starts_with(kPrefix)) name.remove_prefix(kPrefix.size());
  return name.starts_with("h.") &&
         (name.ends_with(".attn.bias") || name.ends_with(".attn.masked_bias"));
}

class HuggingFaceConversion final : public StepConversion {
 public:
  HuggingFaceConversion(const HfFolder& folder, const ConvertOptions& options)
      : folder_(folder), options_(options) {}

  Status Open();

 protected:
  Result<std::optional<ConvertStep>> ReadHeaders() override;
  std::span<const ConvertedTensor> tensors() const override { return tensors_.span(); }
  Status WriteHeader(GgufWriter* writer) const override;

 private:
  Status OpenTokenizer();
  Status PlanTensors();
  Status PlanTensor(const WeightName& weight, uint32_t layer);
  Status RefuseUnknown() const;
  uint64_t SizeOf(Dim dim) const;
  Status WriteTokenizer(GgufWriter* writer) const;

  HfFolder folder_;
  ConvertOptions options_;
  ModelConfig config_;
  HfTokenizer tokenizer_;
  Buffer<std::string_view> merges_;
  Buffer<std::string_view>
      tokens_;            // one a row of the embedding: padding after the tokenizer's own
  Buffer<char> padding_;  // the padding's names
  Buffer<int32_t> token_types_;
  ChatFormat format_ = ChatFormat::kCompletion;
  int32_t end_of_turn_ = -1;
  HfShards shards_;
  Buffer<ConvertedTensor> tensors_;
  size_t n_planned_ = 0;
};

uint64_t HuggingFaceConversion::SizeOf(Dim dim) const {
  switch (dim) {
    case Dim::kVocab:
      return config_.vocab_size;
    case Dim::kContext:
      return config_.context_length;
    case Dim::kWidth:
      return config_.width;
    case Dim::kQkv:
      return uint64_t{3} * config_.width;
    case Dim::kMlp:
      return config_.mlp_width;
    case Dim::kNone:
      break;
  }
  return 1;
}

Status HuggingFaceConversion::Open() {
  TRY_ASSIGN(const HfConfig hf, ReadHfConfig(folder_.config_json));
  TRY_ASSIGN(config_, ReadModelConfig(hf));
  if (config_.name.empty()) config_.name = folder_.folder_name;
  if (!options_.name.empty()) config_.name = options_.name;
  TRY(OpenTokenizer());
  return shards_.Begin(folder_.weights);
}

Result<std::optional<ConvertStep>> HuggingFaceConversion::ReadHeaders() {
  TRY_ASSIGN(auto read, shards_.Next());
  if (!read.has_value()) {
    TRY(RefuseUnknown());
    TRY(PlanTensors());
  }
  return read;
}

// Numbers of gguf.md's "tokenizer.ggml.token_type".
constexpr int32_t kNormal = 1, kControl = 3, kUnused = 5;
constexpr uint64_t kPaddingBytes = 16;  // "[PAD1048575]"

Status HuggingFaceConversion::OpenTokenizer() {
  TRY_ASSIGN(tokenizer_, ReadHfTokenizer(folder_.tokenizer));
  TRY_ASSIGN(merges_, Tokenizer::ParseMerges(tokenizer_.merges_txt));
  const size_t n_tokens = tokenizer_.tokens.size();
  if (n_tokens > config_.vocab_size) {
    return MakeError(Code::kBadVocab, std::to_string(n_tokens) + " tokens for an embedding of " +
                                          std::to_string(config_.vocab_size) + " rows");
  }
  // Making one is what shows that the vocabulary and the merges fit together.
  TRY_ASSIGN(const auto made, Tokenizer::Make({tokenizer_.tokens.span(), merges_.span(),
                                               tokenizer_.special_ids.span()}));
  TRY_ASSIGN(format_, ChooseChatFormat("", config_.name, *made));
  if (format_ == ChatFormat::kRoleTokens) end_of_turn_ = made->FindSpecial("<|user|>");

  // llama.cpp wants a token for each row of the embedding.
  const size_t n_padding = config_.vocab_size - n_tokens;
  TRY_ASSIGN(tokens_, Buffer<std::string_view>::Make(config_.vocab_size, "the vocabulary"));
  TRY_ASSIGN(token_types_, Buffer<int32_t>::Make(config_.vocab_size, "types of tokens"));
  TRY_ASSIGN(padding_, Buffer<char>::Make(n_padding * kPaddingBytes, "padding of the vocabulary"));
  for (size_t id = 0; id < tokens_.size(); ++id) {
    if (id < n_tokens) {
      tokens_[id] = tokenizer_.tokens[id];
      token_types_[id] = tokenizer_.IsSpecial(static_cast<int32_t>(id)) ? kControl : kNormal;
    } else {
      char* name = padding_.data() + (id - n_tokens) * kPaddingBytes;
      const int length = std::snprintf(name, kPaddingBytes, "[PAD%zu]", id);
      tokens_[id] = {name, static_cast<size_t>(length)};
      token_types_[id] = kUnused;
    }
  }
  return {};
}

Status HuggingFaceConversion::PlanTensors() {
  const uint64_t count = std::size(kEmbeddings) + std::size(kLayer) * uint64_t{config_.n_layers} +
                         std::size(kOutputNorm) + (config_.tied_head ? 0 : 1);
  if (count > shards_.n_tensors()) {
    return MakeError(Code::kUnsupportedModel, std::to_string(count) + " tensors are needed, " +
                                                  std::to_string(shards_.n_tensors()) +
                                                  " are there");
  }
  TRY_ASSIGN(tensors_, Buffer<ConvertedTensor>::Make(count, "the tensor table"));
  for (const WeightName& weight : kEmbeddings) TRY(PlanTensor(weight, kNoLayer));
  for (uint32_t layer = 0; layer < config_.n_layers; ++layer) {
    for (const WeightName& weight : kLayer) TRY(PlanTensor(weight, layer));
  }
  for (const WeightName& weight : kOutputNorm) TRY(PlanTensor(weight, kNoLayer));
  if (!config_.tied_head) TRY(PlanTensor(kHead, kNoLayer));
  return {};
}

Status HuggingFaceConversion::PlanTensor(const WeightName& weight, uint32_t layer) {
  const std::string number = layer == kNoLayer ? "" : std::to_string(layer) + ".";
  const std::string bare = (layer == kNoLayer ? "" : "h." + number) + std::string(weight.hf);
  uint32_t file = 0;
  const TensorInfo* info = shards_.Find(std::string(kPrefix) + bare, &file);
  if (info == nullptr) info = shards_.Find(bare, &file);
  if (info == nullptr)
    return MakeError(Code::kUnsupportedModel, "tensor '" + bare + "' is missing");

  ConvertedTensor& tensor = tensors_[n_planned_++];
  tensor = ConvertedTensor{};
  const std::string name = (layer == kNoLayer ? "" : "blk." + number) + std::string(weight.gguf);
  name.copy(tensor.name, sizeof(tensor.name) - 1);
  tensor.source = *info;
  tensor.file = file;
  tensor.transposed = weight.conv1d;
  tensor.n_dims = weight.rows == Dim::kNone ? 1 : 2;
  tensor.shape[0] = SizeOf(weight.rows);
  tensor.shape[tensor.n_dims - 1] = SizeOf(weight.columns);
  const bool outer = weight.rows == Dim::kVocab;
  if (weight.conv1d || outer) tensor.type = MatrixType(options_.type, outer);

  uint64_t stored[2] = {tensor.shape[0], tensor.shape[1]};
  if (weight.conv1d) std::swap(stored[0], stored[1]);
  if (info->n_dims != tensor.n_dims || !std::equal(stored, stored + tensor.n_dims, info->shape)) {
    std::string expected = std::to_string(stored[0]);
    if (tensor.n_dims == 2) expected += ", " + std::to_string(stored[1]);
    return MakeError(Code::kUnsupportedModel,
                     "tensor '" + std::string(info->name) + "': shape [" + expected + "] expected");
  }
  return CheckConvertible(tensor);
}

// Is this a weight of a GPT-2 with so many layers? `name` without "transformer.".
bool IsWeight(std::string_view name, uint32_t n_layers) {
  const auto is_named = [&name](const WeightName& weight) { return name == weight.hf; };
  if (!name.starts_with("h.")) {
    return std::any_of(std::begin(kEmbeddings), std::end(kEmbeddings), is_named) ||
           std::any_of(std::begin(kOutputNorm), std::end(kOutputNorm), is_named);
  }
  name.remove_prefix(2);
  uint32_t layer = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), layer);
  const std::string number = std::to_string(layer) + ".";
  if (error != std::errc() || layer >= n_layers || !name.starts_with(number)) return false;
  name.remove_prefix(number.size());
  return std::any_of(std::begin(kLayer), std::end(kLayer), is_named);
}

Status HuggingFaceConversion::RefuseUnknown() const {
  for (const SafetensorsHeader& header : shards_.headers()) {
    for (const TensorInfo& info : header.tensors()) {
      std::string_view name = info.name;
      if (IsKnownExtra(name)) continue;
      if (name.starts_with(kPrefix)) name.remove_prefix(kPrefix.size());
      if (!IsWeight(name, config_.n_layers)) {
        return MakeError(Code::kUnsupportedModel, "tensor '" +
                                                      std::string(info.name.substr(0, 64)) +
                                                      "' is none of a GPT-2 with " +
                                                      std::to_string(config_.n_layers) + " layers");
      }
    }
  }
  return {};
}

Status HuggingFaceConversion::WriteHeader(GgufWriter* writer) const {
  const std::string_view license = ReadModelCardLicense(folder_.readme_md);
  const bool names_format =
      format_ != ChatFormat::kTranscript && format_ != ChatFormat::kCompletion;
  uint64_t n_entries = 9 + 6;  // of the model, of the tokenizer
  for (const bool written :
       {!config_.name.empty(), !license.empty(), tokenizer_.bos_id >= 0, tokenizer_.eos_id >= 0,
        end_of_turn_ >= 0, !tokenizer_.chat_template.empty(), names_format}) {
    n_entries += written ? 1 : 0;
  }
  TRY(writer->Begin(tensors_.size(), n_entries));
  TRY(writer->AddString("general.architecture", ArchitectureName(config_.architecture)));
  if (!config_.name.empty()) TRY(writer->AddString("general.name", config_.name));
  if (!license.empty()) TRY(writer->AddString("general.license", license));
  TRY(writer->AddUint32("general.file_type", FileTypeOf(options_.type)));
  TRY(writer->AddUint32("general.quantization_version", 2));
  TRY(writer->AddUint32("gpt2.context_length", config_.context_length));
  TRY(writer->AddUint32("gpt2.embedding_length", config_.width));
  TRY(writer->AddUint32("gpt2.feed_forward_length", config_.mlp_width));
  TRY(writer->AddUint32("gpt2.block_count", config_.n_layers));
  TRY(writer->AddUint32("gpt2.attention.head_count", config_.n_heads));
  TRY(writer->AddFloat32("gpt2.attention.layer_norm_epsilon", config_.norm_epsilon));
  TRY(WriteTokenizer(writer));
  if (names_format) TRY(writer->AddString("parley.chat_format", ChatFormatId(format_)));
  return WriteTensorTable(tensors_.span(), writer);
}

Status HuggingFaceConversion::WriteTokenizer(GgufWriter* writer) const {
  TRY(writer->AddString("tokenizer.ggml.model", "gpt2"));
  TRY(writer->AddString("tokenizer.ggml.pre", "gpt-2"));
  TRY(writer->AddStrings("tokenizer.ggml.tokens", tokens_.span()));
  TRY(writer->AddInts("tokenizer.ggml.token_type", token_types_.span()));
  TRY(writer->AddStrings("tokenizer.ggml.merges", merges_.span()));
  TRY(writer->AddBool("tokenizer.ggml.add_bos_token", tokenizer_.add_bos));
  const std::pair<const char*, int32_t> ids[] = {{"tokenizer.ggml.bos_token_id", tokenizer_.bos_id},
                                                 {"tokenizer.ggml.eos_token_id", tokenizer_.eos_id},
                                                 {"tokenizer.ggml.eot_token_id", end_of_turn_}};
  for (const auto& [key, id] : ids) {
    if (id >= 0) TRY(writer->AddUint32(key, static_cast<uint32_t>(id)));
  }
  if (!tokenizer_.chat_template.empty()) {
    TRY(writer->AddString("tokenizer.chat_template", tokenizer_.chat_template));
  }
  return {};
}

}  // namespace

std::string_view* FindText(std::string_view file_name, HfFolder* folder) {
  if (file_name == "config.json") return &folder->config_json;
  if (file_name == "vocab.json") return &folder->tokenizer.vocab_json;
  if (file_name == "merges.txt") return &folder->tokenizer.merges_txt;
  if (file_name == "tokenizer.json") return &folder->tokenizer.tokenizer_json;
  if (file_name == "tokenizer_config.json") return &folder->tokenizer.tokenizer_config_json;
  if (file_name == "special_tokens_map.json") return &folder->tokenizer.special_tokens_map_json;
  if (file_name == "README.md") return &folder->readme_md;
  return nullptr;
}

Result<std::unique_ptr<Conversion>> Conversion::FromHuggingFace(const HfFolder& folder,
                                                                const ConvertOptions& options) {
  auto conversion = std::make_unique<HuggingFaceConversion>(folder, options);
  TRY(conversion->Open());
  return std::unique_ptr<Conversion>(std::move(conversion));
}

}  // namespace parley
