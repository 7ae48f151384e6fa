#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "base/buffer.h"
#include "engine/engine.h"
#include "kernels/kernels.h"
#include "support/load_model.h"
#include "support/test_model.h"

using parley::Code;
using parley::DType;
using parley::Engine;
using parley::LogitsOf;
using parley::test::LoadBytes;
using parley::test::LoadPieces;
using parley::test::TestModel;
using parley::test::TestTensor;

namespace {

#ifdef PARLEY_THREADS
constexpr uint32_t kThreads = 3;
#else
constexpr uint32_t kThreads = 1;
#endif

// What the model says after three tokens.
std::vector<float> Logits(Engine* engine) {
  const std::vector<int32_t> tokens = {1, 2, 3};
  std::vector<float> logits(engine->model->config().vocab_size);
  engine->model->Truncate(0);
  REQUIRE(engine->model->Forward(tokens, LogitsOf::kLast, logits).ok());
  return logits;
}

bool SameBits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

const TestTensor& Find(const std::vector<TestTensor>& tensors, std::string_view name) {
  return *std::find_if(tensors.begin(), tensors.end(),
                       [&](const TestTensor& tensor) { return tensor.name == name; });
}

// As small as a model with a whole byte vocabulary gets.
TestModel SmallModel() {
  return {.n_layers = 1, .width = 32, .n_heads = 2, .context = 16, .vocab = 260};
}

// Fails the allocation with a given number; counts them all.
struct FailingAllocator {
  static inline uint64_t count = 0;
  static inline uint64_t fail_at = 0;
  static void* Allocate(size_t bytes, size_t alignment) {
    if (count++ == fail_at) return nullptr;
    return parley::DefaultAllocatorHooks().allocate(bytes, alignment);
  }
  explicit FailingAllocator(uint64_t at) {
    count = 0;
    fail_at = at;
    parley::SetAllocatorHooks({&Allocate, parley::DefaultAllocatorHooks().release});
  }
  ~FailingAllocator() { parley::SetAllocatorHooks(parley::DefaultAllocatorHooks()); }
};

}  // namespace

TEST_CASE("a file may come in pieces of any size, and any number of threads repack it") {
  for (const DType type : {DType::kQ8_0, DType::kQ4_0, DType::kF16}) {
    const TestModel model{.matrices = type, .untied = true};
    const std::vector<uint8_t> file = model.Build();
    auto whole = LoadBytes(file);
    REQUIRE(whole.ok());
    const std::vector<float> expected = Logits(whole->get());
    for (const size_t piece : {1, 2, 33, 34, 1000, 65536, 100000}) {
      for (const uint32_t threads : {1u, kThreads}) {
        auto engine = LoadPieces(file, piece, {.threads = threads});
        INFO(piece << " bytes, " << threads << " threads: " << engine.error().message);
        REQUIRE(engine.ok());
        CHECK(SameBits(Logits(engine->get()), expected));
      }
    }
  }
}

TEST_CASE("what was given may change as soon as the next piece was taken") {
  const std::vector<uint8_t> file = TestModel{}.Build();
  auto whole = LoadBytes(file);
  REQUIRE(whole.ok());
  const std::vector<float> expected = Logits(whole->get());
  for (const size_t piece_bytes : {size_t{1000}, size_t{65536}}) {
    auto loader = parley::Loader::Begin(file.size(), {.threads = kThreads});
    REQUIRE(loader.ok());
    std::vector<uint8_t> places[2];
    size_t place = 0;
    for (size_t at = 0; at < file.size(); at += piece_bytes) {
      const auto piece = std::span(file).subspan(at, std::min(piece_bytes, file.size() - at));
      places[place].assign(piece.begin(), piece.end());
      REQUIRE((*loader)->Write(places[place]).ok());
      place ^= 1;
      std::fill(places[place].begin(), places[place].end(), uint8_t{0xff});
    }
    const auto engine = (*loader)->Finish();
    REQUIRE(engine.ok());
    CHECK(SameBits(Logits(engine->get()), expected));
  }
}

TEST_CASE("a loader may be given up while its threads repack") {
  const std::vector<uint8_t> file = TestModel{}.Build();
  const uint64_t before = parley::GetAllocationCounts().live_bytes;
  for (size_t given = 0; given < file.size(); given += file.size() / 7) {
    auto loader = parley::Loader::Begin(file.size(), {.threads = kThreads});
    REQUIRE(loader.ok());
    REQUIRE((*loader)->Write(std::span(file).first(file.size() / 2)).ok());
    REQUIRE((*loader)->Write(std::span(file).subspan(file.size() / 2, given / 2)).ok());
  }
  CHECK(parley::GetAllocationCounts().live_bytes == before);
}

TEST_CASE("G17: of several bad rows the first is named, whichever thread finds it") {
  std::vector<TestTensor> tensors;
  const TestModel model{.matrices = DType::kF16};
  const std::vector<uint8_t> good = model.Build(&tensors);
  const TestTensor& tensor = Find(tensors, "blk.0.attn_qkv.weight");
  const uint64_t rows = tensor.shape[0];
  const uint64_t row_bytes = tensor.shape[1] * 2;
  for (const uint64_t first : {uint64_t{0}, uint64_t{9}, rows / 2, rows - 1}) {
    std::vector<uint8_t> file = good;
    for (uint64_t row = first; row < rows; row += 7) {
      file[tensor.offset + row * row_bytes + 1] = 0x7e;  // the upper half of an f16 NaN
    }
    for (const size_t piece : {size_t{1000}, file.size()}) {
      const auto engine = LoadPieces(file, piece, {.threads = kThreads});
      REQUIRE_FALSE(engine.ok());
      CHECK(engine.error().code == Code::kNonfinite);
      CHECK(engine.error().message.ends_with("in row " + std::to_string(first)));
      CHECK(engine.error().offset == tensor.offset + first * row_bytes);
    }
  }
}

TEST_CASE("a tokenizer that cannot be made is said before a bad weight, whichever is found first") {
  std::vector<TestTensor> tensors;
  const TestModel model{.matrices = DType::kF16, .tokenizer_pre = "qwen2"};
  std::vector<uint8_t> file = model.Build(&tensors);
  for (const TestTensor& tensor : tensors) {
    if (tensor.name.find("weight") != std::string::npos) file[tensor.offset + 1] = 0x7e;
  }
  for (const uint32_t threads : {1u, kThreads}) {
    for (const size_t piece : {size_t{100}, size_t{1000}, size_t{65536}, file.size()}) {
      const auto engine = LoadPieces(file, piece, {.threads = threads});
      REQUIRE_FALSE(engine.ok());
      CHECK(engine.error().code == Code::kUnsupportedModel);
    }
  }
}

TEST_CASE("types that are not run as they are become Q8_0, as the converter makes it") {
  const auto q8 = LoadBytes(TestModel{}.Build());
  REQUIRE(q8.ok());
  const std::vector<float> expected = Logits(q8->get());
  const auto f32 = LoadBytes(TestModel{.matrices = DType::kF32, .embedding = DType::kF32}.Build());
  REQUIRE(f32.ok());
  CHECK((*f32)->plan.note == "F32 becomes Q8_0");
  CHECK((*f32)->plan.quantization == "F32");
  CHECK(SameBits(Logits(f32->get()), expected));
}

TEST_CASE("the engine holds what the metadata says") {
  auto engine = LoadBytes(TestModel{}.Build(), {.context = 40});
  REQUIRE(engine.ok());
  CHECK((*engine)->eos_id == 279);
  CHECK((*engine)->bos_id == 279);
  CHECK_FALSE((*engine)->add_bos);
  CHECK((*engine)->style.format == parley::ChatFormat::kRoleTokens);
  CHECK((*engine)->model->context() == 40);
  CHECK((*engine)->kernels == parley::Kernels().name);
  CHECK((*engine)->tokenizer->FindSpecial("<|user|>") == 280);
}

TEST_CASE(
    "user-defined tokens are text wherever they stand, but for those that look like special ones") {
  // Literal, as llama.cpp reads them: in GPT-2's form of bytes the third would be two invalid ones.
  const TestModel model{.user_defined = {"  ", "<tool>", "\u00e9\u00e9", "<|note|>"}};
  constexpr int32_t kSpaces = 260, kTool = 261, kLetters = 262, kNote = 263;
  auto engine = LoadBytes(model.Build());
  INFO(engine.error().message);
  REQUIRE(engine.ok());
  const parley::Tokenizer& tokenizer = *(*engine)->tokenizer;
  for (const int32_t id : {kSpaces, kTool, kLetters}) CHECK_FALSE(tokenizer.IsSpecial(id));
  CHECK(tokenizer.FindSpecial("<tool>") == -1);
  CHECK(tokenizer.IsSpecial(kNote));
  CHECK(tokenizer.FindSpecial("<|note|>") == kNote);
  const std::vector<int32_t> ids = {'a', kSpaces, 'b', kTool, kLetters};
  const std::string text = "a  b<tool>\u00e9\u00e9";
  CHECK(*tokenizer.Decode(ids, true) == text);
  for (const bool parse_special : {false, true}) {
    std::vector<int32_t> encoded;
    REQUIRE(tokenizer.Encode(text, parse_special, &encoded).ok());
    CHECK(encoded == ids);
    encoded.clear();
    REQUIRE(tokenizer.Encode("<|note|>", parse_special, &encoded).ok());
    CHECK(encoded.size() == (parse_special ? 1 : 8));
  }

  auto session = parley::Session::Make((*engine)->session_model());
  REQUIRE(session.ok());
  parley::GenerationOptions options;
  options.has_seed = true;
  options.temperature = 0;
  options.max_tokens = 2;
  options.logit_bias = {{kTool, 100}};
  REQUIRE((*session)->BeginCompletion("Say", false, options).ok());
  std::string reply;
  parley::Event event;
  do {
    event = (*session)->Next();
    reply += event.text;
  } while (event.kind == parley::Event::Kind::kPrefill ||
           event.kind == parley::Event::Kind::kToken);
  CHECK(reply == "<tool><tool>");
}

TEST_CASE("G14: a file that ends early is TRUNCATED, one that goes on too long BAD_ARG") {
  const std::vector<uint8_t> file = SmallModel().Build();
  for (const size_t missing : {size_t{1}, size_t{1000}, file.size() - 100000 % file.size()}) {
    auto loader = parley::Loader::Begin(file.size(), {});
    REQUIRE(loader.ok());
    REQUIRE((*loader)->Write(std::span(file).first(file.size() - missing)).ok());
    CHECK((*loader)->Finish().error().code == Code::kTruncated);
    CHECK((*loader)->Finish().error().code == Code::kBadState);
    CHECK((*loader)->Write(file).error().code == Code::kBadState);
  }
  auto loader = parley::Loader::Begin(file.size(), {});
  REQUIRE((*loader)->Write(file).ok());
  CHECK((*loader)->Write(std::span(file).first(1)).error().code == Code::kBadArg);
}

TEST_CASE("G16: other architectures and tokenizers are named") {
  const auto refused = [](const TestModel& model, const std::string& word) {
    const auto engine = LoadBytes(model.Build());
    REQUIRE_FALSE(engine.ok());
    INFO(engine.error().message);
    CHECK(engine.error().code == Code::kUnsupportedModel);
    CHECK(engine.error().message.find(word) != std::string::npos);
  };
  refused(TestModel{.architecture = "mamba"}, "mamba");
  refused(TestModel{.tokenizer_model = "unigram"}, "unigram");
  refused(TestModel{.tokenizer_pre = "qwen2"}, "qwen2");
}

TEST_CASE("G17: a NaN or infinite weight or scale is named, with its place") {
  struct Case {
    const char* tensor;
    DType type;
    size_t at;  // bytes into the tensor
    uint32_t bits;
    size_t bytes;
  };
  const Case cases[] = {
      {"blk.1.attn_qkv.weight", DType::kQ8_0, 34 * 2 * 9, 0x7c00, 2},
      {"blk.1.attn_qkv.weight", DType::kQ8_0, 34 * 2 * 191 + 34, 0x7e00, 2},
      {"token_embd.weight", DType::kQ8_0, 34 * 2 * 282, 0xfc00, 2},
      {"blk.0.ffn_down.weight", DType::kQ4_0, 18 * 8, 0xfe01, 2},
      {"blk.0.ffn_up.weight", DType::kF16, 2 * 77, 0x7c00, 2},
      {"blk.0.ffn_up.weight", DType::kF32, 4 * 64 * 255, 0x7fc00000, 4},
      {"blk.0.attn_norm.weight", DType::kQ8_0, 4 * 63, 0xff800000, 4},
      {"position_embd.weight", DType::kQ8_0, 4 * 64 * 95, 0x7f800001, 4},
      {"output_norm.bias", DType::kQ8_0, 0, 0x7fc00000, 4},
  };
  for (const Case& bad : cases) {
    const TestModel model{.matrices = bad.type};
    std::vector<TestTensor> tensors;
    std::vector<uint8_t> file = model.Build(&tensors);
    const TestTensor& tensor = Find(tensors, bad.tensor);
    std::memcpy(file.data() + tensor.offset + bad.at, &bad.bits, bad.bytes);
    for (const uint32_t context : {0u, 8u}) {  // rows that are not kept are checked as well
      const uint64_t live = parley::GetAllocationCounts().live_bytes;
      const auto engine = LoadBytes(file, {.context = context});
      REQUIRE_FALSE(engine.ok());
      INFO(engine.error().message);
      CHECK(engine.error().code == Code::kNonfinite);
      CHECK(engine.error().message.starts_with(bad.tensor));
      CHECK(engine.error().offset <= tensor.offset + bad.at);
      CHECK(engine.error().offset + 4 * 256 > tensor.offset + bad.at);
      CHECK(parley::GetAllocationCounts().live_bytes == live);
    }
  }
}

TEST_CASE("G17: a weight too large for Q8_0's scales is refused") {
  TestModel model{.matrices = DType::kF32};
  model.edit = [](std::vector<TestTensor>* tensors) {
    for (TestTensor& tensor : *tensors) {
      if (tensor.name == "blk.0.attn_output.weight") tensor.values[5] = 1e8f;
    }
  };
  const auto engine = LoadBytes(model.Build());
  CHECK(engine.error().code == Code::kNonfinite);
}

TEST_CASE("G19: whichever allocation fails, loading ends with OOM and nothing is kept") {
  for (const DType type : {DType::kQ8_0, DType::kF16}) {
    const TestModel model{.matrices = type};
    const std::vector<uint8_t> file = model.Build();
    for (const size_t piece : {size_t{1000}, file.size()}) {
      const uint64_t live = parley::GetAllocationCounts().live_bytes;
      uint64_t needed = 0;
      {
        FailingAllocator count_only(UINT64_MAX);
        REQUIRE(LoadPieces(file, piece).ok());
        needed = FailingAllocator::count;
      }
      CHECK(needed >= 8);
      for (uint64_t at = 0; at < needed; ++at) {
        FailingAllocator failing(at);
        const auto engine = LoadPieces(file, piece);
        INFO("allocation " << at << " of " << needed);
        CHECK(engine.error().code == Code::kOom);
        CHECK_FALSE(engine.error().message.empty());
        CHECK(parley::GetAllocationCounts().live_bytes == live);
      }
    }
  }
}
