// What the tests of both architectures' forward passes share.
#pragma once

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "kernels/kernels.h"
#include "support/load_model.h"
#include "support/test_model.h"

namespace parley::test {

inline std::unique_ptr<Engine> Load(const std::vector<uint8_t>& file,
                                    const LoadOptions& options = {}) {
  auto engine = LoadBytes(file, options);
  INFO(engine.error().message);
  REQUIRE(engine.ok());
  return std::move(*engine);
}

inline std::vector<int32_t> Tokens(size_t count, uint32_t below) {
  std::vector<int32_t> ids(count);
  for (size_t i = 0; i < count; ++i) ids[i] = static_cast<int32_t>((i * 37 + 11) % below);
  return ids;
}

// Runs the tokens in pieces of `piece` and returns the logits of every row.
inline std::vector<float> AllLogits(LanguageModel* model, std::span<const int32_t> tokens,
                                    size_t piece) {
  const size_t vocab = model->config().vocab_size;
  std::vector<float> logits(tokens.size() * vocab);
  model->Truncate(0);
  for (size_t at = 0; at < tokens.size(); at += piece) {
    const size_t count = std::min(piece, tokens.size() - at);
    const auto status = model->Forward(tokens.subspan(at, count), LogitsOf::kAll,
                                       std::span(logits).subspan(at * vocab, count * vocab));
    INFO(status.error().message);
    REQUIRE(status.ok());
  }
  return logits;
}

inline bool SameBits(std::span<const float> a, std::span<const float> b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size_bytes()) == 0;
}

// What this build can run with.
inline std::vector<uint32_t> ThreadCounts() {
#ifdef PARLEY_THREADS
  return {1, 2, 3};
#else
  return {1};
#endif
}

// The logits of every kernel table, thread count and split of the tokens are those of the scalar
// table on one thread, all at once.
inline void CheckSameLogitsHoweverComputed(const TestModel& model) {
  const std::vector<uint8_t> file = model.Build();
  const std::vector<int32_t> tokens = Tokens(150, model.vocab);
  const auto reference = Load(file, {.kernels = AllKernels()[0]});
  const std::vector<float> expected = AllLogits(reference->model.get(), tokens, tokens.size());
  for (const KernelTable* kernels : AllKernels()) {
    for (const uint32_t threads : ThreadCounts()) {
      const auto engine = Load(file, {.threads = threads, .kernels = kernels});
      for (const size_t piece : {150, 64, 65, 7, 1}) {
        INFO(kernels->name << ", " << threads << " threads, pieces of " << piece);
        CHECK(SameBits(AllLogits(engine->model.get(), tokens, piece), expected));
      }
    }
  }
}

// What a pass shows is the same bits for every kernel table and number of threads; the cache is
// then as after Forward, weights add up to 1, and the last row of the residual stream gives the
// logits.
inline void CheckTracedPass(const TestModel& model) {
  const std::vector<uint8_t> file = model.Build();
  const std::vector<int32_t> tokens = Tokens(70, model.vocab);
  const std::span<const int32_t> before = std::span(tokens).first(41);
  const size_t attention_size = size_t{model.n_layers} * model.n_heads * 42;
  std::vector<float> attention(attention_size), residual((model.n_layers + 1) * model.width);
  const auto reference = Load(file, {.kernels = AllKernels()[0]});
  const std::vector<float> expected = AllLogits(reference->model.get(), tokens, tokens.size());
  const auto row = [&](size_t i) {
    return std::span(expected).subspan(i * model.vocab, model.vocab);
  };
  bool first = true;
  for (const KernelTable* kernels : AllKernels()) {
    for (const uint32_t threads : ThreadCounts()) {
      INFO(kernels->name << ", " << threads << " threads");
      const auto engine = Load(file, {.threads = threads, .kernels = kernels});
      REQUIRE(engine->model->Forward(before, LogitsOf::kNone, {}).ok());
      std::vector<float> shown(attention_size), stream(residual.size()), logits(model.vocab);
      REQUIRE(engine->model->ForwardTraced(tokens[41], {shown, stream}).ok());
      CHECK(engine->model->length() == 42);
      if (first) {
        attention = shown;
        residual = stream;
      }
      first = false;
      CHECK(SameBits(shown, attention));
      CHECK(SameBits(stream, residual));
      REQUIRE(engine->model->Unembed(std::span(stream).last(model.width), logits).ok());
      CHECK(SameBits(logits, row(41)));
      REQUIRE(engine->model->Forward({&tokens[42], 1}, LogitsOf::kLast, logits).ok());
      CHECK(SameBits(logits, row(42)));
    }
  }
  for (size_t head = 0; head < attention_size; head += 42) {
    double sum = 0;
    for (size_t i = 0; i < 42; ++i) sum += static_cast<double>(attention[head + i]);
    CHECK(std::abs(sum - 1) < 1e-5);  // 42 roundings of numbers below 1, in f32
  }
  LanguageModel& any = *reference->model;
  any.Truncate(41);
  CHECK(any.ForwardTraced(tokens[41], {std::span(attention).first(41), {}}).error().code ==
        Code::kBadArg);
  CHECK(any.ForwardTraced(-1, {}).error().code == Code::kBadArg);
  CHECK(any.Unembed(residual, {}).error().code == Code::kBadArg);
  CHECK(any.length() == 41);
  CHECK(any.ForwardTraced(tokens[41], {}).ok());
}

// How far logits are from exact ones: the largest difference in units of the exact ones' deviation.
// exact: by token, [vocab]
inline double LargestError(std::span<const float> logits,
                           const std::vector<std::vector<double>>& exact) {
  double squares = 0;
  double largest = 0;
  const float* logit = logits.data();
  for (const std::vector<double>& row : exact) {
    for (const double value : row) {
      squares += value * value;
      largest = std::max(largest, std::abs(value - static_cast<double>(*logit++)));
    }
  }
  return largest / std::sqrt(squares / static_cast<double>(logits.size()));
}

// A model's tensors by name, for oracles.
class TensorValues {
 public:
  explicit TensorValues(const std::vector<TestTensor>& tensors) : tensors_(tensors) {}
  const std::vector<float>& operator[](const std::string& name) const { return Find(name)->values; }
  bool has(const std::string& name) const { return Find(name) != tensors_.end(); }

 private:
  std::vector<TestTensor>::const_iterator Find(const std::string& name) const {
    return std::find_if(tensors_.begin(), tensors_.end(),
                        [&](const TestTensor& t) { return t.name == name; });
  }
  const std::vector<TestTensor>& tensors_;
};

}  // namespace parley::test
