// check_golden MODEL GOLDEN.json LAST_LOGITS.safetensors: the golden comparison for any model, on
// the reference engine. scripts/check_golden.py calls it.
#include <cstdio>

#include "cli/model_source.h"
#include "golden.h"

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "Usage: check_golden MODEL GOLDEN.json LAST_LOGITS.safetensors\n");
    return 2;
  }
  parley::ModelArguments arguments;
  arguments.model = argv[1];
  arguments.engine = "reference";
  const auto engine = parley::LoadModel(arguments);
  if (!engine.ok()) {
    std::fprintf(stderr, "%s\n", engine.error().message.c_str());
    return 1;
  }
  const parley::GoldenReport report =
      parley::CompareWithGolden(*(*engine)->model, *(*engine)->tokenizer, argv[2], argv[3], 1e-3);
  for (const std::string& failure : report.failures) std::printf("%s\n", failure.c_str());
  std::printf(
      "%zu prompts, %zu positions, %zu greedy tokens, worst logit error %.2e, %zu failures\n",
      report.prompts, report.positions, report.greedy_tokens, report.worst_logit_error,
      report.failures.size());
  return report.failures.empty() && report.prompts > 0 ? 0 : 1;
}
