// Parses, checks and prints generation options; one table row an option keeps names, ranges and
// fields together.
#include "sampling/options.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>

#include "base/buffer.h"
#include "base/json_text.h"
#include "base/json_writer.h"

namespace parley {
namespace {

constexpr uint64_t kMaxSeed =
    (uint64_t{1} << 53) - 1;  // the largest integer that JavaScript holds exactly
constexpr size_t kMaxStops = 16;
constexpr size_t kMaxStopBytes = 1024;
constexpr size_t kMaxListed = 1 << 20;  // ids: as many as the largest vocabulary that is read
constexpr double kMaxBias = 100;

Error BadOption(std::string_view name, std::string_view expected, std::string_view found) {
  return MakeError(Code::kBadArg, "option " + std::string(name) + " must be " +
                                      std::string(expected) + ", not '" +
                                      std::string(found.substr(0, 40)) + "'");
}

// A finite decimal number as strtod reads it: JSON's, and what people type on a command line beside
// them (+1, .5, 1., 007). False for anything else, "nan", "inf", hexadecimal and space included.
bool ParseNumber(std::string_view text, double* value) {
  if (text.empty() || text.size() > 63) return false;
  if (text.find_first_not_of("0123456789+-.eE") != text.npos) return false;
  const std::string copy(text);
  char* end = nullptr;
  *value = std::strtod(copy.c_str(), &end);
  return end == copy.c_str() + copy.size() && std::isfinite(*value);
}

template <typename T>
bool ParseInteger(std::string_view text, T* value) {
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, *value);
  return error == std::errc() && stop == end;
}

// Adds to a list that may become long. Its memory is asked for first: a vector would end the
// program where it is refused.
template <typename T>
Status Append(const char* name, T item, std::vector<T>* list) {
  if (list->size() == kMaxListed) {
    return MakeError(Code::kLimit,
                     "option " + std::string(name) + " takes at most 1048576 entries");
  }
  if (list->size() == list->capacity()) {
    const size_t room = std::max<size_t>(16, 2 * list->size());
    const auto probe = Buffer<uint8_t>::MakeUnfilled(room * sizeof(T), name);
    if (!probe.ok()) return probe.error();
    list->reserve(room);
  }
  list->push_back(item);
  return {};
}

// A real-valued option. `open_low`, `open_high`: the bound itself is refused.
struct RealOption {
  const char* name;
  double GenerationOptions::* field;
  double low, high;
  bool open_low, open_high;
  const char* range;  // for the message
};

constexpr RealOption kRealOptions[] = {
    {"temperature", &GenerationOptions::temperature, 0, 2, false, false, "in [0, 2]"},
    {"top_p", &GenerationOptions::top_p, 0, 1, true, false, "in (0, 1]"},
    {"min_p", &GenerationOptions::min_p, 0, 1, false, true, "in [0, 1)"},
    {"typical_p", &GenerationOptions::typical_p, 0, 1, true, false, "in (0, 1]"},
    {"repetition_penalty", &GenerationOptions::repetition_penalty, 0, 100, true, false,
     "in (0, 100]"},
    {"frequency_penalty", &GenerationOptions::frequency_penalty, -2, 2, false, false, "in [-2, 2]"},
    {"presence_penalty", &GenerationOptions::presence_penalty, -2, 2, false, false, "in [-2, 2]"},
};

bool InRange(const RealOption& option, double value) {
  const bool above = option.open_low ? value > option.low : value >= option.low;
  const bool below = option.open_high ? value < option.high : value <= option.high;
  return above && below;  // false for NaN
}

constexpr uint32_t kNoLimit = 0xffffffff;
constexpr uint32_t kMaxTries = 20;

// A whole number in [low, high]. `alias`: another name of an earlier row's field.
struct CountOption {
  const char* name;
  uint32_t GenerationOptions::* field;
  uint32_t low, high;
  bool alias;
};

constexpr CountOption kCountOptions[] = {
    {"top_k", &GenerationOptions::top_k, 0, kNoLimit, false},
    {"repeat_last_n", &GenerationOptions::repeat_last_n, 0, kNoLimit, false},
    {"no_repeat_ngram_size", &GenerationOptions::no_repeat_ngram_size, 0, kNoLimit, false},
    {"min_tokens", &GenerationOptions::min_tokens, 0, kNoLimit, false},
    {"min_new_tokens", &GenerationOptions::min_tokens, 0, kNoLimit, true},
    {"max_tokens", &GenerationOptions::max_tokens, 1, kNoLimit, false},
    {"max_completion_tokens", &GenerationOptions::max_tokens, 1, kNoLimit, true},
    {"max_new_tokens", &GenerationOptions::max_tokens, 1, kNoLimit, true},
    {"max_length", &GenerationOptions::max_length, 1, kNoLimit, false},
    {"best_of", &GenerationOptions::best_of, 1, kMaxTries, false},
    {"retry_repeats", &GenerationOptions::retry_repeats, 0, kMaxTries, false},
};

std::string CountRange(const CountOption& option) {
  const std::string low = std::to_string(option.low);
  return option.high == kNoLimit
             ? "a whole number, " + low + " or more"
             : "a whole number in [" + low + ", " + std::to_string(option.high) + "]";
}

Status SetLogitBias(std::string_view value, GenerationOptions* options) {
  constexpr const char* kExpected = "ID:BIAS, an id of 0 or more and a bias in [-100, 100]";
  const size_t colon = value.find(':');
  int32_t id = 0;
  double bias = 0;
  if (colon == value.npos || !ParseInteger(value.substr(0, colon), &id) || id < 0 ||
      !ParseNumber(value.substr(colon + 1), &bias) || std::abs(bias) > kMaxBias) {
    return BadOption("logit_bias", kExpected, value);
  }
  return Append("logit_bias", {id, bias}, &options->logit_bias);
}

// OpenAI's chat API has a boolean, its completions API a number of alternatives; both are
// understood.
Status SetLogprobs(std::string_view value, GenerationOptions* options) {
  int32_t count = 0;
  if (value == "true") {
    options->top_logprobs = std::max(options->top_logprobs, 0);
  } else if (value == "false") {
    options->top_logprobs = -1;
  } else if (ParseInteger(value, &count) && count >= 0 && count <= 20) {
    options->top_logprobs = count;
  } else {
    return BadOption("logprobs", "true, false or a whole number in [0, 20]", value);
  }
  return {};
}

Status CheckStop(std::string_view text) {
  if (!text.empty() && text.size() <= kMaxStopBytes) return {};
  return BadOption("stop", "a text that is not empty and has at most 1024 bytes", text);
}

Status SetStop(std::string_view value, GenerationOptions* options) {
  TRY(CheckStop(value));
  if (options->stop.size() == kMaxStops) {
    return MakeError(Code::kBadArg, "option stop takes at most 16 texts");
  }
  options->stop.emplace_back(value);
  return {};
}

}  // namespace

Status SetOption(std::string_view name, std::string_view value, GenerationOptions* options) {
  for (const RealOption& option : kRealOptions) {
    if (name != option.name) continue;
    double number = 0;
    if (!ParseNumber(value, &number) || !InRange(option, number)) {
      return BadOption(name, option.range, value);
    }
    options->*option.field = number;
    return {};
  }
  for (const CountOption& option : kCountOptions) {
    if (name != option.name) continue;
    uint32_t number = 0;
    if (!ParseInteger(value, &number) || number < option.low || number > option.high) {
      return BadOption(name, CountRange(option), value);
    }
    options->*option.field = number;
    return {};
  }
  if (name == "seed") {
    uint64_t seed = 0;
    if (!ParseInteger(value, &seed) || seed > kMaxSeed) {
      return BadOption(name, "a whole number in [0, 9007199254740991]", value);
    }
    options->seed = seed;
    options->has_seed = true;
    return {};
  }
  if (name == "logit_bias") return SetLogitBias(value, options);
  if (name == "stop") return SetStop(value, options);
  if (name == "stop_token_ids") {
    int32_t id = 0;
    if (!ParseInteger(value, &id) || id < 0) return BadOption(name, "a token id", value);
    return Append("stop_token_ids", id, &options->stop_token_ids);
  }
  if (name == "top_logprobs") {
    int32_t count = 0;
    if (!ParseInteger(value, &count) || count < 0 || count > 20) {
      return BadOption(name, "a whole number in [0, 20]", value);
    }
    options->top_logprobs = count;
    return {};
  }
  if (name == "logprobs") return SetLogprobs(value, options);
  if (name == "ignore_eos") {
    if (value != "true" && value != "false") return BadOption(name, "true or false", value);
    options->ignore_eos = value == "true";
    return {};
  }
  if (name == "n") {
    if (value == "1") return {};
    return MakeError(Code::kUnsupportedOption, "option n: Parley gives one choice a call");
  }
  return MakeError(Code::kUnsupportedOption,
                   "option " + std::string(name.substr(0, 40)) + " is not one that Parley has");
}

Status ValidateOptions(const GenerationOptions& options, uint32_t vocab_size) {
  for (const RealOption& option : kRealOptions) {
    const double value = options.*option.field;
    if (InRange(option, value)) continue;
    std::string found;
    AppendJsonNumber(value, &found);
    return BadOption(option.name, option.range, found);
  }
  for (const CountOption& option : kCountOptions) {
    const uint32_t value = options.*option.field;
    if (value > option.high)
      return BadOption(option.name, CountRange(option), std::to_string(value));
  }
  if (options.best_of == 0) return BadOption("best_of", "a whole number in [1, 20]", "0");
  if (options.best_of > 1 && options.temperature == 0) {
    return MakeError(Code::kBadArg,
                     "option best_of needs a temperature above 0: greedy tries are all the same");
  }
  const auto in_vocabulary = [&](int32_t id) {
    return id >= 0 && static_cast<uint32_t>(id) < vocab_size;
  };
  const std::string ids = "ids in [0, " + std::to_string(vocab_size) + ")";
  for (const auto& [id, bias] : options.logit_bias) {
    if (!in_vocabulary(id)) return BadOption("logit_bias", ids, std::to_string(id));
    if (!(std::abs(bias) <= kMaxBias)) {
      return BadOption("logit_bias", "biases in [-100, 100]", std::to_string(bias));
    }
  }
  for (int32_t id : options.stop_token_ids) {
    if (!in_vocabulary(id)) return BadOption("stop_token_ids", ids, std::to_string(id));
  }
  for (const std::string& stop : options.stop) {
    TRY(CheckStop(stop));
  }
  if (options.stop.size() > kMaxStops) {
    return MakeError(Code::kBadArg, "option stop takes at most 16 texts");
  }
  if (options.top_logprobs < -1 || options.top_logprobs > 20) {
    return BadOption("top_logprobs", "a whole number in [0, 20]",
                     std::to_string(options.top_logprobs));
  }
  if (options.seed > kMaxSeed) {
    return BadOption("seed", "a whole number in [0, 9007199254740991]",
                     std::to_string(options.seed));
  }
  if (options.max_tokens != 0 && options.max_length != 0) {
    return MakeError(Code::kBadArg, "options max_tokens and max_length exclude each other");
  }
  if (options.max_tokens != 0 && options.min_tokens > options.max_tokens) {
    return MakeError(Code::kBadArg, "option min_tokens is above max_tokens");
  }
  return {};
}

Status NeedMemoryForOptions(const GenerationOptions& options) {
  constexpr uint64_t kEntryBytes = 160;  // three copies of at most 16, and as JSON while texts grow
  const uint64_t entries = options.logit_bias.size() + options.stop_token_ids.size();
  const auto probe = Buffer<uint8_t>::MakeUnfilled(entries * kEntryBytes, "copies of the options");
  return probe.ok() ? Status() : Status(probe.error());
}

std::string OptionsToJson(const GenerationOptions& options) {
  JsonWriter json;
  json.BeginObject();
  for (const RealOption& option : kRealOptions) {
    json.Key(option.name).Number(options.*option.field);
  }
  for (const CountOption& option : kCountOptions) {
    const bool unset = options.*option.field < option.low;
    if (!option.alias && !unset) json.Key(option.name).Number(options.*option.field);
  }
  json.Key("logit_bias").BeginObject();
  for (const auto& [id, bias] : options.logit_bias) json.Key(std::to_string(id)).Number(bias);
  json.EndObject();
  if (options.has_seed) json.Key("seed").Number(options.seed);
  json.Key("stop").BeginArray();
  for (const std::string& stop : options.stop) json.String(stop);
  json.EndArray();
  json.Key("stop_token_ids").BeginArray();
  for (int32_t id : options.stop_token_ids) json.Number(id);
  json.EndArray();
  if (options.top_logprobs >= 0) json.Key("top_logprobs").Number(options.top_logprobs);
  json.Key("ignore_eos").Bool(options.ignore_eos);
  json.EndObject();
  return json.text();
}

}  // namespace parley
