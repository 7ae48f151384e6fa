// Finds a token's id by its text while a tokenizer is made; thrown away afterwards.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/buffer.h"
#include "base/result.h"

namespace parley {

// An open-addressing hash table of token text -> id over a list of tokens that it does not own.
class VocabularyIndex {
 public:
  // BAD_VOCAB: a token twice. LIMIT: tokens that collide as no vocabulary's do by chance. OOM.
  static Result<VocabularyIndex> Make(std::span<const std::string_view> tokens);
  int32_t Find(std::string_view token) const;  // -1: no such token

 private:
  std::span<const std::string_view> tokens_;
  Buffer<uint32_t> slots_;  // id + 1, 0: empty; a power of two, at most half full
};

}  // namespace parley
