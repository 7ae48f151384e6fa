// Reads the tokenizer of a Hugging Face folder: vocab.json, the special tokens that
// tokenizer_config.json and special_tokens_map.json name, and the chat template. Merges are the
// tokenizer's own to read.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/buffer.h"
#include "base/result.h"

namespace parley {

// The files' texts; all but the first may be empty.
struct HfTokenizerTexts {
  std::string_view vocab_json;
  std::string_view merges_txt;
  std::string_view tokenizer_config_json;
  std::string_view special_tokens_map_json;
};

struct HfTokenizer {
  Buffer<char> text;                // what every view below points into
  Buffer<std::string_view> tokens;  // by id, without gaps
  Buffer<int32_t> special_ids;      // ascending
  int32_t bos_id = -1;              // -1: none
  int32_t eos_id = -1;
  bool add_bos = false;
  std::string_view chat_template;

  // -1 when it is no token.
  int32_t Find(std::string_view token) const;
  bool IsSpecial(int32_t id) const;

  Buffer<uint32_t> order;  // ids sorted by token
};

// Special are the tokens that the two files name; failing those, entries like "<|...|>" that no
// merge makes. LIMIT above 64 MiB of JSON; BAD_JSON; BAD_VOCAB for ids with gaps or twice, and a
// token with two ids (T2). Messages name the file, offsets count within it.
Result<HfTokenizer> ReadHfTokenizer(const HfTokenizerTexts& texts);

}  // namespace parley
