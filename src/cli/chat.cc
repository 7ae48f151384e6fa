// `parley chat`: a conversation in the terminal. Ctrl-C stops a reply and keeps the conversation;
// Ctrl-D ends it.
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

#include "cli/commands.h"
#include "cli/generation.h"
#include "cli/model_source.h"
#include "cli/printable.h"

namespace parley {
namespace {

volatile std::sig_atomic_t g_interrupted = 0;

// Without SA_RESTART, so that a read at the prompt returns as well.
void CatchInterrupts() {
  struct sigaction action = {};
  action.sa_handler = [](int) { g_interrupted = 1; };
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
}

constexpr const char* kHelp =
    "/help           this\n"
    "/new            forget the conversation\n"
    "/again          another reply to the last message\n"
    "/system TEXT    set what the model is told first, and forget the conversation\n"
    "/info           model, context used, speed of the last reply\n"
    "/quit           end (Ctrl-D too); Ctrl-C stops a reply\n";

struct Turn {
  Role role;
  std::string text;
};

class Conversation {
 public:
  Conversation(Engine& engine, Session& session, GenerationOptions options)
      : engine_(engine), session_(session), options_(std::move(options)) {}

  void Reset() {
    turns_.clear();
    if (!system_.empty()) turns_.push_back({Role::kSystem, system_});
  }
  void SetSystem(std::string text) {
    system_ = std::move(text);
    Reset();
  }

  Status Say(std::string text) {
    turns_.push_back({Role::kUser, std::move(text)});
    Status status = Reply();
    if (!status.ok()) turns_.pop_back();  // as if it had not been said
    return status;
  }
  Status Again() {
    if (turns_.empty() || turns_.back().role == Role::kSystem) {
      return MakeError(Code::kBadState, "there is nothing to reply to yet");
    }
    std::optional<Turn> last;
    if (turns_.back().role == Role::kAssistant) {
      last = std::move(turns_.back());
      turns_.pop_back();
    }
    const size_t before = turns_.size();
    Status status = Reply();
    if (last.has_value() && turns_.size() == before) turns_.push_back(std::move(*last));
    return status;
  }
  void PrintInfo() const {
    const Usage& usage = session_.usage();
    std::printf("%s, %s, %s kernels, %u threads\n", Printable(engine_.plan.config.name).c_str(),
                engine_.plan.quantization.c_str(), engine_.kernels.c_str(), engine_.plan.threads);
    std::printf("context: %u of %u tokens used\n", usage.prompt_tokens + usage.completion_tokens,
                engine_.plan.context);
    if (predicted_per_second_ > 0) {
      std::printf("last reply: %.0f tokens a second, seed %llu\n", predicted_per_second_,
                  static_cast<unsigned long long>(seed_));
    }
  }

 private:
  // Adds a turn unless the reply has no word, stopped before its first one or ended there: the
  // model is not shown one that nobody saw. The message stays, which /again replies to.
  Status Reply() {
    GenerationOptions options = options_;
    DrawSeed(&options);
    std::vector<Message> messages;
    messages.reserve(turns_.size());
    for (const Turn& turn : turns_) messages.push_back({turn.role, turn.text});
    TRY(session_.BeginChat(messages, options));
    size_t dropped = 0;
    for (const bool message : session_.message_dropped()) dropped += message ? 1 : 0;
    if (dropped > dropped_) {
      std::fprintf(stderr, "(the oldest %zu messages no longer fit the context)\n", dropped);
    }
    dropped_ = dropped;
    g_interrupted = 0;
    const auto print = [](std::string_view text) {
      std::fwrite(text.data(), 1, text.size(), stdout);
      std::fflush(stdout);
    };
    TRY_ASSIGN(const Generation generation,
               RunToEnd(session_, false, print, [] { return g_interrupted != 0; }));
    g_interrupted = 0;
    std::fputs("\n", stdout);
    seed_ = options.seed;
    if (session_.usage().completion_tokens > 1 && generation.predicted_ms > 0) {
      predicted_per_second_ =
          (session_.usage().completion_tokens - 1) * 1000.0 / generation.predicted_ms;
    }
    if (!generation.text.empty()) turns_.push_back({Role::kAssistant, generation.text});
    return {};
  }

  Engine& engine_;
  Session& session_;
  GenerationOptions options_;  // with a seed only when one was given
  std::string system_;
  std::vector<Turn> turns_;
  size_t dropped_ = 0;  // messages, at the last reply
  double predicted_per_second_ = 0;
  uint64_t seed_ = 0;
};

// False at the end of the input. An interrupted read gives an empty line.
bool ReadLine(bool prompt, std::string* line) {
  if (prompt) std::fputs("> ", stdout);
  std::fflush(stdout);
  char* buffer = nullptr;
  size_t room = 0;
  errno = 0;
  const ssize_t length = getline(&buffer, &room, stdin);
  const bool interrupted = length < 0 && errno == EINTR;
  line->assign(buffer != nullptr && length > 0 ? buffer : "",
               length > 0 ? static_cast<size_t>(length) : 0);
  std::free(buffer);
  if (interrupted) {
    std::clearerr(stdin);
    g_interrupted = 0;
    std::fputs("\n(/quit or Ctrl-D ends)\n", stdout);
    return true;
  }
  while (!line->empty() && (line->back() == '\n' || line->back() == '\r')) line->pop_back();
  return length >= 0;
}

// One line of input; false when it ends the program.
bool Handle(const std::string& line, Conversation* conversation, Status* status) {
  if (line.empty()) return true;
  if (line[0] != '/') {
    *status = conversation->Say(line);
  } else if (line == "/quit") {
    return false;
  } else if (line == "/help") {
    std::fputs(kHelp, stdout);
  } else if (line == "/new") {
    conversation->Reset();
  } else if (line == "/again") {
    *status = conversation->Again();
  } else if (line == "/info") {
    conversation->PrintInfo();
  } else if (line == "/system" || line.starts_with("/system ")) {
    conversation->SetSystem(line.size() > 8 ? line.substr(8) : "");
  } else {
    *status = MakeError(Code::kBadArg, line + " is no command; /help names them");
  }
  return true;
}

}  // namespace

int RunChat(Arguments& arguments) {
  ModelArguments model;
  SamplingArguments sampling;
  std::string system;
  arguments.Value("system", "TEXT", "what the model is told first", &system);
  DeclareModelArguments(arguments, &model);
  DeclareChatFormatArgument(arguments, &model.chat_format);
  sampling.Declare(arguments, false);
  if (!arguments.Parse()) return arguments.exit_code();
  if (const auto alone = sampling.Over({}); !alone.ok()) {
    return arguments.UsageError(alone.error().message);
  }
  const auto engine = LoadModel(model);
  if (!engine.ok()) return arguments.Fail(engine.error());
  const auto session = Session::Make((*engine)->session_model());
  if (!session.ok()) return arguments.Fail(session.error());
  const auto preset = ChatPreset(model.model, (*engine)->style.format);
  if (!preset.ok()) return arguments.Fail(preset.error());
  const auto options = sampling.Over(*preset);
  if (!options.ok()) return arguments.Fail(options.error());

  CatchInterrupts();
  const bool terminal = isatty(STDIN_FILENO) != 0;
  if (terminal) {
    std::printf("%s. /help lists commands.\n", Printable((*engine)->plan.config.name).c_str());
  }
  Conversation conversation(**engine, **session, *options);
  conversation.SetSystem(system);
  int exit_code = kExitOk;
  std::string line;
  while (ReadLine(terminal, &line)) {
    Status status;
    if (!Handle(line, &conversation, &status)) break;
    if (!status.ok()) {
      const int failed = arguments.Fail(status.error());
      if (!terminal) exit_code = failed;
    }
  }
  if (terminal) std::fputs("\n", stdout);
  return exit_code;
}

}  // namespace parley
