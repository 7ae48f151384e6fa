// See tokenizer.h. Checks and builds the tables; cutting text is pretokenize.h's, merging is
// bpe.h's.
#include "tokenizer/tokenizer.h"

#include <algorithm>
#include <utility>

#include "base/buffer.h"
#include "tokenizer/bpe.h"
#include "tokenizer/byte_alphabet.h"
#include "tokenizer/pretokenize.h"
#include "tokenizer/utf8.h"
#include "tokenizer/vocabulary_index.h"

namespace parley {
namespace {

constexpr uint64_t kMaxTokens =
    1 << 20;  // four times the largest vocabularies in use; merges likewise
constexpr uint64_t kMaxTokenBytes = 1 << 16;
constexpr uint64_t kMaxSpecialBytes = 256;  // bounds the search at each position of a text
constexpr uint64_t kMaxTextBytes = uint64_t{1} << 29;

// What an error message shows of a token: never more than a line.
std::string Quoted(std::string_view text) {
  std::string shown = "'";
  AppendAsUtf8(text.substr(0, 40), &shown);
  for (char& c : shown) {
    if (static_cast<uint8_t>(c) < 0x20) c = '?';
  }
  return shown + (text.size() > 40 ? "...'" : "'");
}

Error BadToken(size_t id, const std::string& problem) {
  return MakeError(Code::kBadVocab,
                   "token " + std::to_string(id) + " of the vocabulary " + problem);
}

// Appends a token's bytes to `bytes` (which has room). A token with a character outside the
// alphabet is literal text, as in Hugging Face's byte-level decoder: some vocabularies have such
// entries ("  ").
Status AppendTokenBytes(std::string_view token, bool literal, size_t id, char* bytes,
                        size_t* size) {
  const size_t begin = *size;
  size_t length = 0;
  for (size_t at = 0; at < token.size(); at += length) {
    const Utf8Character character = ReadUtf8(token, at);
    if (!character.well_formed) return BadToken(id, "is not UTF-8");
    length = character.length;
    const int32_t byte = ByteOfCharacter(character.code_point);
    literal |= byte < 0;
    if (!literal) bytes[(*size)++] = static_cast<char>(byte);
  }
  if (literal) *size = begin + token.copy(bytes + begin, token.size());
  return {};
}

// Bits: a search is for one kind or both.
enum : uint8_t { kPlain = 0, kLiteral = 1, kSpecial = 2 };

struct Pair {
  std::string_view left, right;
};

// False when a merge is not two symbols around one space.
bool SplitMerge(std::string_view merge, Pair* pair) {
  const size_t space = merge.find(' ');
  if (space == std::string_view::npos || merge.find(' ', space + 1) != std::string_view::npos)
    return false;
  *pair = {merge.substr(0, space), merge.substr(space + 1)};
  return !pair->left.empty() && !pair->right.empty();
}

Error BadMerge(size_t rank, std::string_view merge, const std::string& problem) {
  return MakeError(Code::kBadVocab, "merge " + std::to_string(rank + 1) + " (line " +
                                        std::to_string(rank + 2) + " of merges.txt), " +
                                        Quoted(merge) + ": " + problem);
}

}  // namespace

struct Tokenizer::Tables {
  Buffer<char> bytes;             // of all tokens, one after another
  Buffer<uint32_t> ends;          // by id: where the token's bytes end
  Buffer<uint8_t> kinds;          // by id: kPlain, kLiteral or kSpecial
  Buffer<int32_t> by_name;        // literal and special ids, in order of their names
  Buffer<int32_t> by_bytes;       // kLlama3: all other ids, in order of their bytes; else empty
  uint8_t begun_kinds[256] = {};  // the kinds that begin with a byte, as bits
  int32_t byte_ids[256];          // -1: the byte has no token
  MergeTable merges;
  PreTokenizer pre = PreTokenizer::kGpt2;

  std::string_view Bytes(size_t id) const {
    const size_t begin = id == 0 ? 0 : ends[id - 1];
    return {bytes.data() + begin, ends[id] - begin};
  }
  Status AddTokens(const VocabularyView& vocabulary);
  Status SetKind(std::span<const int32_t> ids, uint8_t kind);
  Status SortByName();
  Status AddBytes(const VocabularyIndex& index);
  Status AddMerges(const VocabularyView& vocabulary, const VocabularyIndex& index);

  Status SortByBytes();
  // The token that is the whole piece, or -1; always -1 but for kLlama3.
  int32_t FindPiece(std::string_view piece) const;
  // The longest token of these kinds that `text` begins with, or -1.
  int32_t MatchName(std::string_view text, uint8_t wanted_kinds) const;
  Status EncodeText(std::string_view text, BpeWorkspace* workspace, std::vector<int32_t>* ids,
                    uint64_t* pieces) const;
};

Status Tokenizer::Tables::AddTokens(const VocabularyView& vocabulary) {
  uint64_t total = 0;
  for (size_t id = 0; id < vocabulary.tokens.size(); ++id) {
    const std::string_view token = vocabulary.tokens[id];
    if (token.empty()) return BadToken(id, "is missing or empty");
    if (token.size() > kMaxTokenBytes) return BadToken(id, "is over 65,536 bytes long");
    total += token.size();
  }
  if (total > UINT32_MAX) return MakeError(Code::kLimit, "a vocabulary of over 4 GiB");
  TRY_ASSIGN(bytes, Buffer<char>::Make(total, "token bytes"));
  TRY_ASSIGN(ends, Buffer<uint32_t>::Make(vocabulary.tokens.size(), "token table"));
  TRY_ASSIGN(kinds, Buffer<uint8_t>::Make(vocabulary.tokens.size(), "token table"));
  TRY(SetKind(vocabulary.literal_ids, kLiteral));
  TRY(SetKind(vocabulary.special_ids, kSpecial));
  size_t size = 0;
  for (size_t id = 0; id < vocabulary.tokens.size(); ++id) {
    TRY(AppendTokenBytes(vocabulary.tokens[id], kinds[id] != kPlain, id, bytes.data(), &size));
    ends[id] = static_cast<uint32_t>(size);
  }
  return {};
}

Status Tokenizer::Tables::SetKind(std::span<const int32_t> ids, uint8_t kind) {
  for (const int32_t id : ids) {
    if (id < 0 || static_cast<size_t>(id) >= kinds.size()) {
      return MakeError(Code::kBadVocab, "special token " + std::to_string(id) +
                                            " is not in the vocabulary of " +
                                            std::to_string(kinds.size()));
    }
    kinds[static_cast<size_t>(id)] = kind;
  }
  return {};
}

Status Tokenizer::Tables::SortByName() {
  const auto plain = static_cast<size_t>(std::count(kinds.begin(), kinds.end(), kPlain));
  TRY_ASSIGN(by_name, Buffer<int32_t>::Make(kinds.size() - plain, "special tokens"));
  size_t next = 0;
  for (size_t id = 0; id < kinds.size(); ++id) {
    if (kinds[id] == kPlain) continue;
    if (Bytes(id).size() > kMaxSpecialBytes)
      return BadToken(id, "is special and over 256 bytes long");
    by_name[next++] = static_cast<int32_t>(id);
    begun_kinds[static_cast<uint8_t>(Bytes(id)[0])] |= kinds[id];
  }
  std::sort(by_name.begin(), by_name.end(), [this](int32_t a, int32_t b) {
    return Bytes(static_cast<size_t>(a)) < Bytes(static_cast<size_t>(b));
  });
  return {};
}

Status Tokenizer::Tables::AddBytes(const VocabularyIndex& index) {
  for (uint32_t byte = 0; byte < 256; ++byte) {
    const std::string symbol = SymbolOfByte(static_cast<uint8_t>(byte));
    byte_ids[byte] = index.Find(symbol);
    const auto id = static_cast<size_t>(byte_ids[byte]);
    const char text = static_cast<char>(byte);
    const bool other_text =
        byte_ids[byte] >= 0 && (kinds[id] == kSpecial || Bytes(id) != std::string_view(&text, 1));
    if (other_text || (byte_ids[byte] < 0 && pre == PreTokenizer::kGpt2)) {
      return MakeError(Code::kBadVocab, "the vocabulary has no token " + Quoted(symbol) +
                                            " for byte " + std::to_string(byte));
    }
  }
  return {};
}

Status Tokenizer::Tables::AddMerges(const VocabularyView& vocabulary,
                                    const VocabularyIndex& index) {
  TRY_ASSIGN(merges, MergeTable::Make(static_cast<uint32_t>(vocabulary.merges.size())));
  std::string joined;
  for (size_t rank = 0; rank < vocabulary.merges.size(); ++rank) {
    const std::string_view merge = vocabulary.merges[rank];
    Pair pair;
    if (!SplitMerge(merge, &pair)) return BadMerge(rank, merge, "not two symbols around one space");
    if (pair.left.size() + pair.right.size() > kMaxTokenBytes) {
      return BadMerge(rank, merge, "over 65,536 bytes long");
    }
    joined.assign(pair.left).append(pair.right);
    uint32_t ids[3];
    const std::string_view symbols[3] = {pair.left, pair.right, joined};
    for (int i = 0; i < 3; ++i) {
      const int32_t id = index.Find(symbols[i]);
      if (id < 0) return BadMerge(rank, merge, Quoted(symbols[i]) + " is not in the vocabulary");
      ids[i] = static_cast<uint32_t>(id);
      if (kinds[ids[i]] == kSpecial) {
        return BadMerge(rank, merge,
                        Quoted(symbols[i]) + " is a special token, which text must not give");
      }
    }
    if (auto added = merges.Add(ids[0], ids[1], ids[2]); !added.ok()) {
      if (added.error().code != Code::kBadVocab) return added;
      return BadMerge(rank, merge, added.error().message);
    }
  }
  return {};
}

Status Tokenizer::Tables::SortByBytes() {
  const auto count = static_cast<size_t>(std::count(kinds.begin(), kinds.end(), kPlain));
  TRY_ASSIGN(by_bytes, Buffer<int32_t>::Make(count, "tokens in order"));
  size_t next = 0;
  for (size_t id = 0; id < kinds.size(); ++id) {
    if (kinds[id] == kPlain) by_bytes[next++] = static_cast<int32_t>(id);
  }
  std::sort(by_bytes.begin(), by_bytes.end(), [this](int32_t a, int32_t b) {
    return Bytes(static_cast<size_t>(a)) < Bytes(static_cast<size_t>(b));
  });
  return {};
}

int32_t Tokenizer::Tables::FindPiece(std::string_view piece) const {
  const int32_t* found = std::partition_point(by_bytes.begin(), by_bytes.end(), [&](int32_t id) {
    return Bytes(static_cast<size_t>(id)) < piece;
  });
  return found != by_bytes.end() && Bytes(static_cast<size_t>(*found)) == piece ? *found : -1;
}

int32_t Tokenizer::Tables::MatchName(std::string_view text, uint8_t wanted_kinds) const {
  if ((begun_kinds[static_cast<uint8_t>(text[0])] & wanted_kinds) == 0) return -1;
  // Narrows the sorted names to those that share one more byte with the text; a name that ends
  // there comes first.
  const int32_t* first = by_name.begin();
  const int32_t* last = by_name.end();
  int32_t longest = -1;
  for (size_t depth = 0; first != last; ++depth) {
    if (Bytes(static_cast<size_t>(*first)).size() == depth) {
      if ((kinds[static_cast<size_t>(*first)] & wanted_kinds) != 0) longest = *first;
      ++first;
    }
    if (depth == text.size()) break;
    const auto byte_at = [this, depth](int32_t id) {
      return static_cast<uint8_t>(Bytes(static_cast<size_t>(id))[depth]);
    };
    const auto wanted = static_cast<uint8_t>(text[depth]);
    first = std::partition_point(first, last, [&](int32_t id) { return byte_at(id) < wanted; });
    last = std::partition_point(first, last, [&](int32_t id) { return byte_at(id) == wanted; });
  }
  return longest;
}

Status Tokenizer::Tables::EncodeText(std::string_view text, BpeWorkspace* workspace,
                                     std::vector<int32_t>* ids, uint64_t* pieces) const {
  Piece piece{0, 0, true};
  for (size_t begin = 0; begin < text.size(); begin = piece.end) {
    piece = NextPiece(pre, text, begin);
    ++*pieces;
    const int32_t whole = piece.well_formed ? FindPiece(text.substr(begin, piece.end - begin)) : -1;
    if (whole >= 0) {
      ids->push_back(whole);
      continue;
    }
    TRY_ASSIGN(uint32_t* symbols, workspace->Reserve(piece.utf8_bytes));
    uint32_t count = 0;
    const auto append = [&](std::string_view part) {
      for (const char c : part) {
        const int32_t id = byte_ids[static_cast<uint8_t>(c)];
        if (id >= 0) symbols[count++] = static_cast<uint32_t>(id);
      }
    };
    if (piece.well_formed) {
      append(text.substr(begin, piece.end - begin));
    } else {
      for (size_t at = begin; at < piece.end;) {
        const Utf8Character character = ReadUtf8(text, at);
        append(character.well_formed ? text.substr(at, character.length) : kReplacementUtf8);
        at += character.length;
      }
    }
    if (count > 0) workspace->Merge(merges, count, ids);
  }
  return {};
}

Tokenizer::Tokenizer(std::unique_ptr<Tables> tables) : tables_(std::move(tables)) {}
Tokenizer::~Tokenizer() = default;

Result<std::unique_ptr<Tokenizer>> Tokenizer::Make(const VocabularyView& vocabulary) {
  if (vocabulary.tokens.size() > kMaxTokens || vocabulary.merges.size() > kMaxTokens) {
    return MakeError(Code::kLimit, "a vocabulary of " + std::to_string(vocabulary.tokens.size()) +
                                       " tokens and " + std::to_string(vocabulary.merges.size()) +
                                       " merges; at most 1,048,576 of each are read");
  }
  TRY_ASSIGN(const VocabularyIndex index, VocabularyIndex::Make(vocabulary.tokens));
  auto tables = std::make_unique<Tables>();
  tables->pre = vocabulary.pre;
  TRY(tables->AddTokens(vocabulary));
  TRY(tables->SortByName());
  TRY(tables->AddBytes(index));
  TRY(tables->AddMerges(vocabulary, index));
  if (vocabulary.pre == PreTokenizer::kLlama3) TRY(tables->SortByBytes());
  return std::unique_ptr<Tokenizer>(new Tokenizer(std::move(tables)));
}

Result<Buffer<std::string_view>> Tokenizer::ParseMerges(std::string_view merges_txt) {
  const auto bad_line = [](size_t line, std::string_view text, const char* problem) {
    return MakeError(Code::kBadVocab, "line " + std::to_string(line) + " of merges.txt, " +
                                          Quoted(text) + ": " + problem);
  };
  if (merges_txt.ends_with('\n')) merges_txt.remove_suffix(1);
  const auto lines =
      static_cast<uint64_t>(std::count(merges_txt.begin(), merges_txt.end(), '\n')) + 1;
  if (lines > kMaxTokens + 1)
    return MakeError(Code::kLimit, "merges.txt has over 1,048,576 merges");
  TRY_ASSIGN(auto merges, Buffer<std::string_view>::Make(lines - 1, "merges"));
  for (size_t line = 1, begin = 0; line <= lines; ++line) {
    const std::string_view text = merges_txt.substr(begin, merges_txt.find('\n', begin) - begin);
    begin += text.size() + 1;
    if (text.ends_with('\r')) return bad_line(line, text, "ends in CRLF; LF is needed");
    if (line == 1) {
      if (!text.starts_with("#version")) return bad_line(line, text, "#version is needed first");
      continue;
    }
    Pair pair;
    if (!SplitMerge(text, &pair)) return bad_line(line, text, "not two symbols around one space");
    merges[line - 2] = text;
  }
  return merges;
}

uint32_t Tokenizer::size() const { return static_cast<uint32_t>(tables_->ends.size()); }

uint64_t Tokenizer::memory_bytes() const {
  return sizeof(Tables) + tables_->bytes.size() + tables_->ends.size() * sizeof(uint32_t) +
         tables_->kinds.size() +
         (tables_->by_name.size() + tables_->by_bytes.size()) * sizeof(int32_t) +
         tables_->merges.memory_bytes();
}

Status Tokenizer::Encode(std::string_view text, bool parse_special, std::vector<int32_t>* ids,
                         EncodeCounts* counts) const {
  if (text.size() > kMaxTextBytes) {
    return MakeError(Code::kLimit, "a text of " + std::to_string(text.size()) +
                                       " bytes; at most 512 MiB are read");
  }
  const size_t before = ids->size();
  BpeWorkspace workspace;
  uint64_t pieces = 0;
  Status status;
  const uint8_t wanted_kinds = parse_special ? kLiteral | kSpecial : kLiteral;
  size_t begin = 0;  // of the text since the last token that was found by its name
  for (size_t at = 0; !tables_->by_name.empty() && status.ok() && at < text.size();) {
    const int32_t found = tables_->MatchName(text.substr(at), wanted_kinds);
    if (found < 0) {
      ++at;
      continue;
    }
    status = tables_->EncodeText(text.substr(begin, at - begin), &workspace, ids, &pieces);
    ids->push_back(found);
    at += Bytes(found).size();
    begin = at;
  }
  if (status.ok()) status = tables_->EncodeText(text.substr(begin), &workspace, ids, &pieces);
  if (!status.ok()) ids->resize(before);
  if (counts != nullptr) *counts = {pieces, workspace.heap_operations()};
  return status;
}

std::string_view Tokenizer::Bytes(int32_t id) const {
  return id >= 0 && static_cast<uint32_t>(id) < size() ? tables_->Bytes(static_cast<size_t>(id))
                                                       : std::string_view();
}

bool Tokenizer::IsSpecial(int32_t id) const {
  return id >= 0 && static_cast<uint32_t>(id) < size() &&
         tables_->kinds[static_cast<size_t>(id)] == kSpecial;
}

int32_t Tokenizer::FindSpecial(std::string_view name) const {
  const auto& by_name = tables_->by_name;
  const int32_t* found = std::partition_point(by_name.begin(), by_name.end(),
                                              [&](int32_t id) { return Bytes(id) < name; });
  return found != by_name.end() && Bytes(*found) == name && IsSpecial(*found) ? *found : -1;
}

Result<std::string> Tokenizer::Decode(std::span<const int32_t> ids, bool skip_special) const {
  std::string bytes;
  for (const int32_t id : ids) {
    if (id < 0 || static_cast<uint32_t>(id) >= size()) {
      return MakeError(Code::kBadArg, "token id " + std::to_string(id) +
                                          " is outside the vocabulary of " +
                                          std::to_string(size()));
    }
    if (skip_special && IsSpecial(id)) continue;
    bytes.append(Bytes(id));
  }
  std::string text;
  text.reserve(bytes.size());
  AppendAsUtf8(bytes, &text);
  return text;
}

}  // namespace parley
