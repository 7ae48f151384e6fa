// Small JSON documents into one vocabulary. All text goes to one arena of the documents' size,
// taken up front: unescaping never lengthens a string.
#include "formats/hf_tokenizer.h"

#include <algorithm>
#include <charconv>
#include <string>

#include "base/bytes.h"
#include "formats/hf_tokenizer_draft.h"
#include "formats/hf_tokenizer_json.h"
#include "formats/json_reader.h"

namespace parley {
namespace {

using Kind = JsonValue::Kind;

constexpr uint64_t kMaxTextBytes = 64 << 20;
constexpr uint64_t kMaxTokens = 1 << 20;
constexpr uint64_t kMinTokenBytes = 5;  // "":0,
constexpr uint64_t kMaxSpecialNames = 4096;

// {"token": id, ...}
class VocabularyHandler final : public JsonHandler {
 public:
  explicit VocabularyHandler(HfTokenizerDraft* draft) : draft_(draft) {}

  Status OnValue(const JsonPath& path, const JsonValue& value) override {
    if (path.depth() == 0 && (value.kind == Kind::kObject || value.kind == Kind::kObjectEnd))
      return {};
    if (path.depth() != 1 || value.kind != Kind::kUint) {
      return MakeError(Code::kBadJson, "an object of tokens and their ids expected", value.offset);
    }
    if (value.uint < draft_->result.tokens.size() &&
        draft_->result.tokens[value.uint].data() != nullptr) {
      return MakeError(Code::kBadVocab, "id " + std::to_string(value.uint) + " stands twice",
                       value.offset);
    }
    return draft_->SetToken(value.uint, draft_->Keep(path.key(0)), value.offset);
  }

 private:
  HfTokenizerDraft* draft_;
};

// tokenizer_config.json and special_tokens_map.json have the same keys; a token is a string or an
// object with its content. Other keys are passed over.
class SpecialTokensHandler final : public JsonHandler {
 public:
  explicit SpecialTokensHandler(HfTokenizerDraft* draft) : draft_(draft) {}

  Status OnValue(const JsonPath& path, const JsonValue& value) override {
    const uint32_t depth = path.depth();
    if (depth == 0) {
      const bool object = value.kind == Kind::kObject || value.kind == Kind::kObjectEnd;
      return object ? Status() : MakeError(Code::kBadJson, "an object expected", value.offset);
    }
    const std::string_view key = path.key(0);
    if (key == "added_tokens_decoder") return OnAddedToken(path, value);
    if (key == "additional_special_tokens") {
      const bool content = depth == 2 || (depth == 3 && path.key(2) == "content");
      return content && value.kind == Kind::kString ? OnSpecialToken(key, value) : Status();
    }
    if (key.ends_with("_token") && value.kind == Kind::kString) {
      const bool content = depth == 1 || (depth == 2 && path.key(1) == "content");
      return content ? OnSpecialToken(key, value) : Status();
    }
    if (depth != 1) return {};
    if (key == "chat_template" && value.kind == Kind::kString) {
      draft_->result.chat_template = draft_->Keep(value.string);
    }
    if (key == "add_bos_token" && value.kind == Kind::kBool) draft_->result.add_bos = value.boolean;
    return {};
  }

 private:
  Status OnSpecialToken(std::string_view key, const JsonValue& value) {
    const std::string_view kept = draft_->Keep(value.string);
    if (key == "bos_token") draft_->bos = kept;
    if (key == "eos_token") draft_->eos = kept;
    return draft_->AddSpecialName(kept, value.offset);
  }

  // "added_tokens_decoder": {"8188": {"content": "<|endoftext|>", "special": true, ...}, ...}
  Status OnAddedToken(const JsonPath& path, const JsonValue& value) {
    if (path.depth() == 2 && value.kind == Kind::kObject) {
      content_ = {};
      special_ = false;
    } else if (path.depth() == 3 && path.key(2) == "content" && value.kind == Kind::kString) {
      content_ = draft_->Keep(value.string);
    } else if (path.depth() == 3 && path.key(2) == "special" && value.kind == Kind::kBool) {
      special_ = value.boolean;
    } else if (path.depth() == 2 && value.kind == Kind::kObjectEnd) {
      const std::string_view text = path.key(1);
      uint64_t id = 0;
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
      if (error != std::errc() || end != text.data() + text.size() || content_.data() == nullptr) {
        return MakeError(Code::kBadJson, path.ToString() + ": an id with its content expected",
                         value.offset);
      }
      TRY(draft_->SetToken(id, content_, value.offset));
      if (special_) return draft_->AddSpecialName(content_, value.offset);
    }
    return {};
  }

  HfTokenizerDraft* draft_;
  std::string_view content_;  // of the added token being read
  bool special_ = false;
};

// Files that are not there are passed over.
Status ReadFile(const char* file, std::string_view text, JsonHandler* handler) {
  if (text.empty()) return {};
  Status status = ReadJson(text, handler);
  return status.ok() ? Status() : Status(InFile(file, status.TakeError()));
}

// Refuses gaps, cuts the token table to its size and indexes it; a token twice shows in the index.
Status FinishTokens(HfTokenizerDraft* draft) {
  HfTokenizer& result = draft->result;
  TRY_ASSIGN(auto tokens, Buffer<std::string_view>::Make(draft->n_tokens, "the vocabulary"));
  for (size_t id = 0; id < tokens.size(); ++id) {
    tokens[id] = result.tokens[id];
    if (tokens[id].data() == nullptr) {
      return MakeError(Code::kBadVocab, "no token has id " + std::to_string(id));
    }
  }
  result.tokens = std::move(tokens);
  TRY_ASSIGN(result.order,
             Buffer<uint32_t>::Make(result.tokens.size(), "the index of the vocabulary"));
  for (uint32_t i = 0; i < result.order.size(); ++i) result.order[i] = i;
  std::sort(result.order.begin(), result.order.end(), [&result](uint32_t a, uint32_t b) {
    return result.tokens[a] != result.tokens[b] ? result.tokens[a] < result.tokens[b] : a < b;
  });
  for (size_t i = 1; i < result.order.size(); ++i) {
    const std::string_view token = result.tokens[result.order[i]];
    if (token == result.tokens[result.order[i - 1]]) {
      return MakeError(Code::kBadVocab, ShownToken(token) + " has two ids");
    }
  }
  return {};
}

bool LooksSpecial(std::string_view token) {
  return token.size() > 4 && token.starts_with("<|") && token.ends_with("|>");
}

// Marks "<|...|>" entries, then unmarks those that a merge "left right" makes.
void MarkByLooks(const HfTokenizer& result, std::string_view merges_txt, std::span<uint8_t> marks) {
  for (size_t id = 0; id < marks.size(); ++id) marks[id] = LooksSpecial(result.tokens[id]) ? 1 : 0;
  std::string joined;
  while (!merges_txt.empty()) {
    const std::string_view line = merges_txt.substr(0, merges_txt.find('\n'));
    merges_txt.remove_prefix(std::min(merges_txt.size(), line.size() + 1));
    if (!line.starts_with("<|") && !line.starts_with("< |")) continue;
    const size_t space = line.find(' ');
    if (space == std::string_view::npos) continue;
    joined.assign(line.substr(0, space)).append(line.substr(space + 1));
    if (const int32_t id = result.Find(joined); id >= 0) marks[static_cast<size_t>(id)] = 0;
  }
}

Status FinishSpecials(HfTokenizerDraft* draft, std::string_view merges_txt) {
  HfTokenizer& result = draft->result;
  TRY_ASSIGN(auto marks, Buffer<uint8_t>::Make(result.tokens.size(), "marks of special tokens"));
  size_t count = 0;
  for (const std::string_view name : draft->special_names.span().first(draft->n_special_names)) {
    if (const int32_t id = result.Find(name); id >= 0) marks[static_cast<size_t>(id)] = 1;
  }
  if (draft->n_special_names == 0) MarkByLooks(result, merges_txt, marks.span());
  for (const uint8_t mark : marks) count += mark;
  TRY_ASSIGN(result.special_ids, Buffer<int32_t>::Make(count, "special tokens"));
  size_t next = 0;
  for (size_t id = 0; id < marks.size(); ++id) {
    if (marks[id] != 0) result.special_ids[next++] = static_cast<int32_t>(id);
  }
  constexpr std::string_view kGpt2End =
      "<|endoftext|>";  // what GPT2Tokenizer takes where nothing is said
  result.bos_id = result.Find(draft->bos.empty() ? kGpt2End : draft->bos);
  result.eos_id = result.Find(draft->eos.empty() ? kGpt2End : draft->eos);
  return {};
}

}  // namespace

int32_t HfTokenizer::Find(std::string_view token) const {
  const auto less = [this](uint32_t id, std::string_view wanted) { return tokens[id] < wanted; };
  const uint32_t* found = std::lower_bound(order.begin(), order.end(), token, less);
  return found != order.end() && tokens[*found] == token ? static_cast<int32_t>(*found) : -1;
}

bool HfTokenizer::IsSpecial(int32_t id) const {
  return std::binary_search(special_ids.begin(), special_ids.end(), id);
}

Result<HfTokenizer> ReadHfTokenizer(const HfTokenizerTexts& texts) {
  const bool from_json =
      !texts.tokenizer_json.empty() && (texts.vocab_json.empty() || texts.merges_txt.empty());
  if (!from_json && texts.vocab_json.empty()) {
    return MakeError(Code::kBadVocab,
                     "no tokenizer: vocab.json and merges.txt, or tokenizer.json, are needed");
  }
  const std::string_view vocabulary = from_json ? texts.tokenizer_json : texts.vocab_json;
  const uint64_t config_bytes = texts.tokenizer_config_json.size() +
                                texts.special_tokens_map_json.size() +
                                (from_json ? 0 : texts.tokenizer_json.size());
  const uint64_t bytes = vocabulary.size() + config_bytes;
  if (bytes > kMaxTextBytes) {
    return MakeError(Code::kLimit,
                     "a vocabulary of more than " + std::to_string(kMaxTextBytes) + " bytes");
  }
  HfTokenizerDraft draft;
  TRY_ASSIGN(draft.result.text, Buffer<char>::Make(bytes, "the vocabulary's text"));
  TRY_ASSIGN(draft.result.tokens,
             Buffer<std::string_view>::Make(std::min(kMaxTokens, bytes / kMinTokenBytes),
                                            "the vocabulary"));
  TRY_ASSIGN(draft.special_names, Buffer<std::string_view>::Make(std::min(kMaxSpecialNames, bytes),
                                                                 "names of special tokens"));
  if (from_json) {
    TRY(ReadTokenizerJson(texts.tokenizer_json, &draft));
  } else {
    VocabularyHandler handler(&draft);
    TRY(ReadFile("vocab.json", texts.vocab_json, &handler));
    draft.result.merges_txt = texts.merges_txt;
  }
  SpecialTokensHandler handler(&draft);
  TRY(ReadFile("tokenizer_config.json", texts.tokenizer_config_json, &handler));
  TRY(ReadFile("special_tokens_map.json", texts.special_tokens_map_json, &handler));
  if (!from_json) TRY(ReadAddedTokens(texts.tokenizer_json, &draft));
  if (Status status = FinishTokens(&draft); !status.ok()) {
    return InFile(from_json ? "tokenizer.json" : "vocab.json", status.TakeError());
  }
  TRY(FinishSpecials(&draft, draft.result.merges_txt));
  return std::move(draft.result);
}

}  // namespace parley
