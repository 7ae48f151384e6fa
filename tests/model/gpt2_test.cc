#include "model/gpt2.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "base/buffer.h"
#include "kernels/kernels.h"
#include "model/forward.h"

using parley::Code;
using parley::DType;
using parley::LogitsOf;
using parley::test::AllLogits;
using parley::test::CheckSameLogitsHoweverComputed;
using parley::test::CheckTracedPass;
using parley::test::LargestError;
using parley::test::Load;
using parley::test::SameBits;
using parley::test::TensorValues;
using parley::test::TestModel;
using parley::test::TestTensor;
using parley::test::ThreadCounts;
using parley::test::Tokens;

namespace {

// GPT-2 as its papers have it, in double, on the weights as given: no cache, no batches, no
// quantized activations.
class Gpt2Oracle {
 public:
  Gpt2Oracle(const TestModel& model, const std::vector<TestTensor>& tensors)
      : model_(model), tensors_(tensors) {}

  std::vector<std::vector<double>> Logits(std::span<const int32_t> tokens) const {
    const size_t width = model_.width;
    std::vector<std::vector<double>> x(tokens.size(), std::vector<double>(width));
    for (size_t t = 0; t < tokens.size(); ++t) {
      for (size_t i = 0; i < width; ++i) {
        x[t][i] = At("token_embd.weight", static_cast<size_t>(tokens[t]) * width + i) +
                  At("position_embd.weight", t * width + i);
      }
    }
    for (uint32_t layer = 0; layer < model_.n_layers; ++layer) {
      const std::string p = "blk." + std::to_string(layer) + ".";
      std::vector<std::vector<double>> qkv;
      for (const auto& row : x) qkv.push_back(Linear(p + "attn_qkv", Norm(p + "attn_norm", row)));
      for (size_t t = 0; t < x.size(); ++t) Add(&x[t], Linear(p + "attn_output", Attend(qkv, t)));
      for (auto& row : x) {
        std::vector<double> h = Linear(p + "ffn_up", Norm(p + "ffn_norm", row));
        for (double& v : h) {
          v = 0.5 * v * (1 + std::tanh(std::sqrt(2 / M_PI) * (v + 0.044715 * v * v * v)));
        }
        Add(&row, Linear(p + "ffn_down", h));
      }
    }
    std::vector<std::vector<double>> logits;
    for (const auto& row : x) {
      const std::vector<double> h = Norm("output_norm", row);
      const char* head = model_.untied ? "output.weight" : "token_embd.weight";
      std::vector<double> out(model_.vocab);
      for (size_t v = 0; v < out.size(); ++v) {
        for (size_t i = 0; i < width; ++i) out[v] += h[i] * At(head, v * width + i);
      }
      logits.push_back(out);
    }
    return logits;
  }

 private:
  double At(const std::string& name, size_t index) const {
    return static_cast<double>(tensors_[name][index]);
  }

  std::vector<double> Norm(const std::string& name, const std::vector<double>& x) const {
    double mean = 0, variance = 0;
    for (const double v : x) mean += v / static_cast<double>(x.size());
    for (const double v : x) variance += (v - mean) * (v - mean) / static_cast<double>(x.size());
    std::vector<double> y(x.size());
    for (size_t i = 0; i < x.size(); ++i) {
      y[i] = (x[i] - mean) / std::sqrt(variance + 1e-5) * At(name + ".weight", i) +
             At(name + ".bias", i);
    }
    return y;
  }
  std::vector<double> Linear(const std::string& name, const std::vector<double>& x) const {
    const std::vector<float>& weight = tensors_[name + ".weight"];
    const std::vector<float>& bias = tensors_[name + ".bias"];
    std::vector<double> y(bias.begin(), bias.end());
    for (size_t o = 0; o < y.size(); ++o) {
      for (size_t i = 0; i < x.size(); ++i)
        y[o] += static_cast<double>(weight[o * x.size() + i]) * x[i];
    }
    return y;
  }
  std::vector<double> Attend(const std::vector<std::vector<double>>& qkv, size_t t) const {
    const size_t width = model_.width, head_size = width / model_.n_heads;
    std::vector<double> out(width);
    for (size_t head = 0; head < width; head += head_size) {
      std::vector<double> weight(t + 1);
      double sum = 0;
      for (size_t r = 0; r <= t; ++r) {
        double dot = 0;
        for (size_t i = head; i < head + head_size; ++i) dot += qkv[t][i] * qkv[r][width + i];
        sum += weight[r] = std::exp(dot / std::sqrt(static_cast<double>(head_size)));
      }
      for (size_t r = 0; r <= t; ++r) {
        for (size_t i = head; i < head + head_size; ++i)
          out[i] += weight[r] / sum * qkv[r][2 * width + i];
      }
    }
    return out;
  }
  static void Add(std::vector<double>* x, const std::vector<double>& y) {
    for (size_t i = 0; i < x->size(); ++i) (*x)[i] += y[i];
  }

  const TestModel& model_;
  TensorValues tensors_;
};

}  // namespace

// What the kernels add is the rounding of weights and activations to 8 bits: per value at most half
// a step of amax/127, on average 1/sqrt(12) steps, which with amax near 2 standard deviations
// (uniform noise, normalised rows) is 0.5% of a value's own deviation. A logit has 2 * 4 + 1
// matrices behind it, each rounding two operands: sqrt(18) * 0.5% = 2% of the logits' deviation.
// Four times that for the largest of thousands; a wrong formula is off by the deviation itself.
TEST_CASE("logits are those of the papers' formulas within the rounding to 8 bits") {
  for (const bool untied : {false, true}) {
    const TestModel model{.untied = untied, .seed = 7};
    std::vector<TestTensor> tensors;
    const auto engine = Load(model.Build(&tensors));
    const std::vector<int32_t> tokens = Tokens(40, model.vocab);
    const std::vector<float> logits = AllLogits(engine->model.get(), tokens, tokens.size());
    const auto expected = Gpt2Oracle(model, tensors).Logits(tokens);
    CHECK(LargestError(logits, expected) < 0.08);
  }
}

TEST_CASE("a row's logits do not depend on kernels, threads or how the tokens were split") {
  for (const DType type : {DType::kQ8_0, DType::kQ4_0}) {
    CheckSameLogitsHoweverComputed({.n_layers = 3, .n_heads = 2, .context = 160, .matrices = type});
  }
}

TEST_CASE("a pass that is looked at computes what any other does") {
  CheckTracedPass({.n_layers = 3, .untied = true});
}

TEST_CASE("the logits of the last row are the last of all") {
  const TestModel model;
  const auto engine = Load(model.Build());
  const std::vector<int32_t> tokens = Tokens(70, model.vocab);
  const std::vector<float> all = AllLogits(engine->model.get(), tokens, tokens.size());
  engine->model->Truncate(0);
  std::vector<float> last(model.vocab);
  REQUIRE(engine->model->Forward(tokens, LogitsOf::kLast, last).ok());
  CHECK(SameBits(last, std::span(all).last(model.vocab)));
}

TEST_CASE("tokens without logits fill the cache just the same") {
  const TestModel model;
  const auto engine = Load(model.Build());
  const std::vector<int32_t> tokens = Tokens(30, model.vocab);
  const std::vector<float> all = AllLogits(engine->model.get(), tokens, tokens.size());
  engine->model->Truncate(0);
  REQUIRE(engine->model->Forward(std::span(tokens).first(29), LogitsOf::kNone, {}).ok());
  CHECK(engine->model->length() == 29);
  std::vector<float> last(model.vocab);
  REQUIRE(engine->model->Forward(std::span(tokens).last(1), LogitsOf::kLast, last).ok());
  CHECK(SameBits(last, std::span(all).last(model.vocab)));
}

TEST_CASE("after Truncate the forgotten tokens have no influence") {
  const TestModel model;
  const auto engine = Load(model.Build());
  const std::vector<int32_t> tokens = Tokens(40, model.vocab);
  const std::vector<float> expected = AllLogits(engine->model.get(), tokens, tokens.size());
  for (const size_t keep : {0, 1, 3, 4, 13, 39}) {
    std::vector<int32_t> detour(tokens.begin(), tokens.begin() + static_cast<ptrdiff_t>(keep));
    for (size_t i = keep; i < 60; ++i)
      detour.push_back(static_cast<int32_t>((i * 5 + 1) % model.vocab));
    AllLogits(engine->model.get(), detour, detour.size());
    engine->model->Truncate(static_cast<uint32_t>(keep));
    CHECK(engine->model->length() == keep);
    const size_t count = tokens.size() - keep;
    std::vector<float> logits(count * model.vocab);
    REQUIRE(engine->model->Forward(std::span(tokens).subspan(keep), LogitsOf::kAll, logits).ok());
    CHECK(SameBits(logits, std::span(expected).last(count * model.vocab)));
  }
}

TEST_CASE("I1: the context can be filled to its last position and not beyond") {
  const TestModel model;
  const auto engine = Load(model.Build(), {.context = 33});
  CHECK(engine->model->context() == 33);
  std::vector<float> logits(model.vocab);
  const std::vector<int32_t> tokens = Tokens(34, model.vocab);
  const auto too_many = engine->model->Forward(tokens, LogitsOf::kLast, logits);
  CHECK(too_many.error().code == Code::kBadArg);
  CHECK(engine->model->length() == 0);
  CHECK(engine->model->Forward(std::span(tokens).first(33), LogitsOf::kLast, logits).ok());
  CHECK(engine->model->length() == 33);
  const auto one_more = engine->model->Forward(std::span(tokens).first(1), LogitsOf::kLast, logits);
  CHECK(one_more.error().code == Code::kBadArg);
  CHECK(engine->model->length() == 33);
}

TEST_CASE("I2: ids outside the vocabulary and wrong sizes change nothing") {
  const TestModel model;
  const auto engine = Load(model.Build());
  std::vector<float> logits(model.vocab);
  const int32_t vocab = static_cast<int32_t>(model.vocab);
  for (const int32_t id :
       {-1, vocab, std::numeric_limits<int32_t>::min(), std::numeric_limits<int32_t>::max()}) {
    const std::vector<int32_t> tokens = {1, id};
    CHECK(engine->model->Forward(tokens, LogitsOf::kLast, logits).error().code == Code::kBadArg);
  }
  const std::vector<int32_t> tokens = {1, 2};
  CHECK(engine->model->Forward({}, LogitsOf::kNone, {}).error().code == Code::kBadArg);
  CHECK(engine->model->Forward(tokens, LogitsOf::kLast, {}).error().code == Code::kBadArg);
  CHECK(engine->model->Forward(tokens, LogitsOf::kNone, logits).error().code == Code::kBadArg);
  CHECK(engine->model->Forward(tokens, LogitsOf::kAll, logits).error().code == Code::kBadArg);
  CHECK(engine->model->length() == 0);
}

TEST_CASE("G16: vocabulary rows beyond the tokenizer are masked and are no fault") {
  TestModel model{.vocab = 290, .n_tokens = 283, .unused_tail = 2};
  const auto engine = Load(model.Build());
  const std::vector<float> logits = AllLogits(engine->model.get(), Tokens(5, 280), 5);
  for (size_t row = 0; row < 5; ++row) {
    for (size_t id = 0; id < 290; ++id) {
      const float logit = logits[row * 290 + id];
      if (id < 281) {
        CHECK(std::isfinite(logit));
      } else {
        CHECK(logit == -std::numeric_limits<float>::infinity());
      }
    }
  }
}

// Finite weights, all of them, that overflow on the way.
TEST_CASE("I3: a poisoned model gives NONFINITE and keeps what was there") {
  // Two values of 3e38 in one sum, or one of them squared, are beyond f32.
  const auto poison = [](const std::string& name, size_t index) {
    TestModel model;
    model.edit = [=](std::vector<TestTensor>* tensors) {
      for (TestTensor& tensor : *tensors) {
        if (tensor.name == name) tensor.values[index] = tensor.values[index + 1] = 3e38f;
      }
    };
    return model;
  };
  std::vector<float> logits(283);
  const std::vector<int32_t> safe = {1, 2, 3};
  for (const uint32_t threads : ThreadCounts()) {
    SECTION("everywhere, with " + std::to_string(threads) + " threads") {
      for (const char* name :
           {"blk.0.attn_norm.weight", "blk.1.attn_norm.bias", "blk.0.ffn_down.bias",
            "blk.1.attn_qkv.bias", "output_norm.weight"}) {
        INFO(name);
        const auto engine = Load(poison(name, 3).Build(), {.threads = threads});
        const auto status = engine->model->Forward(safe, LogitsOf::kLast, logits);
        CHECK(status.error().code == Code::kNonfinite);
        CHECK(engine->model->length() == 0);
      }
    }
    SECTION("at one position only, with " + std::to_string(threads) + " threads") {
      const auto engine =
          Load(poison("position_embd.weight", 5 * 64).Build(), {.threads = threads});
      std::vector<float> before(283), after(283);
      REQUIRE(engine->model->Forward(safe, LogitsOf::kLast, before).ok());
      for (const LogitsOf which : {LogitsOf::kLast, LogitsOf::kNone}) {
        const std::vector<int32_t> more = {4, 5, 6, 7};
        const auto room = which == LogitsOf::kNone ? std::span<float>() : std::span<float>(logits);
        CHECK(engine->model->Forward(more, which, room).error().code == Code::kNonfinite);
        CHECK(engine->model->length() == 3);
      }
      engine->model->Truncate(2);
      REQUIRE(engine->model->Forward(std::span(safe).last(1), LogitsOf::kLast, after).ok());
      CHECK(SameBits(before, after));
    }
  }
}

TEST_CASE("Forward allocates nothing") {
  const TestModel model;
  const auto engine = Load(model.Build());
  const std::vector<int32_t> tokens = Tokens(70, model.vocab);
  std::vector<float> logits(model.vocab);
  const uint64_t before = parley::GetAllocationCounts().allocations;
  REQUIRE(engine->model->Forward(tokens, LogitsOf::kLast, logits).ok());
  for (int i = 0; i < 20; ++i) {
    REQUIRE(engine->model->Forward(std::span(tokens).first(1), LogitsOf::kLast, logits).ok());
  }
  CHECK(parley::GetAllocationCounts().allocations == before);
}
