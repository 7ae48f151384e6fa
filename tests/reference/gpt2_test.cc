// The reference's forward pass against loops in double written here from the papers' formulas, over
// small models of noise; GGUF and safetensors; its errors.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>
#include <cmath>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "formats/gguf_source.h"
#include "reference/model.h"
#include "support/test_model.h"

namespace parley::reference {
namespace {

using Catch::Matchers::WithinAbs;
using test::TestModel;
using test::TestTensor;

TestModel SmallModel(bool untied) {
  TestModel model;
  model.matrices = model.embedding = DType::kF32;
  model.untied = untied;
  return model;
}

std::unique_ptr<Model> MustLoad(const std::vector<uint8_t>& file, uint32_t context = 0,
                                uint32_t usable_ids = 0) {
  MemorySource source(file);
  const auto header = ReadGgufHeader(&source);
  REQUIRE(header.ok());
  const auto config = ReadModelConfig(*header);
  REQUIRE(config.ok());
  auto weights = ReadGgufWeights(source, *header, *config);
  INFO(weights.error().message);
  REQUIRE(weights.ok());
  auto model = Model::Make(*config, std::move(*weights), context, usable_ids);
  REQUIRE(model.ok());
  return std::move(*model);
}

// GPT-2 in double, one token after the other, straight from the formulas.
class Oracle {
 public:
  Oracle(const TestModel& shape, const std::vector<TestTensor>& tensors) : shape_(shape) {
    for (const TestTensor& tensor : tensors) {
      values_[tensor.name].assign(tensor.values.begin(), tensor.values.end());
    }
  }

  using Vector = std::vector<double>;
  // Logits after each of `tokens`.
  std::vector<Vector> Run(const std::vector<int32_t>& tokens) const {
    const size_t width = shape_.width;
    const size_t head_size = width / shape_.n_heads;
    std::vector<std::vector<Vector>> keys(shape_.n_layers), values(shape_.n_layers);
    std::vector<Vector> all;
    for (size_t position = 0; position < tokens.size(); ++position) {
      Vector x(width);
      for (size_t i = 0; i < width; ++i) {
        x[i] = At("token_embd.weight", static_cast<size_t>(tokens[position]) * width + i) +
               At("position_embd.weight", position * width + i);
      }
      for (uint32_t l = 0; l < shape_.n_layers; ++l) {
        const std::string prefix = "blk." + std::to_string(l) + ".";
        const Vector qkv = Linear(prefix + "attn_qkv", Norm(prefix + "attn_norm", x));
        keys[l].emplace_back(qkv.begin() + static_cast<ptrdiff_t>(width),
                             qkv.begin() + static_cast<ptrdiff_t>(2 * width));
        values[l].emplace_back(qkv.begin() + static_cast<ptrdiff_t>(2 * width), qkv.end());
        Vector attended(width);
        for (size_t begin = 0; begin < width; begin += head_size) {
          Vector weights(position + 1);
          double sum = 0;
          for (size_t t = 0; t <= position; ++t) {
            double dot = 0;
            for (size_t i = begin; i < begin + head_size; ++i) dot += qkv[i] * keys[l][t][i];
            sum += weights[t] = std::exp(dot / std::sqrt(static_cast<double>(head_size)));
          }
          for (size_t t = 0; t <= position; ++t) {
            for (size_t i = begin; i < begin + head_size; ++i) {
              attended[i] += weights[t] / sum * values[l][t][i];
            }
          }
        }
        Add(&x, Linear(prefix + "attn_output", attended));
        Vector hidden = Linear(prefix + "ffn_up", Norm(prefix + "ffn_norm", x));
        for (double& h : hidden) {
          h = 0.5 * h *
              (1 + std::tanh(std::sqrt(2 / std::acos(-1.0)) * (h + 0.044715 * h * h * h)));
        }
        Add(&x, Linear(prefix + "ffn_down", hidden));
      }
      const Vector out = Norm("output_norm", x);
      const std::string head = shape_.untied ? "output.weight" : "token_embd.weight";
      Vector logits(shape_.vocab);
      for (size_t id = 0; id < logits.size(); ++id) {
        for (size_t i = 0; i < width; ++i) logits[id] += At(head, id * width + i) * out[i];
      }
      all.push_back(std::move(logits));
    }
    return all;
  }

 private:
  double At(const std::string& name, size_t i) const { return values_.at(name)[i]; }
  static void Add(Vector* x, const Vector& y) {
    for (size_t i = 0; i < y.size(); ++i) (*x)[i] += y[i];
  }
  Vector Norm(const std::string& name, const Vector& x) const {
    double mean = 0, variance = 0;
    for (double value : x) mean += value / static_cast<double>(x.size());
    for (double value : x)
      variance += (value - mean) * (value - mean) / static_cast<double>(x.size());
    Vector y(x.size());
    for (size_t i = 0; i < x.size(); ++i) {
      y[i] = (x[i] - mean) / std::sqrt(variance + 1e-5) * At(name + ".weight", i) +
             At(name + ".bias", i);
    }
    return y;
  }
  Vector Linear(const std::string& name, const Vector& x) const {
    Vector y(values_.at(name + ".bias"));
    for (size_t o = 0; o < y.size(); ++o) {
      for (size_t i = 0; i < x.size(); ++i) y[o] += At(name + ".weight", o * x.size() + i) * x[i];
    }
    return y;
  }

  TestModel shape_;
  std::map<std::string, Vector> values_;
};

std::vector<int32_t> SomeTokens(size_t count, uint32_t vocab) {
  std::vector<int32_t> tokens;
  for (size_t i = 0; i < count; ++i) tokens.push_back(static_cast<int32_t>(i * 37 % vocab));
  return tokens;
}

TEST_CASE("Logits are those of the formulas") {
  const bool untied = GENERATE(false, true);
  const TestModel shape = SmallModel(untied);
  std::vector<TestTensor> tensors;
  const std::vector<uint8_t> file = shape.Build(&tensors);
  const std::vector<int32_t> tokens = SomeTokens(40, shape.vocab);
  const auto expected = Oracle(shape, tensors).Run(tokens);
  const auto model = MustLoad(file);
  std::vector<float> logits(tokens.size() * shape.vocab);
  REQUIRE(model->Forward(tokens, LogitsOf::kAll, logits).ok());
  for (size_t t = 0; t < tokens.size(); ++t) {
    for (size_t id = 0; id < shape.vocab; ++id) {
      // f32 sums of up to 256 products of size 1 and a few layers: well below 1e-4; a wrong formula
      // is off by 1e-2.
      REQUIRE_THAT(logits[t * shape.vocab + id], WithinAbs(expected[t][id], 1e-4));
    }
  }
}

TEST_CASE("Split calls continue the sequence; Truncate goes back") {
  const TestModel shape = SmallModel(false);
  const auto model = MustLoad(shape.Build());
  const std::vector<int32_t> tokens = SomeTokens(20, shape.vocab);
  const std::span<const int32_t> all(tokens);
  std::vector<float> whole(shape.vocab), split(shape.vocab);
  REQUIRE(model->Forward(all, LogitsOf::kLast, whole).ok());
  model->Truncate(5);
  CHECK(model->length() == 5);
  REQUIRE(model->Forward(all.subspan(5, 8), LogitsOf::kNone, {}).ok());
  REQUIRE(model->Forward(all.subspan(13), LogitsOf::kLast, split).ok());
  CHECK(model->length() == 20);
  for (size_t id = 0; id < shape.vocab; ++id) REQUIRE_THAT(split[id], WithinAbs(whole[id], 1e-4));
}

// The same weights as a safetensors file, with Hugging Face's names and Conv1D's orientation.
std::vector<uint8_t> AsSafetensors(const std::vector<TestTensor>& tensors, bool prefix) {
  const auto replace = [](std::string name, const std::string& from, const std::string& to) {
    if (const size_t at = name.find(from); at != std::string::npos)
      name.replace(at, from.size(), to);
    return name;
  };
  std::string header = "{";
  std::vector<float> data;
  for (const TestTensor& tensor : tensors) {
    std::string name = tensor.name;
    for (const auto& [from, to] : {std::pair<const char*, const char*>{"blk.", "h."},
                                   {"attn_norm", "ln_1"},
                                   {"attn_qkv", "attn.c_attn"},
                                   {"attn_output", "attn.c_proj"},
                                   {"ffn_norm", "ln_2"},
                                   {"ffn_up", "mlp.c_fc"},
                                   {"ffn_down", "mlp.c_proj"},
                                   {"token_embd", "wte"},
                                   {"position_embd", "wpe"},
                                   {"output_norm", "ln_f"}}) {
      name = replace(name, from, to);
    }
    const bool conv = name.find(".c_") != std::string::npos && tensor.shape.size() == 2;
    std::vector<uint64_t> shape = tensor.shape;
    const size_t begin = data.size() * sizeof(float);
    if (conv) {
      std::swap(shape[0], shape[1]);
      for (size_t i = 0; i < shape[0]; ++i) {
        for (size_t o = 0; o < shape[1]; ++o) data.push_back(tensor.values[o * shape[0] + i]);
      }
    } else {
      data.insert(data.end(), tensor.values.begin(), tensor.values.end());
    }
    std::string dims;
    for (uint64_t dim : shape) dims += (dims.empty() ? "" : ",") + std::to_string(dim);
    if (header.size() > 1) header += ',';
    header += "\"" + std::string(prefix ? "transformer." : "") + name +
              "\":{\"dtype\":\"F32\",\"shape\":[" + dims + "],\"data_offsets\":[" +
              std::to_string(begin) + "," + std::to_string(data.size() * sizeof(float)) + "]}";
  }
  header += "}";
  std::vector<uint8_t> file(8 + header.size() + data.size() * sizeof(float));
  const uint64_t size = header.size();
  std::memcpy(file.data(), &size, 8);
  std::memcpy(file.data() + 8, header.data(), header.size());
  std::memcpy(file.data() + 8 + header.size(), data.data(), data.size() * sizeof(float));
  return file;
}

TEST_CASE("A checkpoint in safetensors gives the logits of the same weights in GGUF, bit for bit") {
  const bool prefix = GENERATE(false, true);
  const TestModel shape = SmallModel(false);
  std::vector<TestTensor> tensors;
  const std::vector<uint8_t> gguf = shape.Build(&tensors);
  const auto expected_model = MustLoad(gguf);
  const std::vector<uint8_t> file = AsSafetensors(tensors, prefix);
  MemorySource source(file);
  ByteSource* const shards[] = {&source};
  auto weights = ReadSafetensorsWeights(shards, expected_model->config());
  INFO(weights.error().message);
  REQUIRE(weights.ok());
  auto model = Model::Make(expected_model->config(), std::move(*weights), 0, 0);
  REQUIRE(model.ok());
  const std::vector<int32_t> tokens = SomeTokens(10, shape.vocab);
  std::vector<float> expected(shape.vocab), logits(shape.vocab);
  REQUIRE(expected_model->Forward(tokens, LogitsOf::kLast, expected).ok());
  REQUIRE((*model)->Forward(tokens, LogitsOf::kLast, logits).ok());
  CHECK(logits == expected);
}

TEST_CASE("A missing or misshaped tensor is UNSUPPORTED_MODEL and named") {
  TestModel shape = SmallModel(false);
  std::vector<TestTensor> tensors;
  const auto config = MustLoad(shape.Build(&tensors))->config();
  const auto code = [&](const std::vector<TestTensor>& changed) {
    const std::vector<uint8_t> file = AsSafetensors(changed, false);
    MemorySource source(file);
    ByteSource* const shards[] = {&source};
    const auto weights = ReadSafetensorsWeights(shards, config);
    REQUIRE_FALSE(weights.ok());
    CHECK(weights.error().message.find("blk.1.ffn_up.weight") != std::string::npos);
    return weights.error().code;
  };
  std::vector<TestTensor> changed = tensors;
  std::erase_if(changed, [](const TestTensor& t) { return t.name == "blk.1.ffn_up.weight"; });
  CHECK(code(changed) == Code::kUnsupportedModel);
  changed = tensors;
  for (TestTensor& tensor : changed) {
    if (tensor.name == "blk.1.ffn_up.weight") std::swap(tensor.shape[0], tensor.shape[1]);
  }
  CHECK(code(changed) == Code::kUnsupportedModel);
}

TEST_CASE("Ids beyond the tokenizer's are masked; bad arguments append nothing") {
  const TestModel shape = SmallModel(false);
  const auto model = MustLoad(shape.Build(), 16, shape.vocab - 3);
  const std::vector<int32_t> tokens = {1, 2, 3};
  std::vector<float> logits(shape.vocab);
  REQUIRE(model->Forward(tokens, LogitsOf::kLast, logits).ok());
  for (size_t id = 0; id < shape.vocab; ++id) {
    CHECK(std::isinf(logits[id]) == (id >= shape.vocab - 3));
  }
  const auto code = [&](const std::vector<int32_t>& ids, size_t room) {
    const Status status = model->Forward(ids, LogitsOf::kLast, std::span(logits).first(room));
    CHECK(model->length() == 3);
    return status.error().code;
  };
  CHECK(code({}, shape.vocab) == Code::kBadArg);
  CHECK(code({-1}, shape.vocab) == Code::kBadArg);
  CHECK(code({static_cast<int32_t>(shape.vocab)}, shape.vocab) == Code::kBadArg);
  CHECK(code(std::vector<int32_t>(14, 1), shape.vocab) == Code::kBadArg);
  CHECK(code({1}, shape.vocab - 1) == Code::kBadArg);
  CHECK(Model::Make(model->config(), Weights(), 97, 0).error().code == Code::kBadArg);
}

TEST_CASE("I3: weights that give no number give NONFINITE, and the tokens are not kept") {
  TestModel shape = SmallModel(false);
  shape.edit = [](std::vector<TestTensor>* tensors) {
    for (TestTensor& tensor : *tensors) {
      if (tensor.name != "position_embd.weight") continue;
      tensor.values[tensor.shape[1] * 2] = std::numeric_limits<float>::quiet_NaN();
    }
  };
  const auto model = MustLoad(shape.Build());
  std::vector<float> logits(shape.vocab);
  const std::vector<int32_t> good = {1, 2}, bad = {3};
  REQUIRE(model->Forward(good, LogitsOf::kLast, logits).ok());
  CHECK(model->Forward(bad, LogitsOf::kLast, logits).error().code == Code::kNonfinite);
  CHECK(model->Forward(bad, LogitsOf::kNone, {}).error().code == Code::kNonfinite);
  CHECK(model->length() == 2);
}

}  // namespace
}  // namespace parley::reference
