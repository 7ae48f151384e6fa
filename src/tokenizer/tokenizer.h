// Byte-level BPE, GPT-2's and its descendants': text to token ids and back. Built from a GGUF's
// token list and merges, or from vocab.json and merges.txt; special tokens are produced only where
// the caller asks for them.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/buffer.h"
#include "base/result.h"
#include "tokenizer/pretokenize.h"

namespace parley {

// Everything a tokenizer is made of. Views; copied by Make.
struct VocabularyView {
  std::span<const std::string_view> tokens;  // by id, in GPT-2's printable form of bytes ("Ġthe")
  std::span<const std::string_view> merges;  // "left right", best first
  std::span<const int32_t> special_ids;      // control tokens: never made from text unless asked
  // kGpt2: every byte has a token. The others: a byte that has none is left out of what is encoded,
  // as the tokenizers that these models were trained with do (smollm's lacks 21, of control
  // characters and of UTF-8's rarest). kLlama3: a piece that is a token as it stands is that token,
  // whether merges lead to it or not.
  PreTokenizer pre = PreTokenizer::kGpt2;
  // Literal tokens: text that is this token wherever it stands, spelled as it is.
  std::span<const int32_t> literal_ids = {};
};

// How much work an Encode was, for tests of its bounds.
struct EncodeCounts {
  uint64_t pieces = 0;
  uint64_t heap_operations = 0;  // at most six for each byte of the text (18 for an ill-formed one)
};

class Tokenizer {
 public:
  // BAD_VOCAB: duplicate or missing tokens, a byte without a token, a merge that names no token
  // (with its line in a merges.txt). LIMIT: over 2^20 tokens or merges. OOM.
  static Result<std::unique_ptr<Tokenizer>> Make(const VocabularyView& vocabulary);
  // The lines of a merges.txt: "#version" first, then one merge a line. BAD_VOCAB with the line: no
  // "#version" (the reference drops the first line unread), CRLF, a line that is not two symbols
  // around one space (T1). OOM.
  static Result<Buffer<std::string_view>> ParseMerges(std::string_view merges_txt);
  ~Tokenizer();

  uint32_t size() const;          // tokens in the vocabulary
  uint64_t memory_bytes() const;  // held by this tokenizer

  // Text (any bytes; invalid UTF-8 is read as U+FFFD) to ids, appended; literal tokens first, the
  // longest at each place. `parse_special`: special tokens written in the text are read as such;
  // else they are text. Near-linear time in the text's length; about 32 bytes of memory for each
  // byte of the longest word. LIMIT: over 512 MiB of text. OOM. On an error `ids` is as it was.
  Status Encode(std::string_view text, bool parse_special, std::vector<int32_t>* ids,
                EncodeCounts* counts = nullptr) const;

  // The bytes of one token; may be part of a character. Special tokens give their name
  // ("<|user|>"). Empty for an id outside the vocabulary.
  std::string_view Bytes(int32_t id) const;
  bool IsSpecial(int32_t id) const;
  int32_t FindSpecial(std::string_view name) const;  // -1 when there is none
  // Ids to text, invalid UTF-8 as U+FFFD. BAD_ARG for an id outside the vocabulary.
  Result<std::string> Decode(std::span<const int32_t> ids, bool skip_special) const;

 private:
  struct Tables;
  explicit Tokenizer(std::unique_ptr<Tables> tables);
  std::unique_ptr<Tables> tables_;
};

}  // namespace parley
