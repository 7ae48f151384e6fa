// See vocabulary_index.h.
#include "tokenizer/vocabulary_index.h"

#include <bit>
#include <string>

#include "tokenizer/bpe.h"

namespace parley {
namespace {

// FNV-1a, 64 bits, folded once so that its low bits are as good as its high ones.
size_t Hash(std::string_view text) {
  uint64_t hash = 0xCBF29CE484222325u;
  for (const char c : text) hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001B3u;
  return static_cast<size_t>(hash ^ hash >> 32);
}

}  // namespace

Result<VocabularyIndex> VocabularyIndex::Make(std::span<const std::string_view> tokens) {
  VocabularyIndex index;
  index.tokens_ = tokens;
  TRY_ASSIGN(index.slots_,
             Buffer<uint32_t>::Make(std::bit_ceil(tokens.size() * 2 + 2), "vocabulary index"));
  const size_t mask = index.slots_.size() - 1;
  for (size_t id = 0; id < tokens.size(); ++id) {
    size_t at = Hash(tokens[id]) & mask;
    uint32_t probe = 0;
    for (; index.slots_[at] != 0; at = (at + 1) & mask) {
      const uint32_t other = index.slots_[at] - 1;
      if (tokens[other] == tokens[id]) {
        return MakeError(Code::kBadVocab, "tokens " + std::to_string(other) + " and " +
                                              std::to_string(id) +
                                              " of the vocabulary are the same");
      }
      if (++probe == kMaxProbes) {
        return MakeError(Code::kLimit, "tokens that collide in the vocabulary index");
      }
    }
    index.slots_[at] = static_cast<uint32_t>(id) + 1;
  }
  return index;
}

int32_t VocabularyIndex::Find(std::string_view token) const {
  const size_t mask = slots_.size() - 1;
  size_t at = Hash(token) & mask;
  for (; slots_[at] != 0; at = (at + 1) & mask) {
    if (tokens_[slots_[at] - 1] == token) return static_cast<int32_t>(slots_[at] - 1);
  }
  return -1;
}

}  // namespace parley
