// Parses declared options and positional words and prints their help; what they mean is each
// command's affair.
#include "cli/arguments.h"

#include <charconv>
#include <cstdio>

#include "cli/printable.h"

namespace parley {
namespace {

// Option names are compared with '_' read as '-', so that API names work as they are.
bool SameName(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    const char x = a[i] == '_' ? '-' : a[i];
    const char y = b[i] == '_' ? '-' : b[i];
    if (x != y) return false;
  }
  return true;
}

std::string Quoted(std::string_view text) { return "'" + std::string(text) + "'"; }

void PrintRow(const std::string& left, const char* help) {
  if (left.size() <= 26) {
    std::printf("  %-26s %s\n", left.c_str(), help);
  } else {
    std::printf("  %s\n  %-26s %s\n", left.c_str(), "", help);
  }
}

}  // namespace

void Arguments::Flag(const char* name, const char* help, bool* value) {
  options_.push_back({name, nullptr, help, [value](std::string_view) {
                        *value = true;
                        return Status();
                      }});
}

void Arguments::Value(const char* name, const char* placeholder, const char* help,
                      std::string* value) {
  Value(name, placeholder, help, [value](std::string_view text) {
    *value = text;
    return Status();
  });
}

void Arguments::Value(const char* name, const char* placeholder, const char* help,
                      uint32_t* value) {
  Value(name, placeholder, help, [value](std::string_view text) -> Status {
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, *value);
    if (error != std::errc() || stop != end) {
      return MakeError(Code::kBadArg, "expected a whole number, found " + Quoted(text));
    }
    return {};
  });
}

void Arguments::Value(const char* name, const char* placeholder, const char* help, Setter set) {
  options_.push_back({name, placeholder, help, std::move(set)});
}

void Arguments::Positional(const char* placeholder, const char* help, std::string* value,
                           bool optional) {
  positionals_.push_back({placeholder, help, value, optional});
}

Arguments::Option* Arguments::Find(std::string_view name) {
  for (Option& option : options_) {
    if (SameName(option.name, name)) return &option;
  }
  return nullptr;
}

bool Arguments::Has(std::string_view name) const {
  for (const Option& option : options_) {
    if (SameName(option.name, name)) return option.given;
  }
  return false;
}

bool Arguments::ParseOption(std::string_view word, size_t* next) {
  const size_t equals = word.find('=');
  const std::string_view name = word.substr(2, equals == word.npos ? word.npos : equals - 2);
  Option* option = Find(name);
  if (option == nullptr) {
    UsageError("unknown option --" + std::string(name));
    return false;
  }
  std::string_view value;
  if (option->placeholder == nullptr) {
    if (equals != word.npos) {
      UsageError("--" + std::string(name) + " takes no value");
      return false;
    }
  } else if (equals != word.npos) {
    value = word.substr(equals + 1);
  } else if (*next < words_.size()) {
    value = words_[(*next)++];
  } else {
    UsageError("--" + std::string(name) + " needs a value: " + option->placeholder);
    return false;
  }
  option->given = true;
  if (Status status = option->set(value); !status.ok()) {
    UsageError("--" + std::string(name) + ": " + status.error().message);
    return false;
  }
  return true;
}

bool Arguments::Parse() {
  size_t positional = 0;
  bool options_ended = false;
  for (size_t next = 0; next < words_.size();) {
    const std::string_view word = words_[next++];
    if (!options_ended && word == "--") {
      options_ended = true;
    } else if (!options_ended && (word == "--help" || word == "-h")) {
      PrintHelp();
      return false;
    } else if (!options_ended && word.starts_with("--")) {
      if (!ParseOption(word, &next)) return false;
    } else if (!options_ended && word.size() > 1 && word[0] == '-') {
      UsageError("unknown option " + std::string(word));
      return false;
    } else if (positional < positionals_.size()) {
      *positionals_[positional++].value = word;
    } else {
      UsageError("unexpected argument " + Quoted(word));
      return false;
    }
  }
  if (positional < positionals_.size() && !positionals_[positional].optional) {
    UsageError(std::string("missing argument ") + positionals_[positional].placeholder);
    return false;
  }
  return true;
}

int Arguments::UsageError(std::string_view message) {
  std::fprintf(stderr, "parley %s: %s\nTry 'parley %s --help'.\n", command_.c_str(),
               Printable(message).c_str(), command_.c_str());
  exit_code_ = kExitUsage;
  return kExitUsage;
}

int Arguments::Fail(const Error& error) const {
  std::fflush(stdout);
  std::fprintf(stderr, "parley %s: %s [%s", command_.c_str(), Printable(error.message).c_str(),
               CodeName(error.code));
  if (error.offset != kNoOffset) {
    std::fprintf(stderr, " at byte %llu", static_cast<unsigned long long>(error.offset));
  }
  std::fprintf(stderr, "]\n");
  return kExitError;
}

void Arguments::PrintHelp() const {
  std::printf("Usage: parley %s", command_.c_str());
  for (const Word& word : positionals_) {
    std::printf(word.optional ? " [%s]" : " %s", word.placeholder);
  }
  std::printf(" [options]\n\n%s\n", summary_.c_str());
  if (!positionals_.empty()) std::printf("\n");
  for (const Word& word : positionals_) PrintRow(word.placeholder, word.help);
  std::printf("\nOptions:\n");
  for (const Option& option : options_) {
    std::string left = std::string("--") + option.name;
    if (option.placeholder != nullptr) left += std::string(" ") + option.placeholder;
    PrintRow(left, option.help);
  }
  PrintRow("--help", "print this");
}

}  // namespace parley
