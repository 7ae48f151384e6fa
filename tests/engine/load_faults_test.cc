// Rows G15 to G20 of docs/FAULTS.md: whole models with one thing wrong, loaded as programs load
// them. Every outcome is a typed error with nothing left behind, or a model that runs.
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "base/buffer.h"
#include "engine/convert.h"
#include "engine/engine.h"
#include "engine/refused.h"
#include "formats/gguf_source.h"
#include "support/gguf_file.h"
#include "support/hf_folder.h"
#include "support/load_model.h"

using parley::Code;
using parley::CodeName;
using parley::Engine;
using parley::LogitsOf;
using parley::Result;
using parley::Status;
using namespace parley::test;

namespace {

GgufTensor& Tensor(GgufFile* file, const std::string& name) {
  for (GgufTensor& tensor : file->tensors) {
    if (tensor.name == name) return tensor;
  }
  FAIL("no tensor " << name);
  return file->tensors[0];
}

// Two tokens forward: finite logits, or the typed error that they are not.
void RunOrRefuse(Engine* engine) {
  std::vector<float> logits(engine->model->config().vocab_size);
  const int32_t tokens[] = {0, 1};
  const Status status = engine->model->Forward(
      std::span(tokens).first(engine->model->context() < 2 ? 1 : 2), LogitsOf::kLast, logits);
  if (!status.ok())
    REQUIRE((status.error().code == Code::kNonfinite || status.error().code == Code::kBadArg));
}

// A model, or an error that says what and why.
void LoadedOrRefused(const Result<std::unique_ptr<Engine>>& engine) {
  if (engine.ok()) return RunOrRefuse(engine->get());
  REQUIRE(engine.error().code != Code::kOk);
  REQUIRE_FALSE(engine.error().message.empty());
}

uint64_t LiveBytes() { return parley::GetAllocationCounts().live_bytes; }

}  // namespace

TEST_CASE("the smallest model loads and runs") {
  const auto engine = LoadBytes(SmallestModel().Build().bytes);
  INFO(engine.error().message);
  REQUIRE(engine.ok());
  RunOrRefuse(engine->get());
}

TEST_CASE("G7: every known key of another type is BAD_TYPE and named") {
  const GgufEntry text = TextEntry("", "1"), number = U32Entry("", 1);
  const GgufEntry numbers = ArrayEntry("", kGgufU32, 1, Little(uint32_t{0}));
  const GgufEntry texts = ArrayEntry("", kGgufString, 1, LittleText("0"));
  const std::pair<const char*, const GgufEntry*> cases[] = {
      {"general.architecture", &number},       {"general.name", &number},
      {"gpt2.context_length", &text},          {"gpt2.embedding_length", &text},
      {"gpt2.block_count", &numbers},          {"gpt2.feed_forward_length", &text},
      {"gpt2.attention.head_count", &numbers}, {"gpt2.attention.layer_norm_epsilon", &number},
      {"gpt2.attention.scale", &text},         {"tokenizer.ggml.model", &number},
      {"tokenizer.ggml.pre", &texts},          {"tokenizer.ggml.tokens", &numbers},
      {"tokenizer.ggml.tokens", &text},        {"tokenizer.ggml.token_type", &texts},
      {"tokenizer.ggml.merges", &numbers},     {"tokenizer.ggml.bos_token_id", &text},
      {"tokenizer.ggml.eos_token_id", &texts}, {"tokenizer.ggml.add_bos_token", &number},
      {"parley.chat_format", &number},
  };
  for (const auto& [key, wrong] : cases) {
    INFO(key);
    GgufFile file = SmallestModel();
    std::erase_if(file.entries, [&](const GgufEntry& entry) { return entry.key == key; });
    GgufEntry entry = *wrong;
    entry.key = key;
    file.entries.push_back(entry);
    Refused(file, Code::kBadType, key);
  }
}

TEST_CASE("G15: hyperparameters that make no model are BAD_CONFIG") {
  struct Case {
    const char* key;
    uint32_t value;
  };
  for (const Case& c :
       {Case{"gpt2.attention.head_count", 0}, Case{"gpt2.attention.head_count", 33},
        Case{"gpt2.attention.head_count", 3}, Case{"gpt2.attention.head_count", 0xffffffffu},
        Case{"gpt2.block_count", 0}, Case{"gpt2.block_count", 1u << 31},
        Case{"gpt2.block_count", 0xffffffffu}, Case{"gpt2.embedding_length", 0},
        Case{"gpt2.embedding_length", 0xffffffe0u}, Case{"gpt2.context_length", 0},
        Case{"gpt2.context_length", 0xffffffffu}, Case{"gpt2.feed_forward_length", 0},
        Case{"gpt2.feed_forward_length", 0xffffffffu}}) {
    INFO(c.key << " = " << c.value);
    GgufFile file = SmallestModel();
    Entry(&file, c.key).value = Little(c.value);
    Refused(file, Code::kBadConfig, "");
  }
  for (const float epsilon : {0.0f, -1e-5f, 1.0f, std::numeric_limits<float>::infinity(),
                              std::numeric_limits<float>::quiet_NaN()}) {
    INFO(epsilon);
    GgufFile file = SmallestModel();
    Entry(&file, "gpt2.attention.layer_norm_epsilon").value = Little(epsilon);
    Refused(file, Code::kBadConfig, "epsilon");
  }
  for (const char* key : {"gpt2.context_length", "gpt2.embedding_length", "gpt2.block_count",
                          "gpt2.attention.head_count"}) {
    GgufFile file = SmallestModel();
    Entry(&file, key).key = "gpt2.renamed";
    Refused(file, Code::kBadConfig, key);
  }
}

TEST_CASE("G16: missing, misshaped and unknown tensors are UNSUPPORTED_MODEL and named") {
  const size_t count = SmallestModel().tensors.size();
  for (size_t i = 0; i < count; ++i) {
    GgufFile missing = SmallestModel();
    const std::string name = missing.tensors[i].name;
    INFO(name);
    missing.tensors.erase(missing.tensors.begin() + static_cast<ptrdiff_t>(i));
    Refused(missing, Code::kUnsupportedModel, name);

    if (name == "token_embd.weight") continue;  // its rows are the vocabulary: any number is lawful
    GgufFile misshaped = SmallestModel();
    GgufTensor& tensor = misshaped.tensors[i];
    tensor.dims.back() += 1;
    tensor.data.resize(tensor.data.size() +
                       (tensor.dims.size() == 1 ? 4 : 34 * tensor.dims[0] / 32));
    if (tensor.type == 0 && tensor.dims.size() == 2)
      tensor.data.resize(4 * tensor.dims[0] * tensor.dims[1]);
    Refused(misshaped, Code::kUnsupportedModel, name);
  }
  GgufFile unknown = SmallestModel();
  unknown.tensors.push_back({.name = "blk.0.attn_rot.weight"});
  Refused(unknown, Code::kUnsupportedModel, "blk.0.attn_rot.weight");
  GgufFile integers = SmallestModel();
  Tensor(&integers, "output_norm.bias").type = 26;  // I32: as large as F32
  Refused(integers, Code::kUnsupportedModel, "output_norm.bias");
}

TEST_CASE(
    "G16: another architecture, tokenizer or scaling of attention is UNSUPPORTED_MODEL and named") {
  GgufFile mamba = SmallestModel();
  Entry(&mamba, "general.architecture").value = LittleText("mamba");
  Refused(mamba, Code::kUnsupportedModel, "mamba");
  GgufFile none = SmallestModel();
  Entry(&none, "general.architecture").key = "general.renamed";
  Refused(none, Code::kUnsupportedModel, "general.architecture");
  GgufFile scale = SmallestModel();
  scale.entries.push_back({.key = "gpt2.attention.scale", .type = kGgufF32, .value = Little(0.5f)});
  Refused(scale, Code::kUnsupportedModel, "gpt2.attention.scale");
  GgufFile grouped = SmallestModel();
  grouped.entries.push_back(U32Entry("gpt2.attention.head_count_kv", 4));
  Refused(grouped, Code::kUnsupportedModel, "head_count_kv");
  GgufFile unigram = SmallestModel();
  Entry(&unigram, "tokenizer.ggml.model").value = LittleText("llama");
  Refused(unigram, Code::kUnsupportedModel, "tokenizer.ggml.model");
  GgufFile usual = SmallestModel();
  usual.entries.push_back(
      {.key = "gpt2.attention.scale", .type = kGgufF32, .value = Little(1.0f / std::sqrt(32.0f))});
  CHECK(LoadBytes(usual.Build().bytes).ok());
}

TEST_CASE("G16: masks of old converters are ignored") {
  GgufFile file = SmallestModel();
  file.tensors.push_back(
      {.name = "blk.0.attn.bias", .dims = {8, 8, 1, 1}, .data = std::vector<uint8_t>(256)});
  file.tensors.push_back(
      {.name = "blk.0.attn.masked_bias", .dims = {1}, .data = std::vector<uint8_t>(4)});
  const auto engine = LoadBytes(file.Build().bytes);
  INFO(engine.error().message);
  CHECK(engine.ok());
}

TEST_CASE("G17: a NaN or infinity in any tensor is NONFINITE and named") {
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  const uint16_t half_nan = 0x7e00, half_infinity = 0x7c00, minus_infinity = 0xfc00;
  const size_t count = SmallestModel().tensors.size();
  for (size_t i = 0; i < count; ++i) {
    for (const bool last : {false, true}) {
      for (const uint16_t half : {half_nan, half_infinity, minus_infinity}) {
        GgufFile file = SmallestModel();
        GgufTensor& tensor = file.tensors[i];
        INFO(tensor.name);
        const bool f32 = tensor.type == 0;
        // F32: its upper half; Q8_0: the scale of a block of 34 bytes.
        const size_t at =
            f32 ? (last ? tensor.data.size() - 2 : 2) : (last ? tensor.data.size() - 34 : 0);
        const auto bytes = f32 ? Little(kNan) : Little(half);
        std::copy(bytes.end() - 2, bytes.end(), tensor.data.begin() + static_cast<ptrdiff_t>(at));
        Refused(file, Code::kNonfinite, tensor.name);
      }
    }
  }
}

TEST_CASE("G18: every prefix of a model is a typed error") {
  const auto bytes = SmallestModel().Build().bytes;
  const uint64_t before = LiveBytes();
  // A file that was cut, and one whose size is known but of which no more came.
  for (size_t size = 0; size < bytes.size(); ++size) {
    const auto prefix = std::span(bytes).first(size);
    const auto cut = LoadBytes(prefix);
    INFO(size);
    REQUIRE_FALSE(cut.ok());
    REQUIRE((cut.error().code == Code::kTruncated || cut.error().code == Code::kLimit));
  }
  CHECK(LiveBytes() == before);
}

TEST_CASE("G18: a loader that is given too little says TRUNCATED") {
  const auto bytes = SmallestModel().Build().bytes;
  const uint64_t before = LiveBytes();
  for (size_t size = 0; size < bytes.size(); size += 61) {
    auto loader = parley::Loader::Begin(bytes.size(), {});
    REQUIRE(loader.ok());
    REQUIRE((*loader)->Write(std::span(bytes).first(size)).ok());
    const auto engine = (*loader)->Finish();
    REQUIRE_FALSE(engine.ok());
    REQUIRE(engine.error().code == Code::kTruncated);
  }
  CHECK(LiveBytes() == before);
}

TEST_CASE("G18: every flipped bit of the header is a typed error or a model that runs") {
  const auto built = SmallestModel().Build();
  auto bytes = built.bytes;
  const uint64_t before = LiveBytes();
  for (size_t bit = 0; bit < 8 * built.at.at("data"); ++bit) {
    INFO("byte " << bit / 8 << ", bit " << bit % 8);
    const auto flip = static_cast<uint8_t>(1u << bit % 8);
    bytes[bit / 8] ^= flip;
    LoadedOrRefused(LoadBytes(bytes));
    bytes[bit / 8] ^= flip;
  }
  CHECK(LiveBytes() == before);
}

namespace {

// Lets `allowed` more allocations through, then refuses all.
uint64_t g_allowed = 0;
void* LimitedAllocate(size_t bytes, size_t alignment) {
  if (g_allowed == 0) return nullptr;
  --g_allowed;
  return parley::DefaultAllocatorHooks().allocate(bytes, alignment);
}

// Runs `body` with each allocation refused in turn until it needs no more; it returns the code that
// it ended with.
template <typename Body>
uint64_t SweepAllocations(Body body) {
  const uint64_t before = LiveBytes();
  for (uint64_t allowed = 0;; ++allowed) {
    g_allowed = allowed;
    parley::SetAllocatorHooks({LimitedAllocate, parley::DefaultAllocatorHooks().release});
    const Code code = body();
    parley::SetAllocatorHooks(parley::DefaultAllocatorHooks());
    INFO("allocations: " << allowed);
    REQUIRE(LiveBytes() == before);
    if (code == Code::kOk) return allowed;
    REQUIRE(std::string(CodeName(code)) == "OOM");
    REQUIRE(allowed < 10000);
  }
}

// Fails from the Nth read on. A source is asked for bytes that it said it has: one that gives fewer
// says so by failing.
class FailingSource final : public parley::ByteSource {
 public:
  FailingSource(std::span<const uint8_t> bytes, uint64_t good_reads)
      : bytes_(bytes), good_reads_(good_reads) {}
  uint64_t size() const override { return bytes_.size(); }
  Status ReadAt(uint64_t offset, std::span<uint8_t> destination) override {
    if (good_reads_ == 0) return parley::MakeError(Code::kIo, "the disk is gone", offset);
    --good_reads_;
    return parley::MemorySource(bytes_).ReadAt(offset, destination);
  }

 private:
  std::span<const uint8_t> bytes_;
  uint64_t good_reads_;
};

class NullSink final : public parley::ByteSink {
 public:
  Status Write(std::span<const uint8_t>) override { return {}; }
};

// A checkpoint of one layer, in one file.
HfTestFolder SmallestFolder() {
  HfTestFolder folder;
  folder.model.n_layers = 1;
  folder.model.width = 32;
  folder.model.n_heads = 1;
  folder.Build();
  return folder;
}

}  // namespace

TEST_CASE("G19: each allocation of a load may fail: OOM, and nothing leaks") {
  const auto bytes = SmallestModel().Build().bytes;
  const uint64_t allocations = SweepAllocations([&] {
    const auto engine = LoadBytes(bytes);
    return engine.ok() ? Code::kOk : engine.error().code;
  });
  CHECK(allocations >
        10);  // a load takes more than a handful; fewer would mean that the hook saw none
}

TEST_CASE("G19: each allocation of a conversion may fail: OOM, and nothing leaks") {
  const auto bytes = SmallestModel().Build().bytes;
  const uint64_t allocations = SweepAllocations([&] {
    parley::MemorySource source(bytes);
    NullSink sink;
    const auto conversion =
        parley::Conversion::FromGguf(bytes.size(), {.type = parley::DType::kQ4_0, .name = ""});
    if (!conversion.ok()) return conversion.error().code;
    parley::ByteSource* const files[] = {&source};
    const Status status = RunConversion(conversion->get(), files, &sink);
    return status.ok() ? Code::kOk : status.error().code;
  });
  CHECK(allocations > 5);
}

TEST_CASE("G19: each allocation of an import may fail: OOM, and nothing leaks") {
  const HfTestFolder folder = SmallestFolder();
  const uint64_t allocations = SweepAllocations([&] {
    parley::MemorySource source(folder.weights[0]);
    NullSink sink;
    const auto conversion = parley::Conversion::FromHuggingFace(
        folder.view(), {.type = parley::DType::kQ4_0, .name = ""});
    if (!conversion.ok()) return conversion.error().code;
    parley::ByteSource* const files[] = {&source};
    const Status status = RunConversion(conversion->get(), files, &sink);
    return status.ok() ? Code::kOk : status.error().code;
  });
  CHECK(allocations > 20);
}

TEST_CASE("G20: each read of a load may fail: IO, and nothing leaks") {
  const auto bytes = SmallestModel().Build().bytes;
  const uint64_t before = LiveBytes();
  for (uint64_t good_reads = 0;; ++good_reads) {
    FailingSource source(bytes, good_reads);
    {
      const auto engine = parley::LoadGguf(source, {});
      if (engine.ok()) {
        CHECK(good_reads >= 1);
        break;
      }
      INFO(good_reads);
      REQUIRE(engine.error().code == Code::kIo);
      REQUIRE(engine.error().message == "the disk is gone");
    }
    REQUIRE(LiveBytes() == before);
  }
  CHECK(LiveBytes() == before);
}

TEST_CASE("G20: each read of a conversion may fail: IO, and nothing leaks") {
  const auto bytes = SmallestModel().Build().bytes;
  const uint64_t before = LiveBytes();
  uint64_t good_reads = 0;
  for (;; ++good_reads) {
    FailingSource source(bytes, good_reads);
    NullSink sink;
    Status status;
    {
      const auto conversion = parley::Conversion::FromGguf(bytes.size(), {});
      REQUIRE(conversion.ok());
      parley::ByteSource* const files[] = {&source};
      status = RunConversion(conversion->get(), files, &sink);
    }
    REQUIRE(LiveBytes() == before);
    if (status.ok()) break;
    REQUIRE(status.error().code == Code::kIo);
  }
  CHECK(good_reads > SmallestModel().tensors.size());
}

TEST_CASE("G20: each read of an import may fail: IO, and nothing leaks") {
  const HfTestFolder folder = SmallestFolder();
  const uint64_t before = LiveBytes();
  uint64_t good_reads = 0;
  for (;; ++good_reads) {
    INFO(good_reads);
    FailingSource source(folder.weights[0], good_reads);
    NullSink sink;
    Status status;
    {
      const auto conversion = parley::Conversion::FromHuggingFace(folder.view(), {});
      REQUIRE(conversion.ok());
      parley::ByteSource* const files[] = {&source};
      status = RunConversion(conversion->get(), files, &sink);
    }
    REQUIRE(LiveBytes() == before);
    if (status.ok()) break;
    REQUIRE(status.error().code == Code::kIo);
  }
  CHECK(good_reads > folder.tensors.size());
}
