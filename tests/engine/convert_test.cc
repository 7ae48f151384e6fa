// Conversions to GGUF: from Hugging Face folders and from other GGUF files. Blocks are held against
// the row codecs, which tests/kernels and scripts/check_gguf.py hold against ggml's.
#include "engine/convert.h"

#include <catch2/catch_test_macros.hpp>
#include <limits>
#include <string>
#include <vector>

#include "formats/gguf_reader.h"
#include "support/gguf_file.h"
#include "support/hf_folder.h"
#include "support/load_model.h"

using parley::Code;
using parley::CodeName;
using parley::Conversion;
using parley::ConvertOptions;
using parley::ConvertStep;
using parley::DType;
using parley::GgufHeader;
using parley::Result;
using parley::Status;
using parley::TensorInfo;
using namespace parley::test;

namespace {

class VectorSink final : public parley::ByteSink {
 public:
  Status Write(std::span<const uint8_t> bytes) override {
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    return {};
  }
  std::vector<uint8_t> bytes_;
};

Result<std::vector<uint8_t>> Run(Result<std::unique_ptr<Conversion>> conversion,
                                 const std::vector<std::unique_ptr<parley::ByteSource>>& sources) {
  if (!conversion.ok()) return std::move(conversion).TakeError();
  std::vector<parley::ByteSource*> files;
  for (const auto& source : sources) files.push_back(source.get());
  VectorSink sink;
  TRY(RunConversion(conversion->get(), files, &sink));
  CHECK(sink.bytes_.size() == (*conversion)->output_bytes());
  return std::move(sink.bytes_);
}

// As the folder is, without building it again.
Result<std::vector<uint8_t>> ConvertBuilt(HfTestFolder* folder,
                                          const ConvertOptions& options = {}) {
  return Run(Conversion::FromHuggingFace(folder->view(), options), folder->sources());
}

Result<std::vector<uint8_t>> Convert(HfTestFolder* folder, const ConvertOptions& options = {}) {
  folder->Build();
  return ConvertBuilt(folder, options);
}

Result<std::vector<uint8_t>> ConvertGguf(const std::vector<uint8_t>& file,
                                         const ConvertOptions& options) {
  std::vector<std::unique_ptr<parley::ByteSource>> sources;
  sources.push_back(std::make_unique<parley::MemorySource>(file));
  return Run(Conversion::FromGguf(file.size(), options), sources);
}

std::vector<uint8_t> Good(Result<std::vector<uint8_t>> bytes) {
  INFO(CodeName(bytes.error().code) << ": " << bytes.error().message);
  REQUIRE(bytes.ok());
  return std::move(*bytes);
}

void Refused(const Result<std::vector<uint8_t>>& bytes, Code code, const std::string& in_message) {
  REQUIRE_FALSE(bytes.ok());
  INFO(bytes.error().message);
  CHECK(std::string(CodeName(bytes.error().code)) == CodeName(code));
  CHECK(bytes.error().message.find(in_message) != std::string::npos);
}

GgufHeader Header(const std::vector<uint8_t>& bytes) {
  auto header = GgufHeader::Parse(bytes, bytes.size());
  INFO(header.error().message);
  REQUIRE(header.ok());
  return std::move(*header);
}

DType ExpectedType(const TestTensor& tensor, DType wanted) {
  if (tensor.shape.size() == 1 || tensor.name == "position_embd.weight") return DType::kF32;
  const bool outer = tensor.name == "token_embd.weight" || tensor.name == "output.weight";
  return wanted == DType::kQ4_0 && outer ? DType::kQ8_0 : wanted;
}

// Every tensor of `wanted` with its values in the type that they should have, and no other.
void CheckTensors(const std::vector<uint8_t>& bytes, std::vector<TestTensor> wanted, DType type) {
  const GgufHeader header = Header(bytes);
  CHECK(header.tensors().size() == wanted.size());
  for (TestTensor& tensor : wanted) {
    INFO(tensor.name);
    const TensorInfo* info = header.FindTensor(tensor.name);
    REQUIRE(info != nullptr);
    tensor.type = ExpectedType(tensor, type);
    CHECK(info->type == tensor.type);
    REQUIRE(info->n_dims == tensor.shape.size());
    CHECK(std::equal(tensor.shape.begin(), tensor.shape.end(), info->shape));
    const std::vector<uint8_t> expected = EncodeTensor(tensor);
    REQUIRE(info->bytes == expected.size());
    CHECK(std::equal(expected.begin(), expected.end(),
                     bytes.begin() + static_cast<ptrdiff_t>(info->offset)));
  }
}

}  // namespace

TEST_CASE("a Hugging Face folder becomes GGUF of every type, Conv1D weights transposed") {
  for (const DType type : {DType::kF32, DType::kF16, DType::kQ8_0, DType::kQ4_0}) {
    for (const bool untied : {false, true}) {
      HfTestFolder folder;
      folder.model.untied = untied;
      folder.mask = untied;
      folder.prefix = untied ? "" : "transformer.";
      const auto bytes = Good(Convert(&folder, {.type = type, .name = ""}));
      CheckTensors(bytes, folder.tensors, type);
    }
  }
}

TEST_CASE("F16 weights become what their values are") {
  HfTestFolder folder;
  folder.half = true;
  const auto bytes = Good(Convert(&folder, {.type = DType::kQ8_0, .name = ""}));
  for (TestTensor& tensor : folder.tensors) {
    for (float& value : tensor.values) value = parley::F16ToF32(parley::F32ToF16(value));
  }
  CheckTensors(bytes, folder.tensors, DType::kQ8_0);
}

TEST_CASE("a matrix larger than a slab is converted in pieces") {
  HfTestFolder folder;
  folder.model.n_layers = 1;
  folder.model.width = 544;  // 544 x 2176 values: 4.5 MiB as f32
  folder.model.vocab = 2048;
  folder.more_config = ", \"n_inner\": 2176";
  const auto bytes = Good(Convert(&folder, {.type = DType::kQ8_0, .name = ""}));
  CheckTensors(bytes, folder.tensors, DType::kQ8_0);
}

TEST_CASE("a conversion takes its largest Conv1D weight and a few MiB") {
  HfTestFolder folder;
  folder.model.n_layers = 1;
  folder.model.width = 544;
  folder.Build();
  const uint64_t before = parley::GetAllocationCounts().live_bytes;
  parley::ResetAllocationPeak();
  Good(ConvertBuilt(&folder));
  constexpr uint64_t kLargest = 544 * 2176 * sizeof(float);
  CHECK(parley::GetAllocationCounts().peak_bytes - before < kLargest + (4 << 20));
  CHECK(parley::GetAllocationCounts().live_bytes == before);
}

TEST_CASE("steps are at most 1 MiB, reads lie in their files, and no two of tensors overlap") {
  HfTestFolder folder;
  folder.model.n_layers = 1;
  folder.model.width = 544;
  folder.n_shards = 3;
  folder.Build();
  auto conversion = Conversion::FromHuggingFace(folder.view(), {});
  REQUIRE(conversion.ok());
  uint64_t read = 0, written = 0, stored = 0;
  for (const auto& file : folder.weights) stored += file.size();
  for (;;) {
    const auto step = (*conversion)->Next();
    REQUIRE(step.ok());
    if (step->kind == ConvertStep::Kind::kDone) break;
    if (step->kind == ConvertStep::Kind::kWrite) {
      CHECK((written == 0 || step->bytes.size() <= (1 << 20)));
      written += step->bytes.size();
      continue;
    }
    REQUIRE(step->file < 3);
    CHECK(step->destination.size() <= 1 << 20);
    parley::MemorySource source(folder.weights[step->file]);
    REQUIRE(source.ReadAt(step->offset, step->destination).ok());
    read += step->destination.size();
  }
  CHECK(written == (*conversion)->output_bytes());
  CHECK(read == stored + 3 * 64);  // the files' first bytes twice
  CHECK((*conversion)->Next()->kind == ConvertStep::Kind::kDone);
}

TEST_CASE("shards become the same file as one whole, in whatever order they come") {
  HfTestFolder whole;
  const auto expected = Good(Convert(&whole));
  HfTestFolder sharded;
  sharded.n_shards = 3;
  CHECK(Good(Convert(&sharded)) == expected);
  std::swap(sharded.weights[0], sharded.weights[2]);
  std::swap(sharded.weight_files[0], sharded.weight_files[2]);
  CHECK(Good(ConvertBuilt(&sharded)) == expected);

  sharded.weight_files[1].bytes = sharded.weights[0].size();
  sharded.weights[1] = sharded.weights[0];
  Refused(ConvertBuilt(&sharded), Code::kDuplicate, "model-2.safetensors");
  sharded.weights.pop_back();
  sharded.weight_files.pop_back();
  sharded.weights.erase(sharded.weights.begin());
  sharded.weight_files.erase(sharded.weight_files.begin());
  Refused(ConvertBuilt(&sharded), Code::kUnsupportedModel, "are there");
  sharded.weight_files.clear();
  Refused(ConvertBuilt(&sharded), Code::kIo, "model.safetensors");
}

TEST_CASE("S1: a shard that is cut is named") {
  for (const size_t left : {size_t{0}, size_t{7}, size_t{100}}) {
    HfTestFolder folder;
    folder.n_shards = 2;
    folder.Build();
    folder.weights[1].resize(left);
    folder.weight_files[1].bytes = left;
    Refused(ConvertBuilt(&folder), Code::kTruncated, "model-2.safetensors");
  }
}

TEST_CASE("weights that are another kind of file are BAD_MAGIC, and named with what to do") {
  const std::string pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\n";
  for (const auto& [text, named] : {std::pair(pointer, "git lfs pull"),
                                    std::pair(std::string("<!DOCTYPE html>"), "download link")}) {
    HfTestFolder folder;
    folder.Build();
    folder.weights[0].assign(text.begin(), text.end());
    folder.weight_files[0].bytes = text.size();
    Refused(ConvertBuilt(&folder), Code::kBadMagic, named);
  }
}

TEST_CASE("tokenizer.json makes the same file as vocab.json and merges.txt") {
  HfTestFolder folder;
  const auto expected = Good(Convert(&folder));
  folder.tokenizer_json =
      "{\"added_tokens\": [{\"id\": 258, \"content\": \"<|endoftext|>\", \"special\": true}],"
      " \"pre_tokenizer\": {\"type\": \"ByteLevel\", \"add_prefix_space\": false},"
      " \"model\": {\"type\": \"BPE\", \"vocab\": " +
      folder.vocab_json + ", \"merges\": [\"t h\", [\"th\", \"e\"]]}}";
  folder.vocab_json.clear();
  folder.merges_txt.clear();
  CHECK(Good(ConvertBuilt(&folder)) == expected);
}

TEST_CASE("metadata says what llama.cpp and Parley need") {
  HfTestFolder folder;
  const auto bytes = Good(Convert(&folder, {.type = DType::kQ4_0, .name = "a name"}));
  const GgufHeader header = Header(bytes);
  CHECK(*header.GetString("general.architecture", "") == "gpt2");
  CHECK(*header.GetString("general.name", "") == "a name");
  CHECK(*header.GetString("general.license", "") == "mit");
  CHECK(*header.GetUint("general.file_type", 99) == 2);  // MOSTLY_Q4_0
  CHECK(*header.GetUint("gpt2.context_length", 0) == 16);
  CHECK(*header.GetUint("gpt2.embedding_length", 0) == 64);
  CHECK(*header.GetUint("gpt2.block_count", 0) == 2);
  CHECK(*header.GetUint("gpt2.feed_forward_length", 0) == 256);
  CHECK(*header.GetUint("gpt2.attention.head_count", 0) == 2);
  CHECK(static_cast<float>(*header.GetFloat("gpt2.attention.layer_norm_epsilon", 0)) == 1e-5f);
  CHECK(*header.GetString("tokenizer.ggml.model", "") == "gpt2");
  CHECK(*header.GetString("tokenizer.ggml.pre", "") == "gpt-2");
  CHECK(*header.GetUint("tokenizer.ggml.bos_token_id", 0) == 258);
  CHECK(*header.GetUint("tokenizer.ggml.eos_token_id", 0) == 258);
  CHECK(*header.GetUint("tokenizer.ggml.eot_token_id", 0) == 259);
  CHECK(header.Has("tokenizer.ggml.add_bos_token"));
  CHECK_FALSE(*header.GetBool("tokenizer.ggml.add_bos_token", true));
  CHECK(*header.GetString("tokenizer.chat_template", "") == "{{ t }}");
  CHECK(*header.GetString("parley.chat_format", "") == "role_tokens");
  const auto tokens = header.GetStrings("tokenizer.ggml.tokens");
  REQUIRE(tokens->size() == 262);
  CHECK((*tokens)[34] == "\"");
  CHECK((*tokens)[257] == "the");
  CHECK((*tokens)[261] == "<|system|>");
  const auto types = header.GetInts("tokenizer.ggml.token_type");
  REQUIRE(types->size() == 262);
  for (size_t id = 0; id < 262; ++id) CHECK((*types)[id] == (id < 258 ? 1 : 3));
  const auto merges = header.GetStrings("tokenizer.ggml.merges");
  REQUIRE(merges->size() == 2);
  CHECK((*merges)[1] == "th e");
}

TEST_CASE("what a folder does not say is left out") {
  HfTestFolder folder;
  folder.Build();
  folder.readme_md.clear();
  folder.tokenizer_config_json.clear();
  auto view = folder.view();
  view.folder_name = "folder";
  const auto bytes = Good(Run(Conversion::FromHuggingFace(view, {}), folder.sources()));
  const GgufHeader header = Header(bytes);
  CHECK(*header.GetString("general.name", "") == "folder");
  CHECK_FALSE(header.Has("general.license"));
  CHECK_FALSE(header.Has("tokenizer.chat_template"));
  // Special tokens by their looks.
  CHECK((*header.GetInts("tokenizer.ggml.token_type"))[258] == 3);
}

TEST_CASE("rows of the embedding beyond the tokenizer get padding tokens, and are not generated") {
  HfTestFolder folder;
  folder.model.vocab = 270;
  const auto bytes = Good(Convert(&folder));
  const GgufHeader header = Header(bytes);
  const auto tokens = header.GetStrings("tokenizer.ggml.tokens");
  REQUIRE(tokens->size() == 270);
  CHECK((*tokens)[262] == "[PAD262]");
  CHECK((*tokens)[269] == "[PAD269]");
  CHECK((*header.GetInts("tokenizer.ggml.token_type"))[269] == 5);  // UNUSED
}

TEST_CASE("a converted model loads and runs") {
  HfTestFolder folder;
  const auto bytes = Good(Convert(&folder));
  const auto engine = LoadBytes(bytes);
  INFO(engine.error().message);
  REQUIRE(engine.ok());
  CHECK((*engine)->style.format == parley::ChatFormat::kRoleTokens);
  CHECK((*engine)->eos_id == 258);
  std::vector<float> logits(262);
  const int32_t tokens[] = {1, 2, 3};
  CHECK((*engine)->model->Forward(tokens, parley::LogitsOf::kLast, logits).ok());
}

TEST_CASE(
    "G16: a folder's missing, misshaped and unknown tensors are UNSUPPORTED_MODEL and named") {
  const auto edited = [](std::function<void(std::vector<TestTensor>*)> edit) {
    HfTestFolder folder;
    folder.model.edit = std::move(edit);
    return Convert(&folder);
  };
  HfTestFolder whole;
  whole.Build();
  for (size_t i = 0; i < whole.tensors.size(); ++i) {
    const std::string name = HfName(whole.tensors[i].name);
    INFO(name);
    const auto missing = edited(
        [i](auto* tensors) { tensors->erase(tensors->begin() + static_cast<ptrdiff_t>(i)); });
    REQUIRE_FALSE(missing.ok());
    CHECK(missing.error().code == Code::kUnsupportedModel);
    Refused(edited([i](auto* tensors) {
              TestTensor& tensor = (*tensors)[i];
              tensor.shape[0] += 1;
              tensor.values.resize(tensor.values.size() +
                                   (tensor.shape.size() == 1 ? 1 : tensor.shape[1]));
            }),
            Code::kUnsupportedModel, name);
  }
  Refused(edited([](auto* tensors) {
            // Another name in the place of one that is needed.
            (*tensors)[5].name = "blk.0.attn_qkv.bais";
          }),
          Code::kUnsupportedModel, "attn.c_attn.bais");
  Refused(edited([](auto* tensors) {
            TestTensor extra = tensors->back();
            extra.name = "blk.2.attn_norm.weight";  // a third layer's
            tensors->push_back(extra);
          }),
          Code::kUnsupportedModel, "h.2.ln_1.weight");
}

TEST_CASE("G16: another architecture, activation or scaling in config.json is UNSUPPORTED_MODEL") {
  const std::pair<const char*, const char*> cases[] = {
      {", \"activation_function\": \"relu\"", "relu"},
      {", \"activation_function\": \"gelu\"", "gelu"},
      {", \"scale_attn_weights\": false", "scale_attn_weights"},
      {", \"scale_attn_by_inverse_layer_idx\": true", "scale_attn_by_inverse_layer_idx"},
      {", \"add_cross_attention\": true", "add_cross_attention"},
  };
  for (const auto& [more, named] : cases) {
    HfTestFolder folder;
    folder.more_config = more;
    Refused(Convert(&folder), Code::kUnsupportedModel, named);
  }
  HfTestFolder llama;
  llama.Build();
  llama.config_json = "{\"model_type\": \"llama\"}";
  Refused(ConvertBuilt(&llama), Code::kUnsupportedModel, "llama");
}

TEST_CASE("G15: sizes in config.json that make no model are BAD_CONFIG") {
  for (const char* sizes :
       {"\"n_head\": 0", "\"n_head\": 7", "\"n_layer\": 0", "\"n_layer\": 2147483648",
        "\"n_embd\": 18446744073709551615", "\"n_positions\": 0", "\"vocab_size\": 0",
        "\"layer_norm_epsilon\": 0", "\"layer_norm_epsilon\": 1e400", "\"n_inner\": 1e3"}) {
    HfTestFolder folder;
    folder.Build();
    folder.config_json = std::string("{\"model_type\": \"gpt2\", ") + sizes + "}";
    INFO(sizes);
    const auto result = ConvertBuilt(&folder);
    REQUIRE_FALSE(result.ok());
    const bool is_json =
        std::string(sizes).find("1e") != std::string::npos;  // no integer, no number of f64
    CHECK(result.error().code == (is_json ? Code::kBadJson : Code::kBadConfig));
  }
}

TEST_CASE("G17: a NaN or infinity in a folder's weights is NONFINITE and named") {
  HfTestFolder whole;
  whole.Build();
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::infinity()}) {
    for (size_t i = 0; i < whole.tensors.size(); ++i) {
      HfTestFolder folder;
      folder.model.edit = [i, bad](auto* tensors) { (*tensors)[i].values.back() = bad; };
      Refused(Convert(&folder), Code::kNonfinite, HfName(whole.tensors[i].name));
    }
  }
  HfTestFolder large;
  large.model.edit = [](auto* tensors) { (*tensors)[0].values[7] = 1e30f; };
  Refused(Convert(&large, {.type = DType::kF16, .name = ""}), Code::kNonfinite, "wte.weight");
  Refused(Convert(&large, {.type = DType::kQ8_0, .name = ""}), Code::kNonfinite, "wte.weight");
  Good(Convert(&large, {.type = DType::kF32, .name = ""}));
}

TEST_CASE("rows that do not fit the type are BAD_SHAPE") {
  HfTestFolder folder;
  folder.model.width = 48;  // one and a half blocks
  Refused(Convert(&folder, {.type = DType::kQ8_0, .name = ""}), Code::kBadShape, "wte.weight");
  Good(Convert(&folder, {.type = DType::kF16, .name = ""}));
}

TEST_CASE("vocabularies that do not fit the model are BAD_VOCAB") {
  HfTestFolder small;
  small.model.vocab = 261;
  Refused(Convert(&small), Code::kBadVocab, "262 tokens");
  HfTestFolder merges;
  merges.Build();
  merges.merges_txt = "#version: 0.2\nt h\nz z\n";
  Refused(ConvertBuilt(&merges), Code::kBadVocab, "");
}

TEST_CASE("a GGUF file becomes another type, its metadata stay") {
  HfTestFolder folder;
  const auto f32 = Good(Convert(&folder, {.type = DType::kF32, .name = "first"}));
  for (const DType type : {DType::kF32, DType::kF16, DType::kQ8_0, DType::kQ4_0}) {
    const auto bytes = Good(ConvertGguf(f32, {.type = type, .name = ""}));
    CheckTensors(bytes, folder.tensors, type);
    const GgufHeader before = Header(f32);
    const GgufHeader after = Header(bytes);
    CHECK(after.entries().size() == before.entries().size());
    CHECK(*after.GetString("general.name", "") == "first");
    CHECK(*after.GetUint("general.file_type", 99) == (type == DType::kF32    ? 0u
                                                      : type == DType::kF16  ? 1u
                                                      : type == DType::kQ4_0 ? 2u
                                                                             : 7u));
  }
  const auto renamed = Good(ConvertGguf(f32, {.type = DType::kQ8_0, .name = "second"}));
  CHECK(*Header(renamed).GetString("general.name", "") == "second");
}

TEST_CASE("tensors that have the type already keep their bytes") {
  HfTestFolder folder;
  const auto q8 = Good(Convert(&folder, {.type = DType::kQ8_0, .name = ""}));
  const auto again = Good(ConvertGguf(q8, {.type = DType::kQ8_0, .name = ""}));
  CheckTensors(again, folder.tensors, DType::kQ8_0);
}

TEST_CASE("types of files are named as on the command line") {
  CHECK(*parley::ParseConvertType("q8_0") == DType::kQ8_0);
  CHECK(*parley::ParseConvertType("q4_0") == DType::kQ4_0);
  CHECK(*parley::ParseConvertType("f16") == DType::kF16);
  CHECK(*parley::ParseConvertType("f32") == DType::kF32);
  for (const char* name : {"", "Q8_0", "q4_k", "bf16"}) {
    CHECK(parley::ParseConvertType(name).error().code == Code::kBadArg);
  }
}
