#include "model/weights.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <functional>
#include <string>
#include <vector>

#include "support/test_model.h"

using parley::Code;
using parley::DType;
using parley::GgufHeader;
using parley::ModelConfig;
using parley::Result;
using parley::WeightMap;
using parley::WeightSlot;
using parley::test::TestModel;
using parley::test::TestTensor;

namespace {

struct Mapped {
  GgufHeader header;
  ModelConfig config;
  Result<WeightMap> map;
};

Mapped Map(const TestModel& model, uint32_t context = 16) {
  const std::vector<uint8_t> file = model.Build();
  auto header = GgufHeader::Parse(file, file.size());
  INFO(header.error().message);
  REQUIRE(header.ok());
  auto config = ReadModelConfig(*header);
  INFO(config.error().message);
  REQUIRE(config.ok());
  auto map = WeightMap::Make(*header, *config, context);
  return {std::move(*header), *config, std::move(map)};
}

TestTensor* Find(std::vector<TestTensor>* tensors, const std::string& name) {
  const auto found = std::find_if(tensors->begin(), tensors->end(),
                                  [&](const TestTensor& tensor) { return tensor.name == name; });
  REQUIRE(found != tensors->end());
  return &*found;
}

void Remove(std::vector<TestTensor>* tensors, const std::string& name) {
  tensors->erase(tensors->begin() + (Find(tensors, name) - tensors->data()));
}

// The file must be refused with a message that names `name`.
void CheckRefused(const TestModel& model, const std::string& name) {
  const Mapped mapped = Map(model);
  REQUIRE_FALSE(mapped.map.ok());
  INFO(mapped.map.error().message);
  CHECK(mapped.map.error().code == Code::kUnsupportedModel);
  CHECK(mapped.map.error().message.find(name) != std::string::npos);
}

}  // namespace

TEST_CASE("every tensor of a model gets its own aligned place in the image") {
  const Mapped mapped = Map(TestModel{.untied = true});
  REQUIRE(mapped.map.ok());
  CHECK_FALSE(mapped.config.tied_head);
  uint64_t end = 0;
  for (const WeightSlot& slot : mapped.map->slots()) {
    CHECK(slot.kind != WeightSlot::Kind::kIgnored);
    CHECK(slot.image_offset % 64 == 0);
    CHECK(slot.image_offset >= end);
    end = slot.image_offset + (slot.kind == WeightSlot::Kind::kMatrix
                                   ? parley::PackedBytes(slot.stored, slot.rows, slot.columns)
                                   : uint64_t{slot.kept_rows} * slot.columns * sizeof(float));
  }
  CHECK(mapped.map->image_bytes() >= end);
  CHECK(mapped.map->image_bytes() - end < 64);
}

TEST_CASE("positions beyond the context take no memory") {
  const TestModel model;
  const uint64_t whole = Map(model, model.context).map->image_bytes();
  CHECK(Map(model, 16).map->image_bytes() ==
        whole - uint64_t{model.context - 16} * model.width * sizeof(float));
}

TEST_CASE("views point at every weight, and a tied head is the embedding") {
  for (const bool untied : {false, true}) {
    Mapped mapped = Map(TestModel{.untied = untied});
    auto image = parley::Buffer<uint8_t>::Make(mapped.map->image_bytes(), "image");
    const uint8_t* base = image->data();
    auto weights = BindWeights(*mapped.map, mapped.config, std::move(*image));
    REQUIRE(weights.ok());
    std::vector<const void*> places = {
        weights->token_embd.data,
        weights->position_embd,
        weights->output_norm_gain,
        weights->output_norm_bias,
    };
    for (const parley::LayerWeights& layer : weights->layers) {
      for (const parley::PackedMatrix* matrix :
           {&layer.qkv, &layer.attn_out, &layer.mlp_up, &layer.mlp_down}) {
        places.push_back(matrix->data);
      }
      for (const float* floats :
           {layer.attn_norm_gain, layer.attn_norm_bias, layer.qkv_bias, layer.attn_out_bias,
            layer.mlp_norm_gain, layer.mlp_norm_bias, layer.mlp_up_bias, layer.mlp_down_bias}) {
        places.push_back(floats);
      }
      CHECK(layer.qkv.outputs == 3 * 64);
      CHECK(layer.qkv.inputs == 64);
      CHECK(layer.mlp_up.outputs == 256);
      CHECK(layer.mlp_down.inputs == 256);
    }
    if (untied) {
      places.push_back(weights->head.data);
    } else {
      CHECK(weights->head.data == weights->token_embd.data);
    }
    std::sort(places.begin(), places.end());
    CHECK(std::adjacent_find(places.begin(), places.end()) == places.end());
    CHECK(places.front() == base);
    CHECK(places.size() == mapped.map->slots().size());
  }
}

TEST_CASE("G16: a missing tensor is named") {
  for (const TestTensor& tensor : TestModel{.untied = true}.Tensors()) {
    // Without output.weight the head is tied, which is a model too; the norms' gains etc. are not
    // optional.
    if (tensor.name == "output.weight") continue;
    if (tensor.name == "token_embd.weight") continue;  // gives the vocabulary's size: config_test
    TestModel model{.untied = true};
    model.edit = [&](std::vector<TestTensor>* tensors) { Remove(tensors, tensor.name); };
    CheckRefused(model, tensor.name);
  }
}

TEST_CASE("G16: a misshaped tensor is named") {
  for (const TestTensor& tensor : TestModel{}.Tensors()) {
    if (tensor.name == "token_embd.weight") continue;
    TestModel model;
    model.edit = [&](std::vector<TestTensor>* tensors) {
      TestTensor* found = Find(tensors, tensor.name);
      found->shape[0] += 32;
      found->values.resize(found->values.size() +
                           32 * (found->shape.size() > 1 ? found->shape[1] : 1));
    };
    CheckRefused(model, tensor.name);
  }
  SECTION("a vector where a matrix is needed") {
    TestModel model;
    model.edit = [](std::vector<TestTensor>* tensors) {
      TestTensor* found = Find(tensors, "blk.0.attn_output.weight");
      found->shape = {found->shape[0] * found->shape[1]};
    };
    CheckRefused(model, "blk.0.attn_output.weight");
  }
  SECTION("a matrix the other way round") {
    TestModel model;
    model.edit = [](std::vector<TestTensor>* tensors) {
      TestTensor* found = Find(tensors, "blk.1.ffn_up.weight");
      std::swap(found->shape[0], found->shape[1]);
    };
    CheckRefused(model, "blk.1.ffn_up.weight");
  }
}

TEST_CASE("G16: a tensor that GPT-2 has not is named") {
  for (const char* name : {"blk.0.attn_q_norm.weight", "blk.2.ffn_up.weight",
                           "blk.00.ffn_up.weight", "blk.0ffn_up.weight", "blk..ffn_up.weight",
                           "rope_freqs.weight", "blk.99999999999999999999.ffn_up.weight"}) {
    TestModel model;
    model.edit = [&](std::vector<TestTensor>* tensors) {
      tensors->push_back({name, DType::kF32, {32}, std::vector<float>(32)});
    };
    CheckRefused(model, name);
  }
}

TEST_CASE("G16: masks that old converters stored are ignored") {
  TestModel model;
  model.edit = [](std::vector<TestTensor>* tensors) {
    tensors->insert(tensors->begin(),
                    {"blk.0.attn.bias", DType::kF32, {8, 8}, std::vector<float>(64)});
    tensors->push_back({"blk.1.attn.masked_bias", DType::kF32, {1}, std::vector<float>(1)});
  };
  const Mapped mapped = Map(model);
  REQUIRE(mapped.map.ok());
  CHECK(mapped.map->slots().front().kind == WeightSlot::Kind::kIgnored);
  CHECK(mapped.map->slots().back().kind == WeightSlot::Kind::kIgnored);
  CHECK(mapped.map->image_bytes() == Map(TestModel{}).map->image_bytes());
}

TEST_CASE("G16: rows that are no multiple of 32 are refused by name") {
  CheckRefused(TestModel{.width = 48, .matrices = DType::kF32, .embedding = DType::kF32},
               "token_embd.weight");
}

TEST_CASE("the note says what becomes of types that are not run as they are") {
  CHECK(Map(TestModel{}).map->note().empty());
  CHECK(Map(TestModel{.matrices = DType::kQ4_0}).map->note().empty());
  CHECK(Map(TestModel{.matrices = DType::kF16}).map->note() == "F16 becomes Q8_0");
  CHECK(Map(TestModel{.matrices = DType::kF16, .embedding = DType::kF32}).map->note() ==
        "F32 becomes Q8_0, F16 becomes Q8_0");
}
