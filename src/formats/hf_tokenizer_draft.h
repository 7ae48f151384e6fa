// A vocabulary while its documents are read, before it is put together. Private to the readers of
// hf_tokenizer.h.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/buffer.h"
#include "base/result.h"
#include "formats/hf_tokenizer.h"

namespace parley {

inline std::string ShownToken(std::string_view token) {
  return std::string("'").append(token.substr(0, 40)).append("'");
}

struct HfTokenizerDraft {
  HfTokenizer result;
  size_t text_used = 0;
  size_t n_tokens = 0;                     // one more than the highest id
  Buffer<std::string_view> special_names;  // the first n_special_names are used
  size_t n_special_names = 0;
  std::string_view bos, eos;

  // Once for each string of the documents.
  std::string_view Keep(std::string_view text) {
    CHECK(text.size() <= result.text.size() - text_used);
    char* copy = result.text.data() + text_used;
    std::copy(text.begin(), text.end(), copy);
    text_used += text.size();
    return {copy, text.size()};
  }

  // `token` is kept. A second entry for an id is accepted when it says the same.
  Status SetToken(uint64_t id, std::string_view token, uint64_t offset) {
    if (id >= result.tokens.size()) {
      return MakeError(Code::kBadVocab,
                       ShownToken(token) + " has id " + std::to_string(id) +
                           ", which leaves gaps in the vocabulary",
                       offset);
    }
    std::string_view& slot = result.tokens[id];
    if (slot.data() != nullptr && slot != token) {
      return MakeError(Code::kBadVocab,
                       ShownToken(token) + " and " + ShownToken(slot) + " have the same id " +
                           std::to_string(id),
                       offset);
    }
    if (slot.data() == nullptr) slot = token;
    n_tokens = std::max(n_tokens, static_cast<size_t>(id) + 1);
    return {};
  }

  Status AddSpecialName(std::string_view kept, uint64_t offset) {
    if (n_special_names == special_names.size()) {
      return MakeError(Code::kLimit,
                       "more than " + std::to_string(n_special_names) + " special tokens", offset);
    }
    special_names[n_special_names++] = kept;
    return {};
  }
};

}  // namespace parley
