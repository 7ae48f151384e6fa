// `parley`: finds the subcommand and hands it its words. Everything else is in the subcommands' own
// files.
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string_view>
#include <vector>

#include "cli/arguments.h"
#include "cli/commands.h"

namespace parley {
namespace {

struct Command {
  const char* name;
  const char* summary;
  int (*run)(Arguments& arguments);
};

constexpr Command kCommands[] = {
    {"chat", "Chat with a model in the terminal.", RunChat},
    {"complete", "Continue a prompt.", RunComplete},
    {"tokenize", "Turn text on standard input into token ids.", RunTokenize},
    {"detokenize", "Turn token ids on standard input into text.", RunDetokenize},
    {"quantize", "Write a model as GGUF with another type of weights.", RunQuantize},
    {"inspect", "Say what a model file is, what it holds and how much memory it takes.",
     RunInspect},
    {"eval", "Measure perplexity on a text, alone or against another model.", RunEval},
    {"bench", "Measure prefill and decode speed.", RunBench},
};

void PrintHelp(std::FILE* out) {
  std::fprintf(
      out,
      "Usage: parley COMMAND [options]\n\n"
      "Runs GPT-2-class language models on this machine's processor; nothing is sent anywhere.\n\n"
      "Commands:\n");
  for (const Command& command : kCommands) {
    std::fprintf(out, "  %-12s %s\n", command.name, command.summary);
  }
  std::fprintf(out,
               "\nOptions:\n"
               "  --help       print this; 'parley COMMAND --help' for a command's own options\n"
               "  --version    print the version\n\n"
               "Exit code: %d, %d when something went wrong, %d when the command line is wrong.\n",
               kExitOk, kExitError, kExitUsage);
}

// What was printed is written down, or the exit code says that it is not: a full disk shows only
// here, when the last of it leaves the buffer.
int FlushOutput(int exit_code) {
  errno = 0;
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return exit_code;
  const char* reason = errno != 0 ? std::strerror(errno) : "a write failed before";
  std::fprintf(stderr, "parley: cannot write to standard output: %s [%s]\n", reason,
               CodeName(Code::kIo));
  return kExitError;
}

int Run(int argc, char** argv) {
  if (argc < 2) {
    PrintHelp(stderr);
    return kExitUsage;
  }
  const std::string_view name = argv[1];
  if (name == "--help" || name == "-h" || name == "help") {
    PrintHelp(stdout);
    return kExitOk;
  }
  if (name == "--version") {
    std::printf("parley %s\n", PARLEY_VERSION);
    return kExitOk;
  }
  for (const Command& command : kCommands) {
    if (name != command.name) continue;
    Arguments arguments(command.name, command.summary, {argv + 2, argv + argc});
    return command.run(arguments);
  }
  std::fprintf(stderr, "parley: unknown command '%s'\nTry 'parley --help'.\n", argv[1]);
  return kExitUsage;
}

int Main(int argc, char** argv) { return FlushOutput(Run(argc, argv)); }

}  // namespace
}  // namespace parley

int main(int argc, char** argv) { return parley::Main(argc, argv); }
