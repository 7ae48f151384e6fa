// A Hugging Face GPT2LMHeadModel to GGUF: names as llama.cpp's converter gives them, linear layers
// from Conv1D's [in, out] to [out, in], the tokenizer and the chat format into metadata.
#include <algorithm>
#include <charconv>
#include <cstdio>
#include <string>

#include "base/buffer.h"
#include "chat/format.h"
#include "engine/convert.h"
#include "engine/tensor_stream.h"
#include "formats/hf_config.h"
#include "formats/hf_tokenizer.h"
#include "formats/safetensors.h"
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

class HuggingFaceConversion final : public Conversion {
 public:
  HuggingFaceConversion(const HfFolder& folder, const ConvertOptions& options)
      : folder_(folder), options_(options) {}

  Status Open();
  const ModelConfig& config() const override { return config_; }
  uint64_t output_bytes() const override { return output_bytes_; }
  Status Write(ByteSink* sink) override {
    GgufWriter writer(sink);
    TRY(WriteHeader(&writer));
    return WriteTensorData(tensors_.span(), folder_.weights, &writer);
  }

 private:
  Status OpenTokenizer();
  Status OpenWeights();
  Status PlanTensors(const SafetensorsHeader& header);
  Status PlanTensor(const SafetensorsHeader& header, const WeightName& weight, uint32_t layer);
  Status RefuseUnknown(const SafetensorsHeader& header) const;
  uint64_t SizeOf(Dim dim) const;
  Status WriteHeader(GgufWriter* writer) const;
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
  SafetensorsHeader header_;
  Buffer<ConvertedTensor> tensors_;
  size_t n_planned_ = 0;
  uint64_t output_bytes_ = 0;
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
  TRY(OpenWeights());
  CountingSink counter;
  GgufWriter writer(&counter);
  TRY(WriteHeader(&writer));
  output_bytes_ = writer.file_bytes();
  return {};
}

// Numbers of gguf.md's "tokenizer.ggml.token_type".
constexpr int32_t kNormal = 1, kControl = 3, kUnused = 5;
constexpr uint64_t kPaddingBytes = 16;  // "[PAD1048575]"

Status HuggingFaceConversion::OpenTokenizer() {
  TRY_ASSIGN(tokenizer_, ReadHfTokenizer(folder_.tokenizer));
  TRY_ASSIGN(merges_, Tokenizer::ParseMerges(folder_.tokenizer.merges_txt));
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

Status HuggingFaceConversion::OpenWeights() {
  const uint64_t file_bytes = folder_.weights->size();
  uint8_t first[8];
  const auto length =
      std::span(first).first(static_cast<size_t>(std::min<uint64_t>(sizeof(first), file_bytes)));
  TRY(folder_.weights->ReadAt(0, length));
  TRY_ASSIGN(const uint64_t prefix_bytes, SafetensorsHeader::PrefixBytes(length, file_bytes));
  TRY_ASSIGN(auto prefix, Buffer<uint8_t>::Make(prefix_bytes, "a safetensors header"));
  TRY(folder_.weights->ReadAt(0, prefix.span()));
  TRY_ASSIGN(header_, SafetensorsHeader::Parse(prefix.span(), file_bytes));
  TRY(RefuseUnknown(header_));
  return PlanTensors(header_);
}

Status HuggingFaceConversion::PlanTensors(const SafetensorsHeader& header) {
  const uint64_t count = std::size(kEmbeddings) + std::size(kLayer) * uint64_t{config_.n_layers} +
                         std::size(kOutputNorm) + (config_.tied_head ? 0 : 1);
  if (count > header.tensors().size()) {
    return MakeError(Code::kUnsupportedModel, std::to_string(count) + " tensors are needed, " +
                                                  std::to_string(header.tensors().size()) +
                                                  " are there");
  }
  TRY_ASSIGN(tensors_, Buffer<ConvertedTensor>::Make(count, "the tensor table"));
  for (const WeightName& weight : kEmbeddings) TRY(PlanTensor(header, weight, kNoLayer));
  for (uint32_t layer = 0; layer < config_.n_layers; ++layer) {
    for (const WeightName& weight : kLayer) TRY(PlanTensor(header, weight, layer));
  }
  for (const WeightName& weight : kOutputNorm) TRY(PlanTensor(header, weight, kNoLayer));
  if (!config_.tied_head) TRY(PlanTensor(header, kHead, kNoLayer));
  return {};
}

Status HuggingFaceConversion::PlanTensor(const SafetensorsHeader& header, const WeightName& weight,
                                         uint32_t layer) {
  const std::string number = layer == kNoLayer ? "" : std::to_string(layer) + ".";
  const std::string bare = (layer == kNoLayer ? "" : "h." + number) + std::string(weight.hf);
  const TensorInfo* info = header.FindTensor(std::string(kPrefix) + bare);
  if (info == nullptr) info = header.FindTensor(bare);
  if (info == nullptr)
    return MakeError(Code::kUnsupportedModel, "tensor '" + bare + "' is missing");

  ConvertedTensor& tensor = tensors_[n_planned_++];
  tensor = ConvertedTensor{};
  const std::string name = (layer == kNoLayer ? "" : "blk." + number) + std::string(weight.gguf);
  name.copy(tensor.name, sizeof(tensor.name) - 1);
  tensor.source = *info;
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

Status HuggingFaceConversion::RefuseUnknown(const SafetensorsHeader& header) const {
  for (const TensorInfo& info : header.tensors()) {
    std::string_view name = info.name;
    if (IsKnownExtra(name)) continue;
    if (name.starts_with(kPrefix)) name.remove_prefix(kPrefix.size());
    if (!IsWeight(name, config_.n_layers)) {
      return MakeError(Code::kUnsupportedModel, "tensor '" + std::string(info.name.substr(0, 64)) +
                                                    "' is none of a GPT-2 with " +
                                                    std::to_string(config_.n_layers) + " layers");
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
  TRY(writer->AddString("general.architecture", config_.architecture));
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

Result<std::unique_ptr<Conversion>> Conversion::FromHuggingFace(const HfFolder& folder,
                                                                const ConvertOptions& options) {
  auto conversion = std::make_unique<HuggingFaceConversion>(folder, options);
  TRY(conversion->Open());
  return std::unique_ptr<Conversion>(std::move(conversion));
}

}  // namespace parley
