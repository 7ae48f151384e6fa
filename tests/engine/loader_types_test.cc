// Loading each type that is decoded only: out of golden blocks, whose values PyPI's gguf gave.
#include <algorithm>
#include <bit>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "base/buffer.h"
#include "engine/convert.h"
#include "engine/engine.h"
#include "support/decoded_blocks.h"
#include "support/load_model.h"
#include "support/test_model.h"

using parley::Code;
using parley::DType;
using parley::Engine;
using parley::LogitsOf;
using parley::test::DecodedBlock;
using parley::test::DecodedBlocks;
using parley::test::LoadPieces;
using parley::test::TestModel;
using parley::test::TestTensor;

namespace {

struct TypeCase {
  DType type;
  const char* name;
  std::vector<size_t> scales;  // bytes into a block where an f16 stands
};

const TypeCase kTypes[] = {
    {DType::kQ4_1, "Q4_1", {0, 2}},   {DType::kQ5_0, "Q5_0", {0}},
    {DType::kQ5_1, "Q5_1", {0, 2}},   {DType::kIQ4_NL, "IQ4_NL", {0}},
    {DType::kQ2_K, "Q2_K", {80, 82}}, {DType::kQ3_K, "Q3_K", {108}},
    {DType::kQ4_K, "Q4_K", {0, 2}},   {DType::kQ5_K, "Q5_K", {0, 2}},
    {DType::kQ6_K, "Q6_K", {208}},
};

// Blocks whose values are no larger than a weight's.
std::vector<DecodedBlock> UsualBlocks(DType type) {
  std::vector<DecodedBlock> blocks = DecodedBlocks();
  std::erase_if(blocks, [type](const DecodedBlock& block) {
    const auto large = [](uint32_t bits) { return std::fabs(std::bit_cast<float>(bits)) > 8; };
    return block.type != type || std::any_of(block.bits.begin(), block.bits.end(), large);
  });
  REQUIRE(blocks.size() >= 2);
  return blocks;
}

// One layer whose matrices hold the blocks, as they are stored or as their values.
TestModel Model(DType type, bool stored) {
  TestModel model{.n_layers = 1, .width = 256, .n_heads = 4, .context = 16, .vocab = 283};
  model.edit = [type, stored](std::vector<TestTensor>* tensors) {
    const std::vector<DecodedBlock> blocks = UsualBlocks(type);
    size_t next = 0;
    for (TestTensor& tensor : *tensors) {
      if (tensor.shape.size() != 2 || tensor.name == "position_embd.weight") continue;
      tensor.type = stored ? type : DType::kF32;
      const size_t block_values = blocks[0].bits.size();
      for (size_t at = 0; at < tensor.values.size(); at += block_values) {
        const DecodedBlock& block = blocks[next++ % blocks.size()];
        std::memcpy(tensor.values.data() + at, block.bits.data(), block_values * sizeof(float));
        if (stored) tensor.raw.insert(tensor.raw.end(), block.bytes.begin(), block.bytes.end());
      }
    }
  };
  return model;
}

std::vector<uint32_t> LogitBits(Engine* engine) {
  const std::vector<int32_t> tokens = {1, 2, 3};
  std::vector<float> logits(engine->model->config().vocab_size);
  REQUIRE(engine->model->Forward(tokens, LogitsOf::kLast, logits).ok());
  std::vector<uint32_t> bits;
  for (const float logit : logits) bits.push_back(std::bit_cast<uint32_t>(logit));
  return bits;
}

}  // namespace

TEST_CASE("each type loads, in pieces of any size and as planned, as its values do") {
  for (const TypeCase& c : kTypes) {
    INFO(c.name);
    const auto values = LoadPieces(Model(c.type, false).Build(), 100000);
    REQUIRE(values.ok());
    const std::vector<uint32_t> expected = LogitBits(values->get());
    const std::vector<uint8_t> file = Model(c.type, true).Build();
    for (const size_t piece : {size_t{997}, file.size()}) {
      const uint64_t before = parley::GetAllocationCounts().live_bytes;
      parley::ResetAllocationPeak();
      const auto engine = LoadPieces(file, piece);
      const uint64_t peak = parley::GetAllocationCounts().peak_bytes - before;
      INFO(engine.error().message);
      REQUIRE(engine.ok());
      CHECK(peak <= (*engine)->plan.total_bytes);
      CHECK((*engine)->plan.quantization == c.name);
      CHECK((*engine)->plan.note == std::string(c.name) + " becomes Q8_0");
      CHECK(LogitBits(engine->get()) == expected);
    }
  }
}

TEST_CASE("G17: a scale or minimum of each type that is NaN or infinite is NONFINITE and named") {
  constexpr const char* kNamed = "blk.0.ffn_up.weight";
  for (const TypeCase& c : kTypes) {
    std::vector<TestTensor> tensors;
    const std::vector<uint8_t> good = Model(c.type, true).Build(&tensors);
    const auto tensor = std::find_if(tensors.begin(), tensors.end(),
                                     [](const TestTensor& t) { return t.name == kNamed; });
    const size_t block_bytes = parley::GetDTypeTraits(static_cast<uint32_t>(c.type))->block_bytes;
    for (const size_t scale : c.scales) {
      for (const uint16_t bits : {0x7c00, 0xfc00, 0x7e01}) {
        INFO(c.name << ", bits " << bits << " at " << scale);
        std::vector<uint8_t> file = good;
        const size_t block = tensor->offset + 7 * block_bytes;
        std::memcpy(file.data() + block + scale, &bits, sizeof(bits));
        const auto engine = parley::test::LoadBytes(file);
        CHECK(engine.error().code == Code::kNonfinite);
        CHECK(engine.error().message.starts_with(kNamed));

        auto conversion = parley::Conversion::FromGguf(file.size(), {});
        REQUIRE(conversion.ok());
        parley::MemorySource source(file);
        parley::ByteSource* const files[] = {&source};
        struct Nowhere final : parley::ByteSink {
          parley::Status Write(std::span<const uint8_t>) override { return {}; }
        } sink;
        const parley::Status status = RunConversion(conversion->get(), files, &sink);
        CHECK(status.error().code == Code::kNonfinite);
        CHECK(status.error().message.find(kNamed) != std::string::npos);
      }
    }
  }
}
