// Fuzzes the tokenizer: texts to encode, ids to decode, vocabularies and merges to make one of.
// Aborts when a property that must hold for any input does not. The first byte chooses which.
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "tokenizer/byte_alphabet.h"
#include "tokenizer/tokenizer.h"
#include "tokenizer/utf8.h"

namespace parley {
namespace {

std::string AsUtf8(std::string_view text) {
  std::string out;
  AppendAsUtf8(text, &out);
  return out;
}

std::vector<std::string> ByteTokens() {
  std::vector<std::string> tokens;
  for (int byte = 0; byte < 256; ++byte) tokens.push_back(SymbolOfByte(static_cast<uint8_t>(byte)));
  return tokens;
}

Result<std::unique_ptr<Tokenizer>> MakeTokenizer(const std::vector<std::string>& tokens,
                                                 std::span<const std::string_view> merges,
                                                 std::span<const int32_t> special_ids) {
  const std::vector<std::string_view> views(tokens.begin(), tokens.end());
  return Tokenizer::Make({views, merges, special_ids});
}

// Bytes, a few merges with a shared middle, two special tokens of which one begins the other.
const Tokenizer& SmallTokenizer() {
  static const std::unique_ptr<Tokenizer> tokenizer = [] {
    std::vector<std::string> tokens = ByteTokens();
    std::vector<std::string_view> merges = {"t h",   "th e",          "\u0120 the",   "a a",
                                            "aa aa", "\u00C3 \u00A9", "\u0120 \u0120"};
    for (const char* merged :
         {"th", "the", "\u0120the", "aa", "aaaa", "\u00C3\u00A9", "\u0120\u0120"})
      tokens.emplace_back(merged);
    tokens.emplace_back("<|a|>");
    tokens.emplace_back("<|a|>b");
    const auto size = static_cast<int32_t>(tokens.size());
    const int32_t special_ids[] = {size - 2, size - 1};
    auto made = MakeTokenizer(tokens, merges, special_ids);
    CHECK(made.ok());
    return std::move(made.value());
  }();
  return *tokenizer;
}

void Encode(const Tokenizer& tokenizer, std::string_view text) {
  const std::string read = AsUtf8(text);
  std::vector<int32_t> ids;
  EncodeCounts counts;
  CHECK(tokenizer.Encode(text, false, &ids, &counts).ok());
  CHECK(counts.heap_operations <= 6 * read.size());
  for (const int32_t id : ids) CHECK(!tokenizer.IsSpecial(id) && !tokenizer.Bytes(id).empty());
  const auto decoded = tokenizer.Decode(ids, false);
  CHECK(decoded.ok() && *decoded == read);
  std::vector<int32_t> again;
  CHECK(tokenizer.Encode(read, false, &again).ok());
  CHECK(again == ids);

  std::vector<int32_t> with_special;
  CHECK(tokenizer.Encode(text, true, &with_special).ok());
  const auto named = tokenizer.Decode(with_special, false);
  CHECK(named.ok() && *named == read);
}

void Decode(const Tokenizer& tokenizer, std::string_view bytes) {
  std::vector<int32_t> ids(bytes.size() / sizeof(int32_t));
  if (!ids.empty()) std::memcpy(ids.data(), bytes.data(), ids.size() * sizeof(int32_t));
  bool known = true;
  std::string streamed;
  Utf8Stream stream;
  for (int32_t& id : ids) {
    if (id % 4 != 0) id = static_cast<int32_t>(static_cast<uint32_t>(id) % tokenizer.size());
    known &= id >= 0 && static_cast<uint32_t>(id) < tokenizer.size();
    stream.Push(tokenizer.Bytes(id), &streamed);
  }
  stream.Finish(&streamed);
  const auto text = tokenizer.Decode(ids, false);
  CHECK(text.ok() == known);
  if (!known) {
    CHECK(text.error().code == Code::kBadArg);
    return;
  }
  CHECK(*text == streamed && AsUtf8(*text) == *text);
}

// merges.txt, then after a NUL more tokens, one a line; the last of these is special.
void Make(std::string_view bytes) {
  const std::string_view merges_txt = bytes.substr(0, bytes.find('\0'));
  std::string_view rest = bytes.substr(std::min(merges_txt.size() + 1, bytes.size()));
  const auto merges = Tokenizer::ParseMerges(merges_txt);
  if (!merges.ok()) {
    CHECK(merges.error().code == Code::kBadVocab && !merges.error().message.empty());
    return;
  }
  std::vector<std::string> tokens = ByteTokens();
  while (!rest.empty()) {
    tokens.emplace_back(rest.substr(0, rest.find('\n')));
    rest.remove_prefix(std::min(tokens.back().size() + 1, rest.size()));
  }
  const int32_t special_ids[] = {static_cast<int32_t>(tokens.size()) - 1};
  const auto made =
      MakeTokenizer(tokens, merges->span(), std::span(special_ids).first(tokens.size() > 256));
  if (!made.ok()) {
    CHECK(made.error().code == Code::kBadVocab && !made.error().message.empty());
    return;
  }
  Encode(**made, bytes);
}

}  // namespace
}  // namespace parley

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 3) {
    case 0:
      parley::Make(rest);
      break;
    case 1:
      parley::Encode(parley::SmallTokenizer(), rest);
      break;
    case 2:
      parley::Decode(parley::SmallTokenizer(), rest);
      break;
  }
  return 0;
}
