// Reads the metadata about tokens and chats and refuses what Parley does not have. What tokens and
// merges make together is the tokenizer's to check.
#include "engine/open.h"

#include <algorithm>
#include <bit>
#include <string>
#include <string_view>
#include <utility>

namespace parley {
namespace {

// gguf.md, "tokenizer.ggml.token_type".
constexpr int32_t kUnknownToken = 2, kUserDefinedToken = 4, kUnusedToken = 5;  // 3 is control

constexpr char kTokens[] = "tokenizer.ggml.tokens";
constexpr char kMerges[] = "tokenizer.ggml.merges";
constexpr char kTypes[] = "tokenizer.ggml.token_type";

// -1 when the key is absent.
Result<int32_t> ReadId(const GgufHeader& header, const char* key, uint32_t n_tokens) {
  if (!header.Has(key)) return -1;
  TRY_ASSIGN(const uint64_t id, header.GetUint(key, 0));
  if (id >= n_tokens) {
    return MakeError(Code::kBadVocab, std::string(key) + " is " + std::to_string(id) +
                                          "; the vocabulary has " + std::to_string(n_tokens) +
                                          " tokens");
  }
  return static_cast<int32_t>(id);
}

struct PreTokenizerName {
  const char* name;
  PreTokenizer kind;
};
constexpr PreTokenizerName kPreTokenizers[] = {{"gpt-2", PreTokenizer::kGpt2},
                                               {"smollm", PreTokenizer::kSmollm},
                                               {"llama-bpe", PreTokenizer::kLlama3}};

Result<PreTokenizer> ReadKind(const GgufHeader& header) {
  TRY_ASSIGN(const std::string_view model, header.GetString("tokenizer.ggml.model", ""));
  if (model != "gpt2") {
    return MakeError(Code::kUnsupportedModel, "tokenizer.ggml.model is '" + std::string(model) +
                                                  "'; Parley has GPT-2's byte-level BPE");
  }
  TRY_ASSIGN(const std::string_view pre, header.GetString("tokenizer.ggml.pre", "gpt-2"));
  std::string known;
  for (const PreTokenizerName& one : kPreTokenizers) {
    if (pre == one.name) return one.kind;
    known += (known.empty() ? "'" : ", '") + std::string(one.name) + "'";
  }
  return MakeError(Code::kUnsupportedModel, "tokenizer.ggml.pre is '" + std::string(pre) +
                                                "'; Parley cuts text as " + known + " do");
}

// Empty when the file has none.
Result<Buffer<int32_t>> ReadTypes(const GgufHeader& header, uint64_t n_tokens) {
  TRY_ASSIGN(Buffer<int32_t> types, header.GetInts(kTypes));
  if (!types.empty() && types.size() != n_tokens) {
    return MakeError(Code::kBadVocab, std::to_string(types.size()) + " token types for " +
                                          std::to_string(n_tokens) + " tokens");
  }
  return types;
}

// Ids of tokens that are not made from other text.
struct IdLists {
  Buffer<int32_t> ids;  // special ones from the front, literal ones from the back
  size_t n_special = 0, n_literal = 0;
  std::span<const int32_t> special() const { return ids.span().first(n_special); }
  std::span<const int32_t> literal() const { return ids.span().last(n_literal); }
};

// A user-defined token is literal text, as in llama.cpp (llama-vocab.cpp, tokenizer_st_partition
// and token_to_piece), except one that begins or ends texts or turns: what a user types must not
// give it, whatever its type. llama.cpp makes control tokens of these likewise.
Result<IdLists> SortTypes(std::span<const int32_t> types, std::span<const std::string_view> tokens,
                          const Engine& engine) {
  const auto named = [](int32_t type) { return type >= kUnknownToken && type <= kUnusedToken; };
  IdLists lists;
  const auto count = static_cast<uint64_t>(std::count_if(types.begin(), types.end(), named));
  TRY_ASSIGN(lists.ids, Buffer<int32_t>::Make(count, "special ids"));
  for (size_t id = 0; id < types.size(); ++id) {
    if (!named(types[id])) continue;
    const auto number = static_cast<int32_t>(id);
    const bool ends_turns = number == engine.bos_id || number == engine.eos_id ||
                            (tokens[id].starts_with("<|") && tokens[id].ends_with("|>"));
    const bool literal = types[id] == kUserDefinedToken && !ends_turns;
    lists.ids[literal ? count - ++lists.n_literal : lists.n_special++] = number;
  }
  return lists;
}

// Completes what was read of them. `add_bos`: what a file that does not say means.
Status FinishSpecialIds(const GgufHeader& header, bool add_bos, Engine* engine) {
  if (engine->eos_id < 0) engine->eos_id = engine->tokenizer->FindSpecial("<|endoftext|>");
  TRY_ASSIGN(engine->add_bos,
             header.GetBool("tokenizer.ggml.add_bos_token", add_bos && engine->bos_id >= 0));
  if (engine->add_bos && engine->bos_id < 0) {
    return MakeError(Code::kBadVocab,
                     "tokenizer.ggml.add_bos_token is true but there is no bos_token_id");
  }
  return {};
}

}  // namespace

Result<uint64_t> PlanTokenizerBytes(const GgufHeader& header) {
  uint64_t bytes = header.header_bytes();
  for (const char* key : {kTokens, kMerges}) {
    const GgufHeader::Entry* entry = header.FindEntry(key);
    if (entry == nullptr) continue;
    // While it is made: a view a string, and a hash table of at most four slots a token. To stay:
    // the tokens' text and four numbers a token, or a hash table of at most four slots a merge.
    const uint64_t slots = 2 * std::bit_ceil(entry->count + 1);
    const bool tokens = key == kTokens;
    bytes += entry->count * (sizeof(std::string_view) + 16) + slots * (tokens ? 4 : 12) +
             (tokens ? entry->bytes : 0);
  }
  return bytes;
}

Result<uint32_t> CountUsableIds(const GgufHeader& header, uint32_t vocab_size) {
  const GgufHeader::Entry* tokens = header.FindEntry(kTokens);
  const uint64_t n_tokens = tokens == nullptr ? 0 : tokens->count;
  if (n_tokens > vocab_size) {
    return MakeError(Code::kBadVocab, std::to_string(n_tokens) + " tokens for an embedding of " +
                                          std::to_string(vocab_size) + " rows");
  }
  TRY_ASSIGN(const Buffer<int32_t> types, ReadTypes(header, n_tokens));
  auto usable = static_cast<uint32_t>(n_tokens);
  while (usable > 0 && !types.empty() && types[usable - 1] == kUnusedToken) --usable;
  return usable;
}

Status OpenTokenizer(const GgufHeader& header, Engine* engine) {
  TRY_ASSIGN(const PreTokenizer pre, ReadKind(header));
  TRY_ASSIGN(const Buffer<std::string_view> tokens, header.GetStrings(kTokens));
  TRY_ASSIGN(const Buffer<std::string_view> merges, header.GetStrings(kMerges));
  TRY_ASSIGN(const Buffer<int32_t> types, ReadTypes(header, tokens.size()));
  const auto n_tokens = static_cast<uint32_t>(tokens.size());
  TRY_ASSIGN(engine->bos_id, ReadId(header, "tokenizer.ggml.bos_token_id", n_tokens));
  TRY_ASSIGN(engine->eos_id, ReadId(header, "tokenizer.ggml.eos_token_id", n_tokens));
  TRY_ASSIGN(const IdLists ids, SortTypes(types.span(), tokens.span(), *engine));
  TRY_ASSIGN(engine->tokenizer,
             Tokenizer::Make({tokens.span(), merges.span(), ids.special(), pre, ids.literal()}));
  // llama.cpp begins a text of a llama-bpe model with its first token unless the file says
  // otherwise.
  TRY(FinishSpecialIds(header, pre == PreTokenizer::kLlama3, engine));
  TRY_ASSIGN(const std::string_view format_id, header.GetString("parley.chat_format", ""));
  TRY_ASSIGN(const std::string_view name, header.GetString("general.name", ""));
  TRY_ASSIGN(engine->style.format, ChooseChatFormat(format_id, name, *engine->tokenizer));
  TRY_ASSIGN(const std::string_view chat_template, header.GetString("tokenizer.chat_template", ""));
  engine->style.default_system = DefaultSystemOf(chat_template);
  return {};
}

}  // namespace parley
