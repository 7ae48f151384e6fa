// `parley bench`: tokens a second of prefill and decode, medians over several runs, on random
// tokens.
#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/json_writer.h"
#include "base/rng.h"
#include "cli/commands.h"
#include "cli/model_source.h"
#include "cli/printable.h"

namespace parley {
namespace {

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

struct Speed {
  double prefill = 0;  // tokens a second
  double decode = 0;
};

// Prefill of `prompt` tokens at once, then `decoded` single ones, `runs` times after one run to
// warm up.
Result<Speed> Measure(LanguageModel& model, uint32_t prompt, uint32_t decoded, uint32_t runs) {
  TRY_ASSIGN(Buffer<float> logits, Buffer<float>::Make(model.config().vocab_size, "logits"));
  Rng rng(1);
  std::vector<int32_t> ids(prompt + decoded);
  for (int32_t& id : ids) {
    id = static_cast<int32_t>(rng.NextU32() % model.config().vocab_size);
  }
  const std::span<const int32_t> all(ids);
  std::vector<double> prefill, decode;
  for (uint32_t run = 0; run <= runs; ++run) {
    model.Truncate(0);
    const double begin_ms = NowMs();
    TRY(model.Forward(all.first(prompt), LogitsOf::kLast, logits.span()));
    const double middle_ms = NowMs();
    for (uint32_t i = 0; i < decoded; ++i) {
      TRY(model.Forward(all.subspan(prompt + i, 1), LogitsOf::kLast, logits.span()));
    }
    const double end_ms = NowMs();
    if (run == 0) continue;
    prefill.push_back(prompt * 1000.0 / (middle_ms - begin_ms));
    decode.push_back(decoded * 1000.0 / (end_ms - middle_ms));
  }
  return Speed{Median(prefill), Median(decode)};
}

void Print(const Engine& engine, const Speed& speed, uint32_t prompt, uint32_t decoded,
           bool as_json) {
  if (!as_json) {
    std::printf("%s %s, %s kernels, %u threads\n", Printable(engine.plan.config.name).c_str(),
                engine.plan.quantization.c_str(), engine.kernels.c_str(), engine.plan.threads);
    std::printf("prefill %6u tokens  %8.1f tokens/s\n", prompt, speed.prefill);
    std::printf("decode  %6u tokens  %8.1f tokens/s\n", decoded, speed.decode);
    return;
  }
  JsonWriter json;
  json.BeginObject();
  json.Key("model").String(engine.plan.config.name);
  json.Key("quantization").String(engine.plan.quantization);
  json.Key("kernels").String(engine.kernels);
  json.Key("threads").Number(engine.plan.threads);
  const auto append = [&json](const char* key, uint32_t tokens, double per_second) {
    json.Key(key).BeginObject();
    json.Key("tokens").Number(tokens);
    json.Key("tokens_per_second").Number(per_second);
    json.EndObject();
  };
  append("prefill", prompt, speed.prefill);
  append("decode", decoded, speed.decode);
  json.EndObject();
  std::printf("%s\n", json.text().c_str());
}

}  // namespace

int RunBench(Arguments& arguments) {
  ModelArguments model;
  uint32_t prompt = 256, decoded = 64, runs = 5;
  bool json = false;
  arguments.Value("prompt-tokens", "N", "tokens of prefill (256)", &prompt);
  arguments.Value("tokens", "N", "tokens of decode (64)", &decoded);
  arguments.Value("runs", "N", "runs, of which the median is printed (5)", &runs);
  arguments.Flag("json", "print JSON", &json);
  DeclareModelArguments(arguments, &model);
  DeclareEngineArgument(arguments, "engine", "kernels, or reference: plain f32 (kernels)",
                        &model.engine);
  if (!arguments.Parse()) return arguments.exit_code();
  if (prompt == 0 || decoded == 0 || runs == 0) {
    return arguments.UsageError("--prompt-tokens, --tokens and --runs must be 1 or more");
  }
  const auto engine = LoadModel(model);
  if (!engine.ok()) return arguments.Fail(engine.error());
  if (uint64_t{prompt} + decoded > (*engine)->model->context()) {
    return arguments.UsageError("--prompt-tokens and --tokens exceed the context of " +
                                std::to_string((*engine)->model->context()));
  }
  const auto speed = Measure(*(*engine)->model, prompt, decoded, runs);
  if (!speed.ok()) return arguments.Fail(speed.error());
  Print(**engine, *speed, prompt, decoded, json);
  return kExitOk;
}

}  // namespace parley
