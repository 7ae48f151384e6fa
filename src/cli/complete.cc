// `parley complete`: continues a prompt, as text while it comes or as one JSON object.
#include <cstdio>
#include <string>

#include "base/json_writer.h"
#include "cli/commands.h"
#include "cli/files.h"
#include "cli/generation.h"
#include "cli/model_source.h"

namespace parley {
namespace {

constexpr uint64_t kMaxPromptBytes = 64 << 20;

double PerSecond(double count, double ms) { return ms > 0 ? count * 1000 / ms : 0; }

void AppendLogprobs(const Tokenizer& tokenizer, const Generation& generation, JsonWriter* json) {
  const auto append = [&](int32_t id, double logprob) {
    json->Key("id").Number(id);
    json->Key("token").String(tokenizer.Bytes(id));
    json->Key("logprob").Number(logprob);
  };
  json->Key("logprobs").BeginArray();
  for (const GeneratedToken& token : generation.tokens) {
    json->BeginObject();
    append(token.id, token.logprob);
    json->Key("top_logprobs").BeginArray();
    for (const TokenLogprob& alternative : token.alternatives) {
      json->BeginObject();
      append(alternative.id, alternative.logprob);
      json->EndObject();
    }
    json->EndArray().EndObject();
  }
  json->EndArray();
}

void AppendIds(const char* key, std::span<const int32_t> ids, JsonWriter* json) {
  json->Key(key).BeginArray();
  for (int32_t id : ids) json->Number(id);
  json->EndArray();
}

std::string ToJson(const Session& session, const Tokenizer& tokenizer,
                   const GenerationOptions& options, const Generation& generation,
                   const std::string& echoed) {
  const Usage& usage = session.usage();
  JsonWriter json;
  json.BeginObject();
  AppendIds("prompt_ids", session.prompt_ids(), &json);
  AppendIds("ids", session.generated_ids(), &json);
  json.Key("text").String(echoed + generation.text);
  json.Key("finish_reason").String(FinishReasonName(generation.reason));
  json.Key("seed").Number(options.seed);
  json.Key("usage").BeginObject();
  json.Key("prompt_tokens").Number(usage.prompt_tokens);
  json.Key("completion_tokens").Number(usage.completion_tokens);
  json.Key("total_tokens").Number(usage.prompt_tokens + usage.completion_tokens);
  json.EndObject();
  json.Key("timings").BeginObject();
  json.Key("prompt_ms").Number(generation.prompt_ms);
  json.Key("prompt_per_second").Number(PerSecond(usage.prompt_tokens, generation.prompt_ms));
  json.Key("predicted_ms").Number(generation.predicted_ms);
  // The first token comes with the prompt.
  json.Key("predicted_per_second")
      .Number(PerSecond(usage.completion_tokens - 1.0, generation.predicted_ms));
  json.EndObject();
  if (options.top_logprobs >= 0) AppendLogprobs(tokenizer, generation, &json);
  json.EndObject();
  return json.text();
}

}  // namespace

int RunComplete(Arguments& arguments) {
  ModelArguments model;
  SamplingArguments sampling;
  std::string prompt;
  bool special = false, echo = false, json = false;
  arguments.Value("prompt", "TEXT", "what to continue; - reads standard input", &prompt);
  arguments.Flag("special", "special tokens written in the prompt are read as such", &special);
  arguments.Flag("echo", "print the prompt as well", &echo);
  arguments.Flag("json", "print one JSON object at the end", &json);
  DeclareModelArguments(arguments, &model);
  DeclareEngineArgument(arguments, "engine", "kernels, or reference: plain f32 (kernels)",
                        &model.engine);
  sampling.Declare(arguments, true);
  if (!arguments.Parse()) return arguments.exit_code();
  if (!arguments.Has("prompt")) return arguments.UsageError("missing option --prompt TEXT");
  Result<GenerationOptions> options = sampling.Over({});
  if (!options.ok()) return arguments.UsageError(options.error().message);
  if (options->top_logprobs >= 0 && !json) {
    return arguments.UsageError(
        std::string(arguments.Has("logprobs") ? "--logprobs" : "--top-logprobs") +
        " is printed with --json only");
  }
  DrawSeed(&*options);
  if (prompt == "-") {
    Result<std::string> read = ReadStandardInput(kMaxPromptBytes);
    if (!read.ok()) return arguments.Fail(read.error());
    prompt = std::move(*read);
  }

  const auto engine = LoadModel(model);
  if (!engine.ok()) return arguments.Fail(engine.error());
  const auto session = Session::Make((*engine)->session_model());
  if (!session.ok()) return arguments.Fail(session.error());
  if (Status status = (*session)->BeginCompletion(prompt, special, *options); !status.ok()) {
    return arguments.Fail(status.error());
  }
  std::string echoed;
  if (echo) {
    Result<std::string> decoded = (*engine)->tokenizer->Decode((*session)->prompt_ids(), true);
    if (!decoded.ok()) return arguments.Fail(decoded.error());
    echoed = std::move(*decoded);
  }
  const auto print = [json](std::string_view text) {
    if (json) return;
    std::fwrite(text.data(), 1, text.size(), stdout);
    std::fflush(stdout);
  };
  print(echoed);
  const auto generation =
      RunToEnd(**session, options->top_logprobs >= 0, print, [] { return false; });
  if (!generation.ok()) return arguments.Fail(generation.error());
  if (json) {
    const std::string text =
        ToJson(**session, *(*engine)->tokenizer, *options, *generation, echoed);
    std::fwrite(text.data(), 1, text.size(), stdout);
  }
  std::fputc('\n', stdout);
  return kExitOk;
}

}  // namespace parley
