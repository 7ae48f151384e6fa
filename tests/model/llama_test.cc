#include "model/llama.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <string>
#include <vector>

#include "base/buffer.h"
#include "model/forward.h"

using parley::Code;
using parley::DType;
using parley::LogitsOf;
using parley::test::AllLogits;
using parley::test::CheckSameLogitsHoweverComputed;
using parley::test::CheckTracedPass;
using parley::test::LargestError;
using parley::test::Load;
using parley::test::LoadBytes;
using parley::test::SameBits;
using parley::test::TensorValues;
using parley::test::TestModel;
using parley::test::TestTensor;
using parley::test::ThreadCounts;
using parley::test::Tokens;

namespace {

// Two query heads for each head of keys and values, as many as threads can divide badly.
TestModel Small() {
  return {.n_layers = 2, .width = 96, .n_heads = 6, .n_kv_heads = 3, .architecture = "llama"};
}

// Pairs turn more slowly than the plain formula has them, each by another factor.
void Stretch(std::vector<TestTensor>* tensors) {
  std::vector<float> factors;
  for (int i = 0; i < 8; ++i) factors.push_back(1 + 2 * static_cast<float>(i));
  tensors->push_back({"rope_freqs.weight", DType::kF32, {factors.size()}, factors});
}

// Llama as its papers have it, in double, on the weights as given: no cache, no batches, no
// quantized activations.
class LlamaOracle {
 public:
  using Vector = std::vector<double>;
  LlamaOracle(const TestModel& model, const std::vector<TestTensor>& tensors)
      : model_(model), tensors_(tensors) {}

  std::vector<Vector> Logits(std::span<const int32_t> tokens) const {
    const size_t width = model_.width;
    std::vector<Vector> x;
    for (const int32_t token : tokens) {
      const auto row =
          tensors_["token_embd.weight"].begin() + token * static_cast<ptrdiff_t>(width);
      x.emplace_back(row, row + static_cast<ptrdiff_t>(width));
    }
    for (uint32_t layer = 0; layer < model_.n_layers; ++layer) {
      const std::string p = "blk." + std::to_string(layer) + ".";
      std::vector<Vector> q, k, v;
      for (size_t t = 0; t < x.size(); ++t) {
        const Vector h = Norm(p + "attn_norm", x[t]);
        q.push_back(Rotated(Linear(p + "attn_q", h), t));
        k.push_back(Rotated(Linear(p + "attn_k", h), t));
        v.push_back(Linear(p + "attn_v", h));
      }
      for (size_t t = 0; t < x.size(); ++t) {
        Add(&x[t], Linear(p + "attn_output", Attend(q[t], k, v, t)));
        const Vector h = Norm(p + "ffn_norm", x[t]);
        const Vector gate = Linear(p + "ffn_gate", h);
        Vector up = Linear(p + "ffn_up", h);
        for (size_t i = 0; i < up.size(); ++i) up[i] *= gate[i] / (1 + std::exp(-gate[i]));
        Add(&x[t], Linear(p + "ffn_down", up));
      }
    }
    std::vector<Vector> logits;
    for (const Vector& row : x) {
      logits.push_back(Linear(model_.untied ? "output" : "token_embd", Norm("output_norm", row)));
    }
    return logits;
  }

 private:
  Vector Norm(const std::string& name, const Vector& x) const {
    double squares = 0;
    for (const double v : x) squares += v * v;
    const double scale = 1 / std::sqrt(squares / static_cast<double>(x.size()) + 1e-5);
    Vector y;
    for (size_t i = 0; i < x.size(); ++i) {
      y.push_back(x[i] * scale * static_cast<double>(tensors_[name + ".weight"][i]));
    }
    return y;
  }
  Vector Linear(const std::string& name, const Vector& x) const {
    const std::vector<float>& weight = tensors_[name + ".weight"];
    Vector y(weight.size() / x.size());
    for (size_t o = 0; o < y.size(); ++o) {
      for (size_t i = 0; i < x.size(); ++i)
        y[o] += static_cast<double>(weight[o * x.size() + i]) * x[i];
    }
    return y;
  }
  Vector Rotated(Vector x, size_t position) const {
    const size_t head_size = model_.width / model_.n_heads;
    const bool stretched = tensors_.has("rope_freqs.weight");
    for (size_t i = 0; i < x.size(); i += 2) {
      const size_t in_head = i % head_size;
      const double factor =
          stretched ? static_cast<double>(tensors_["rope_freqs.weight"][in_head / 2]) : 1;
      const double angle =
          static_cast<double>(position) *
          std::pow(10000.0, -static_cast<double>(in_head) / static_cast<double>(head_size)) /
          factor;
      const double even = x[i], odd = x[i + 1];
      x[i] = even * std::cos(angle) - odd * std::sin(angle);
      x[i + 1] = even * std::sin(angle) + odd * std::cos(angle);
    }
    return x;
  }
  Vector Attend(const Vector& q, const std::vector<Vector>& k, const std::vector<Vector>& v,
                size_t t) const {
    const size_t d = model_.width / model_.n_heads;
    const size_t group = model_.width / model_.kv_width();
    Vector out(model_.width);
    for (size_t head = 0; head < model_.n_heads; ++head) {
      Vector weight(t + 1);
      double sum = 0;
      const auto shared = [&](size_t i) { return head / group * d + i; };
      for (size_t r = 0; r <= t; ++r) {
        double dot = 0;
        for (size_t i = 0; i < d; ++i) dot += q[head * d + i] * k[r][shared(i)];
        sum += weight[r] = std::exp(dot / std::sqrt(static_cast<double>(d)));
      }
      for (size_t r = 0; r <= t; ++r) {
        for (size_t i = 0; i < d; ++i) out[head * d + i] += weight[r] / sum * v[r][shared(i)];
      }
    }
    return out;
  }
  static void Add(Vector* x, const Vector& y) {
    for (size_t i = 0; i < x->size(); ++i) (*x)[i] += y[i];
  }

  const TestModel& model_;
  TensorValues tensors_;
};

}  // namespace

// What 8 bits make, in units of (0.5%)^2 of a value's own variance, which is what rounding one
// operand of a matrix adds (gpt2_test.cc); `in` is what the layer's input has already. Attention:
// values and output add 2 each; a score of deviation 1.3 has 1.3^2 times what query and key have, 2
// (in + 2), and is the relative error of a weight: in + 4 + 3.4 (in + 2). The MLP: gate and up
// multiply, 2 (in + 2), and their product's largest values are twice as far out, so that its codes
// add 4: 2 in + 9. From in = 0 this is 11 and 31 in the first layer, 21 on average over the
// residual stream; 103 and 133 with those as input; about 65 in all with the head's: sqrt(65) *
// 0.5% = 4% of the logits' deviation. Five times that for the largest of tens of thousands; a wrong
// formula is off by the deviation itself.
TEST_CASE("llama: logits are those of the papers' formulas within the rounding to 8 bits") {
  for (const bool untied : {false, true}) {
    for (const uint32_t n_kv_heads : {6u, 3u, 1u}) {
      TestModel model = Small();
      model.untied = untied;
      model.n_kv_heads = n_kv_heads;
      model.seed = 7;
      std::vector<TestTensor> tensors;
      const auto engine = Load(model.Build(&tensors));
      const std::vector<int32_t> tokens = Tokens(40, model.vocab);
      const std::vector<float> logits = AllLogits(engine->model.get(), tokens, tokens.size());
      INFO((untied ? "untied, " : "tied, ") << n_kv_heads << " key heads");
      CHECK(LargestError(logits, LlamaOracle(model, tensors).Logits(tokens)) < 0.2);
    }
  }
}

TEST_CASE("llama: rope_freqs.weight divides the angles of every pair, as Llama 3's files have it") {
  TestModel model = Small();
  model.seed = 7;
  model.edit = Stretch;
  std::vector<TestTensor> tensors;
  const auto engine = Load(model.Build(&tensors));
  const std::vector<int32_t> tokens = Tokens(40, model.vocab);
  const std::vector<float> logits = AllLogits(engine->model.get(), tokens, tokens.size());
  CHECK(LargestError(logits, LlamaOracle(model, tensors).Logits(tokens)) < 0.2);
  model.edit = {};
  std::vector<TestTensor> plain;
  static_cast<void>(model.Build(&plain));
  CHECK(LargestError(logits, LlamaOracle(model, plain).Logits(tokens)) > 0.5);  // the test can fail

  model.edit = Stretch;
  model.context = 160;
  CheckSameLogitsHoweverComputed(model);
}

TEST_CASE("llama: a row's logits do not depend on kernels, threads or how the tokens were split") {
  for (const DType type : {DType::kQ8_0, DType::kQ4_0}) {
    TestModel model = Small();
    model.context = 160;
    model.matrices = type;
    CheckSameLogitsHoweverComputed(model);
  }
}

TEST_CASE("llama: a pass that is looked at computes what any other does") {
  CheckTracedPass(Small());
}

TEST_CASE("llama: after Truncate the forgotten tokens have no influence") {
  const TestModel model = Small();
  const auto engine = Load(model.Build());
  const std::vector<int32_t> tokens = Tokens(40, model.vocab);
  const std::vector<float> expected = AllLogits(engine->model.get(), tokens, tokens.size());
  AllLogits(engine->model.get(), Tokens(60, 50), 60);
  engine->model->Truncate(0);
  REQUIRE(engine->model->Forward(std::span(tokens).first(13), LogitsOf::kNone, {}).ok());
  std::vector<float> detour(20 * model.vocab);
  REQUIRE(engine->model->Forward(Tokens(20, 31), LogitsOf::kAll, detour).ok());
  engine->model->Truncate(13);
  std::vector<float> rest(27 * model.vocab);
  REQUIRE(engine->model->Forward(std::span(tokens).last(27), LogitsOf::kAll, rest).ok());
  CHECK(SameBits(rest, std::span(expected).last(27 * model.vocab)));
}

TEST_CASE("I3: a poisoned llama gives NONFINITE and keeps what was there") {
  for (const char* name :
       {"blk.0.attn_norm.weight", "blk.1.ffn_norm.weight", "output_norm.weight"}) {
    INFO(name);
    TestModel model = Small();
    model.edit = [=](std::vector<TestTensor>* tensors) {
      for (TestTensor& tensor : *tensors) {
        if (tensor.name == name) std::fill(tensor.values.begin(), tensor.values.end(), 3e38f);
      }
    };
    const auto engine = Load(model.Build(), {.threads = ThreadCounts().back()});
    std::vector<float> logits(model.vocab);
    const auto status = engine->model->Forward(Tokens(3, 9), LogitsOf::kLast, logits);
    CHECK(status.error().code == Code::kNonfinite);
    CHECK(engine->model->length() == 0);
  }
}

TEST_CASE("llama: Forward allocates nothing") {
  const TestModel model = Small();
  const auto engine = Load(model.Build());
  std::vector<float> logits(model.vocab);
  const uint64_t before = parley::GetAllocationCounts().allocations;
  REQUIRE(engine->model->Forward(Tokens(70, model.vocab), LogitsOf::kLast, logits).ok());
  for (int i = 0; i < 20; ++i) {
    REQUIRE(engine->model->Forward(Tokens(1, 9), LogitsOf::kLast, logits).ok());
  }
  CHECK(parley::GetAllocationCounts().allocations == before);
}

TEST_CASE("the rotary table holds cosine and sine of each position's angles") {
  const parley::ModelConfig config{
      .width = 128, .n_heads = 2, .n_kv_heads = 1, .rope_base = 100000};
  std::vector<float> factors(32);
  for (size_t i = 0; i < factors.size(); ++i) factors[i] = 1 + static_cast<float>(i);
  for (const bool stretched : {false, true}) {
    auto table = parley::RopeTable::Make(config, 300);
    REQUIRE(table.ok());
    REQUIRE(table->Fill(config.rope_base, stretched ? factors.data() : nullptr).ok());
    for (uint32_t position = 0; position < 300; ++position) {
      for (uint32_t i = 0; i < 64; i += 2) {
        const double angle = position * std::pow(100000.0, -static_cast<double>(i) / 64) /
                             (stretched ? 1 + i / 2 : 1);
        // Half a unit of a number up to 1, and what 300 times an angle's own last bits make.
        REQUIRE(std::abs(table->turns(position)[i] - std::cos(angle)) <= 0x1p-24);
        REQUIRE(std::abs(table->turns(position)[i + 1] - std::sin(angle)) <= 0x1p-24);
      }
    }
  }
}

TEST_CASE("G15: a factor of rotary positions that makes no angle is BAD_CONFIG") {
  const parley::ModelConfig config{.width = 8, .n_heads = 1, .n_kv_heads = 1, .rope_base = 10000};
  auto table = parley::RopeTable::Make(config, 8);
  REQUIRE(table.ok());
  for (const float bad : {0.0f, -1.0f, 1e-6f, NAN}) {
    const float factors[] = {bad, 1, 1, 1};
    const auto status = table->Fill(config.rope_base, factors);
    REQUIRE(!status.ok());
    CHECK(status.error().code == Code::kBadConfig);
  }
  for (const float good : {0x1p-17f, 1.0f, 32.0f, 1e6f}) {
    const float factors[] = {good, 1, 1, 1};
    CHECK(table->Fill(config.rope_base, factors).ok());
  }
}
