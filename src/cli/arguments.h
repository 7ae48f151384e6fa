// The command line's option parser: a command declares what it takes, bound to variables, then
// calls Parse. Writes
// `--help` from the same declarations. Knows nothing about models or sampling.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace parley {

inline constexpr int kExitOk = 0;
inline constexpr int kExitError = 1;  // something went wrong; stderr says what
inline constexpr int kExitUsage = 2;  // the command line itself is wrong

// A command is written as
//   int RunInspect(Arguments& arguments) {
//     std::string file;
//     bool json = false;
//     arguments.Positional("FILE", "a GGUF file", &file);
//     arguments.Flag("json", "print JSON", &json);
//     if (!arguments.Parse()) return arguments.exit_code();
//     ...
//   }
// Options are accepted as `--name value`, `--name=value`, with `-` and `_` alike; `--` ends them. A
// bound variable's value before Parse is its default.
class Arguments {
 public:
  using Setter = std::function<Status(std::string_view value)>;

  // `command`: "inspect"; `summary`: a sentence for the help. `words`: what follows the command's
  // name.
  Arguments(std::string_view command, std::string_view summary, std::vector<std::string_view> words)
      : command_(command), summary_(summary), words_(std::move(words)) {}

  void Flag(const char* name, const char* help, bool* value);
  void Value(const char* name, const char* placeholder, const char* help, std::string* value);
  void Value(const char* name, const char* placeholder, const char* help, uint32_t* value);
  // Calls `set` for each occurrence; its error becomes a usage error that names the option.
  void Value(const char* name, const char* placeholder, const char* help, Setter set);
  // Positional words in order of declaration; each is required unless `optional`.
  void Positional(const char* placeholder, const char* help, std::string* value,
                  bool optional = false);

  // False when help was asked for (printed on stdout) or the words are wrong (stderr says why):
  // return exit_code().
  bool Parse();
  int exit_code() const { return exit_code_; }
  // Was this option given? After Parse.
  bool Has(std::string_view name) const;

  // Prints "parley COMMAND: message" with a pointer to --help on stderr; returns kExitUsage.
  int UsageError(std::string_view message);
  // Prints "parley COMMAND: message" with the error's code, and offset if it has one, on stderr;
  // returns kExitError. Messages may quote files: no control character reaches the terminal.
  int Fail(const Error& error) const;

 private:
  struct Option {
    const char* name;
    const char* placeholder;  // null for a flag
    const char* help;
    Setter set;
    bool given = false;
  };
  struct Word {
    const char* placeholder;
    const char* help;
    std::string* value;
    bool optional;
  };
  Option* Find(std::string_view name);
  bool ParseOption(std::string_view word, size_t* next);
  void PrintHelp() const;

  std::string command_;
  std::string summary_;
  std::vector<std::string_view> words_;
  std::vector<Option> options_;
  std::vector<Word> positionals_;
  int exit_code_ = kExitOk;
};

}  // namespace parley
