// Cuts text into GPT-2's pieces: words, numbers, punctuation, spaces, which byte pairs never cross.
// Cuts only; what becomes of a piece is bpe.h's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "tokenizer/unicode_tables.h"

namespace parley {

CharacterClass ClassOf(uint32_t code_point);

struct Piece {
  size_t end;           // one past its last byte in the text
  uint64_t utf8_bytes;  // its length once ill-formed bytes are U+FFFD
  bool well_formed;
};

// The piece that begins at text[begin] (begin < text.size(), where a piece ended or the text
// begins), as the first match of
//   's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
Piece NextPiece(std::string_view text, size_t begin);

}  // namespace parley
