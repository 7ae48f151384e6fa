// `parley eval`: how well a model predicts a text, alone or measured against another model of the
// same vocabulary.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include "base/buffer.h"
#include "base/json_writer.h"
#include "base/math.h"
#include "cli/commands.h"
#include "cli/files.h"
#include "cli/model_source.h"
#include "sampling/distribution.h"
#include "tokenizer/tokenizer.h"

namespace parley {
namespace {

constexpr uint64_t kMaxTextBytes = 256 << 20;
constexpr size_t kStepTokens = 64;  // tokens a forward pass: bounds the logits that are held

// Logits of some consecutive positions of one model.
class Scorer {
 public:
  static Result<Scorer> Make(LanguageModel* model) {
    Scorer scorer(model);
    TRY_ASSIGN(scorer.logits_,
               Buffer<float>::Make(kStepTokens * model->config().vocab_size, "logits of one step"));
    return scorer;
  }
  void BeginWindow() { model_->Truncate(0); }
  Status Run(std::span<const int32_t> tokens) {
    return model_->Forward(tokens, LogitsOf::kAll,
                           logits_.span().first(tokens.size() * model_->config().vocab_size));
  }
  std::span<const float> Row(size_t i) const {
    const size_t size = model_->config().vocab_size;
    return logits_.span().subspan(i * size, size);
  }

 private:
  explicit Scorer(LanguageModel* model) : model_(model) {}
  LanguageModel* model_;
  Buffer<float> logits_;
};

struct Totals {
  uint64_t tokens = 0;    // scored
  double loss = 0;        // nats, summed
  double divergence = 0;  // nats, summed
  uint64_t agreements = 0;
  double squared_margin_errors = 0;  // of the other model's first choice over its second
  double largest_margin_error = 0;

  double perplexity() const { return Exp(loss / static_cast<double>(tokens)); }
  double kl() const { return divergence / static_cast<double>(tokens); }
  double agreement() const { return static_cast<double>(agreements) / static_cast<double>(tokens); }
  double margin_error() const {
    return std::sqrt(squared_margin_errors / static_cast<double>(tokens));
  }
};

// KL(other || model) = sum p (log p - log q), p of the other model, q of the model (Kullback &
// Leibler 1951).
double Divergence(std::span<const float> other, std::span<const float> model) {
  const double other_log_sum = LogSumExp(other);
  const double model_log_sum = LogSumExp(model);
  double sum = 0;
  for (size_t id = 0; id < other.size(); ++id) {
    const double log_p = other[id] - other_log_sum;
    const double p = Exp(log_p);
    if (p > 0) sum += p * (log_p - (model[id] - model_log_sum));
  }
  return sum;
}

size_t ArgMax(std::span<const float> logits) {
  return static_cast<size_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
}

// How far the model is off in how much the other prefers its first choice to its second, in logits:
// a greedy choice can differ only where that margin is smaller.
double MarginError(std::span<const float> other, std::span<const float> model) {
  size_t first = 0;
  size_t second = other.size();
  for (size_t id = 1; id < other.size(); ++id) {
    if (other[id] > other[first]) {
      second = first;
      first = id;
    } else if (second == other.size() || other[id] > other[second]) {
      second = id;
    }
  }
  if (second == other.size()) return 0;
  return std::abs(double{other[first]} - other[second] - (double{model[first]} - model[second]));
}

// Scores one window: position i predicts token i + 1.
Status ScoreWindow(std::span<const int32_t> window, Scorer* model, Scorer* other, Totals* totals) {
  model->BeginWindow();
  if (other != nullptr) other->BeginWindow();
  for (size_t begin = 0; begin + 1 < window.size(); begin += kStepTokens) {
    const size_t count = std::min(kStepTokens, window.size() - 1 - begin);
    const std::span<const int32_t> step = window.subspan(begin, count);
    TRY(model->Run(step));
    if (other != nullptr) TRY(other->Run(step));
    for (size_t i = 0; i < count; ++i) {
      const std::span<const float> logits = model->Row(i);
      const auto next = static_cast<size_t>(window[begin + i + 1]);
      totals->loss += LogSumExp(logits) - logits[next];
      ++totals->tokens;
      if (other == nullptr) continue;
      totals->divergence += Divergence(other->Row(i), logits);
      if (ArgMax(other->Row(i)) == ArgMax(logits)) ++totals->agreements;
      const double error = MarginError(other->Row(i), logits);
      totals->squared_margin_errors += error * error;
      totals->largest_margin_error = std::max(totals->largest_margin_error, error);
    }
  }
  return {};
}

// The text is read by one tokenizer, so its ids must stand for the same bytes in both models; and
// both have as many logits, those of ids without a token included.
Status CheckSameVocabulary(const Engine& model, const Engine& other) {
  const auto differ = [](const std::string& how) {
    return MakeError(Code::kBadArg, "the models' vocabularies differ: " + how);
  };
  const auto of_sizes = [&](uint32_t a, uint32_t b, const char* what) {
    return differ(std::to_string(a) + " " + what + " and " + std::to_string(b));
  };
  const Tokenizer& tokens = *model.tokenizer;
  const Tokenizer& others = *other.tokenizer;
  if (tokens.size() != others.size()) return of_sizes(tokens.size(), others.size(), "tokens");
  const uint32_t rows = model.plan.config.vocab_size;
  const uint32_t other_rows = other.plan.config.vocab_size;
  if (rows != other_rows) return of_sizes(rows, other_rows, "ids");
  for (uint32_t i = 0; i < tokens.size(); ++i) {
    const auto id = static_cast<int32_t>(i);
    if (tokens.Bytes(id) == others.Bytes(id)) continue;
    return differ("token " + std::to_string(i) + " is '" + std::string(tokens.Bytes(id)) +
                  "' and '" + std::string(others.Bytes(id)) + "'");
  }
  return {};
}

Result<Totals> Score(std::span<const int32_t> ids, Engine& model, Engine* other) {
  TRY_ASSIGN(Scorer scorer, Scorer::Make(model.model.get()));
  std::optional<Scorer> other_scorer;
  if (other != nullptr) {
    TRY(CheckSameVocabulary(model, *other));
    TRY_ASSIGN(Scorer made, Scorer::Make(other->model.get()));
    other_scorer.emplace(std::move(made));
  }
  size_t context = model.model->context();
  if (other != nullptr) context = std::min<size_t>(context, other->model->context());
  Totals totals;
  for (size_t begin = 0; begin < ids.size(); begin += context) {
    const auto window = ids.subspan(begin, std::min(context, ids.size() - begin));
    TRY(ScoreWindow(window, &scorer, other_scorer ? &*other_scorer : nullptr, &totals));
  }
  if (totals.tokens == 0) {
    return MakeError(Code::kBadArg, "the text has no token that another one predicts");
  }
  return totals;
}

void Print(const Totals& totals, bool compared, bool as_json) {
  if (!as_json) {
    std::printf("perplexity %.4f over %llu tokens\n", totals.perplexity(),
                static_cast<unsigned long long>(totals.tokens));
    if (compared) {
      std::printf("KL(other || model) %.6f nats, top-1 agreement %.4f\n", totals.kl(),
                  totals.agreement());
      std::printf("first choice over second: off by %.4f logits (root mean square), at most %.4f\n",
                  totals.margin_error(), totals.largest_margin_error);
    }
    return;
  }
  JsonWriter json;
  json.BeginObject();
  json.Key("perplexity").Number(totals.perplexity());
  json.Key("tokens").Number(totals.tokens);
  if (compared) {
    json.Key("kl").Number(totals.kl());
    json.Key("agreement").Number(totals.agreement());
  }
  json.EndObject();
  std::printf("%s\n", json.text().c_str());
}

}  // namespace

int RunEval(Arguments& arguments) {
  ModelArguments model, against;
  std::string text_path;
  bool special = false, json = false;
  arguments.Value("text", "FILE", "the text to predict; - reads standard input", &text_path);
  arguments.Flag("special", "special tokens written in the text are read as such", &special);
  arguments.Value("against", "MODEL", "another model: prints how far --model is from it",
                  &against.model);
  arguments.Flag("json", "print {perplexity, tokens, kl, agreement}", &json);
  DeclareModelArguments(arguments, &model);
  DeclareEngineArgument(arguments, "engine", "kernels, or reference: plain f32 (kernels)",
                        &model.engine);
  DeclareEngineArgument(arguments, "against-engine",
                        "for the other model (the same); alone: for the same model",
                        &against.engine);
  if (!arguments.Parse()) return arguments.exit_code();
  if (text_path.empty()) return arguments.UsageError("missing option --text FILE");
  const bool compared = arguments.Has("against") || arguments.Has("against-engine");
  if (!arguments.Has("against")) against.model = model.model;
  if (!arguments.Has("against-engine")) against.engine = model.engine;
  against.threads = model.threads;
  against.context = model.context;

  const auto text =
      text_path == "-" ? ReadStandardInput(kMaxTextBytes) : ReadWholeFile(text_path, kMaxTextBytes);
  if (!text.ok()) return arguments.Fail(text.error());
  const auto engine = LoadModel(model);
  if (!engine.ok()) return arguments.Fail(engine.error());
  std::unique_ptr<Engine> other;
  if (compared) {
    auto loaded = LoadModel(against);
    if (!loaded.ok()) return arguments.Fail(loaded.error());
    other = std::move(*loaded);
  }
  std::vector<int32_t> ids;
  if (Status status = (*engine)->tokenizer->Encode(*text, special, &ids); !status.ok()) {
    return arguments.Fail(status.error());
  }
  const auto totals = Score(ids, **engine, other.get());
  if (!totals.ok()) return arguments.Fail(totals.error());
  Print(*totals, compared, json);
  return kExitOk;
}

}  // namespace parley
