// Reads golden files with the JSON library and walks through them.
#include "golden.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>
#include <iterator>
#include <limits>
#include <nlohmann/json.hpp>

namespace parley {
namespace {

using nlohmann::json;

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// The f32 tensor `name` of a safetensors file.
std::vector<float> ReadTensor(const std::string& file, const std::string& name) {
  uint64_t header_bytes = 0;
  std::memcpy(&header_bytes, file.data(), 8);
  const json header = json::parse(file.substr(8, header_bytes));
  const size_t begin = header.at(name).at("data_offsets").at(0);
  const size_t end = header.at(name).at("data_offsets").at(1);
  std::vector<float> values((end - begin) / sizeof(float));
  std::memcpy(values.data(), file.data() + 8 + header_bytes + begin, end - begin);
  return values;
}

double LogSumExp(std::span<const float> logits) {
  const double greatest = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (float logit : logits) sum += std::exp(logit - greatest);
  return greatest + std::log(sum);
}

class Comparison {
 public:
  Comparison(LanguageModel& model, const Tokenizer& tokenizer, double tolerance,
             GoldenReport* report)
      : model_(model), tokenizer_(tokenizer), tolerance_(tolerance), report_(report) {}

  void Prompt(const json& golden, const std::vector<float>& last_logits) {
    text_ = golden.at("prompt");
    const std::vector<int32_t> prompt_ids = golden.at("prompt_ids");
    const std::vector<int32_t> greedy_ids = golden.at("greedy_ids");
    ++report_->prompts;
    std::vector<int32_t> ids;
    if (!tokenizer_.Encode(text_, true, &ids).ok() || ids != prompt_ids) Fail("other prompt ids");
    const auto text = tokenizer_.Decode(greedy_ids, true);
    if (!text.ok() || *text != golden.at("greedy_text").get<std::string>())
      Fail("another decoded text");

    // All tokens but the last, at once: row i predicts token i + 1.
    const std::span<const int32_t> given(greedy_ids.data(), greedy_ids.size() - 1);
    const size_t vocab_size = model_.config().vocab_size;
    std::vector<float> logits(given.size() * vocab_size);
    model_.Truncate(0);
    if (const Status status = model_.Forward(given, LogitsOf::kAll, logits); !status.ok()) {
      Fail(status.error().message);
      return;
    }
    const auto row = [&](size_t i) {
      return std::span<const float>(logits).subspan(i * vocab_size, vocab_size);
    };
    for (size_t i = 0; i < prompt_ids.size(); ++i) Row(golden.at("rows").at(i), row(i));
    const std::span<const float> last = row(prompt_ids.size() - 1);
    for (size_t id = 0; id < vocab_size; ++id) Logit(last[id], last_logits.at(id));
    for (size_t i = prompt_ids.size() - 1; i < given.size(); ++i) {
      const auto best = std::max_element(row(i).begin(), row(i).end()) - row(i).begin();
      ++report_->greedy_tokens;
      if (best != greedy_ids[i + 1]) {
        Fail("token " + std::to_string(i + 1) + " is " + std::to_string(best) + ", not " +
             std::to_string(greedy_ids[i + 1]));
      }
    }
  }

 private:
  void Row(const json& golden, std::span<const float> logits) {
    ++report_->positions;
    for (const json& entry : golden.at("top")) {
      Logit(logits[entry.at(0).get<size_t>()], entry.at(1));
    }
    Logit(LogSumExp(logits), golden.at("logsumexp"));
  }
  void Logit(double value, double expected) {
    const double error = std::abs(value - expected);
    report_->worst_logit_error = std::max(report_->worst_logit_error, error);
    if (!(error <= tolerance_)) {
      Fail("a logit is " + std::to_string(value) + ", not " + std::to_string(expected));
    }
  }
  void Fail(const std::string& what) { report_->failures.push_back("'" + text_ + "': " + what); }

  LanguageModel& model_;
  const Tokenizer& tokenizer_;
  double tolerance_;
  GoldenReport* report_;
  std::string text_;
};

}  // namespace

GoldenReport CompareWithGolden(LanguageModel& model, const Tokenizer& tokenizer,
                               const std::string& golden_json, const std::string& last_logits,
                               double tolerance) {
  const json golden = json::parse(ReadFile(golden_json));
  const std::string logits = ReadFile(last_logits);
  GoldenReport report;
  Comparison comparison(model, tokenizer, tolerance, &report);
  for (size_t i = 0; i < golden.at("prompts").size(); ++i) {
    comparison.Prompt(golden.at("prompts").at(i), ReadTensor(logits, std::to_string(i)));
  }
  return report;
}

AttentionPair GoldenAttention(LanguageModel& model, const std::string& golden_json,
                              const std::string& weights) {
  const json golden = json::parse(ReadFile(golden_json));
  const std::string file = ReadFile(weights);
  const ModelConfig& config = model.config();
  AttentionPair pair;
  for (size_t i = 0; i < golden.at("prompts").size(); ++i) {
    const std::vector<int32_t> ids = golden.at("prompts").at(i).at("prompt_ids");
    const std::span<const int32_t> before(ids.data(), ids.size() - 1);
    std::vector<float> shown(size_t{config.n_layers} * config.n_heads * ids.size());
    model.Truncate(0);
    if (!before.empty() && !model.Forward(before, LogitsOf::kNone, {}).ok()) return {};
    if (!model.ForwardTraced(ids.back(), {shown, {}}).ok()) return {};
    const std::vector<float> expected = ReadTensor(file, std::to_string(i));
    pair.model.insert(pair.model.end(), shown.begin(), shown.end());
    pair.golden.insert(pair.golden.end(), expected.begin(), expected.end());
  }
  return pair;
}

double LargestDifference(std::span<const float> a, std::span<const float> b) {
  if (a.size() != b.size()) return std::numeric_limits<double>::infinity();
  double largest = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    largest = std::max(largest, std::abs(double{a[i]} - double{b[i]}));
  }
  return largest;
}

}  // namespace parley
