// Reads the tokenizer of a Hugging Face folder: vocab.json and merges.txt, or tokenizer.json; the
// special tokens that these, tokenizer_config.json and special_tokens_map.json name; and the chat
// template. What merges mean is the tokenizer's own to read.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/buffer.h"
#include "base/result.h"

namespace parley {

// The files' texts, empty where there is none: vocab.json and merges.txt, or else tokenizer.json,
// are needed.
struct HfTokenizerTexts {
  std::string_view vocab_json;
  std::string_view merges_txt;
  std::string_view tokenizer_json;
  std::string_view tokenizer_config_json;
  std::string_view special_tokens_map_json;
};

struct HfTokenizer {
  Buffer<char> text;                // what the views below point into
  Buffer<char> merges_text;         // what merges_txt points into when it comes from tokenizer.json
  Buffer<std::string_view> tokens;  // by id, without gaps
  Buffer<int32_t> special_ids;      // ascending
  int32_t bos_id = -1;              // -1: none
  int32_t eos_id = -1;
  bool add_bos = false;
  std::string_view chat_template;
  std::string_view merges_txt;  // as the file of this name; else into the caller's text

  // -1 when it is no token.
  int32_t Find(std::string_view token) const;
  bool IsSpecial(int32_t id) const;

  Buffer<uint32_t> order;  // ids sorted by token
};

// Special are the tokens that the three JSON files with special tokens name; failing those, entries
// like "<|...|>" that no merge makes. LIMIT above 64 MiB of JSON; BAD_JSON; BAD_VOCAB when there is
// no vocabulary, for ids with gaps or twice, and a token with two ids (T2); UNSUPPORTED_MODEL for a
// tokenizer.json that is not GPT-2's byte-level BPE. Messages name the file, offsets count within
// it.
Result<HfTokenizer> ReadHfTokenizer(const HfTokenizerTexts& texts);

}  // namespace parley
