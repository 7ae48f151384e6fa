// Cuts text into pieces that byte pairs never cross: words, numbers, punctuation, spaces, as the
// model's own pre-tokenizer did when it was trained. Cuts only; what becomes of a piece is bpe.h's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "tokenizer/unicode_tables.h"

namespace parley {

CharacterClass ClassOf(uint32_t code_point);

// How pieces are cut, under the names that `tokenizer.ggml.pre` has for them.
enum class PreTokenizer {
  // "gpt-2": matches of 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
  kGpt2,
  // "smollm": each \p{N} is a piece; what stands between them is cut as by kGpt2, each by itself.
  kSmollm,
  // "llama-bpe": matches of
  //   (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|
  //    ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
  kLlama3,
};

struct Piece {
  size_t end;           // one past its last byte in the text
  uint64_t utf8_bytes;  // its length once ill-formed bytes are U+FFFD
  bool well_formed;
};

// The piece that begins at text[begin] (begin < text.size(), where a piece ended or the text
// begins).
Piece NextPiece(PreTokenizer kind, std::string_view text, size_t begin);

}  // namespace parley
