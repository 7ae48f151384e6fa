// One table of options for each chat format; where a value is not the usual one, why.
#include "chat/preset.h"

namespace parley {
namespace {

constexpr PresetOption kRoleTokens[] = {{"temperature", 0.7}, {"top_k", 40},
                                        {"top_p", 0.92},      {"repetition_penalty", 1.1},
                                        {"max_tokens", 64},   {"retry_repeats", 3}};
// DialoGPT says what it has said in other words of the same n-grams, or nothing at all.
constexpr PresetOption kEosTurns[] = {{"temperature", 0.7},
                                      {"top_k", 50},
                                      {"top_p", 0.9},
                                      {"min_p", 0.05},
                                      {"repetition_penalty", 1.1},
                                      {"no_repeat_ngram_size", 3},
                                      {"min_tokens", 2},
                                      {"max_tokens", 64},
                                      {"retry_repeats", 3}};
constexpr PresetOption kBase[] = {
    {"temperature", 0.8},         {"top_k", 40},       {"top_p", 0.95},     {"min_p", 0.05},
    {"repetition_penalty", 1.15}, {"max_tokens", 128}, {"retry_repeats", 3}};
constexpr PresetOption kChatml[] = {{"temperature", 0.7}, {"top_k", 40},
                                    {"top_p", 0.95},      {"repetition_penalty", 1.1},
                                    {"max_tokens", 256},  {"retry_repeats", 3}};

}  // namespace

std::span<const PresetOption> PresetOf(ChatFormat format) {
  switch (format) {
    case ChatFormat::kRoleTokens:
      return kRoleTokens;
    case ChatFormat::kEosTurns:
      return kEosTurns;
    case ChatFormat::kTranscript:
    case ChatFormat::kCompletion:
      return kBase;
    case ChatFormat::kChatml:
      return kChatml;
  }
  return {};
}

}  // namespace parley
