// {"added_tokens": [{"id", "content", "special", ...}], "normalizer", "pre_tokenizer": {"type",
// "add_prefix_space", "use_regex"}, "model": {"type", "vocab": {token: id}, "merges": ["a b"] or
// [["a", "b"]], ...}, ...}
#include "formats/hf_tokenizer_json.h"

#include <string>
#include <utility>

#include "formats/json_reader.h"

namespace parley {
namespace {

using Kind = JsonValue::Kind;

constexpr std::string_view kFile = "tokenizer.json";
constexpr std::string_view kMergesBegin = "#version: 0.2\n";  // the first line of a merges.txt

Error Unsupported(const std::string& what, uint64_t offset) {
  return MakeError(Code::kUnsupportedModel, what + "; GPT-2's byte-level BPE is read", offset);
}

class TokenizerHandler final : public JsonHandler {
 public:
  TokenizerHandler(HfTokenizerDraft* draft, bool added_only)
      : draft_(draft), added_only_(added_only) {}

  Status OnValue(const JsonPath& path, const JsonValue& value) override {
    if (path.depth() == 0) {
      const bool object = value.kind == Kind::kObject || value.kind == Kind::kObjectEnd;
      return object ? Status() : MakeError(Code::kBadJson, "an object expected", value.offset);
    }
    const std::string_view key = path.key(0);
    if (key == "added_tokens") return OnAddedToken(path, value);
    if (added_only_) return {};
    if (key == "normalizer" && path.depth() == 1 && value.kind == Kind::kObject) {
      return Unsupported("a normalizer", value.offset);
    }
    if (key == "pre_tokenizer" && path.depth() == 2) return OnPreTokenizer(path, value);
    if (key == "model" && path.depth() >= 2) return OnModel(path, value);
    return {};
  }

  bool byte_level() const { return byte_level_; }
  size_t merges_bytes() const { return merges_bytes_; }

 private:
  Status OnAddedToken(const JsonPath& path, const JsonValue& value) {
    if (path.depth() == 2 && value.kind == Kind::kObject) {
      content_ = {};
      has_id_ = false;
      special_ = false;
    } else if (path.depth() == 3 && path.key(2) == "id" && value.kind == Kind::kUint) {
      id_ = value.uint;
      has_id_ = true;
    } else if (path.depth() == 3 && path.key(2) == "content" && value.kind == Kind::kString) {
      content_ = draft_->Keep(value.string);
    } else if (path.depth() == 3 && path.key(2) == "special" && value.kind == Kind::kBool) {
      special_ = value.boolean;
    } else if (path.depth() == 2 && value.kind == Kind::kObjectEnd) {
      if (!has_id_ || content_.data() == nullptr) {
        return MakeError(Code::kBadJson, path.ToString() + ": an id with its content expected",
                         value.offset);
      }
      TRY(draft_->SetToken(id_, content_, value.offset));
      if (special_) return draft_->AddSpecialName(content_, value.offset);
    }
    return {};
  }

  Status OnPreTokenizer(const JsonPath& path, const JsonValue& value) {
    const std::string_view key = path.key(1);
    if (key == "type" && value.kind == Kind::kString) {
      byte_level_ = value.string == "ByteLevel";
      if (!byte_level_) {
        return Unsupported("pre-tokenizer '" + std::string(value.string.substr(0, 40)) + "'",
                           value.offset);
      }
    }
    if (key == "add_prefix_space" && value.kind == Kind::kBool && value.boolean) {
      return Unsupported("add_prefix_space", value.offset);
    }
    if (key == "use_regex" && value.kind == Kind::kBool && !value.boolean) {
      return Unsupported("a pre-tokenizer without its pattern", value.offset);
    }
    return {};
  }

  Status OnModel(const JsonPath& path, const JsonValue& value) {
    const std::string_view key = path.key(1);
    if (key == "vocab") return OnVocabulary(path, value);
    if (key == "merges") return OnMerge(path, value);
    if (path.depth() != 2) return {};
    if (key == "type" && value.kind == Kind::kString && value.string != "BPE") {
      return Unsupported("model '" + std::string(value.string.substr(0, 40)) + "'", value.offset);
    }
    const bool affix = key == "continuing_subword_prefix" || key == "end_of_word_suffix";
    const bool refused = (affix && value.kind == Kind::kString && !value.string.empty()) ||
                         (key == "byte_fallback" && value.boolean);
    return refused ? Unsupported(std::string(key), value.offset) : Status();
  }

  Status OnVocabulary(const JsonPath& path, const JsonValue& value) {
    if (path.depth() == 2 && (value.kind == Kind::kObject || value.kind == Kind::kObjectEnd))
      return {};
    if (path.depth() != 3 || value.kind != Kind::kUint) {
      return MakeError(Code::kBadJson, "model.vocab: an object of tokens and their ids expected",
                       value.offset);
    }
    return draft_->SetToken(value.uint, draft_->Keep(path.key(2)), value.offset);
  }

  // "a b", or ["a", "b"].
  Status OnMerge(const JsonPath& path, const JsonValue& value) {
    if (path.depth() == 2 && (value.kind == Kind::kArray || value.kind == Kind::kArrayEnd))
      return StartMerges();
    const bool pair = path.depth() == 4 && path.index(3) < 2;
    if (value.kind == Kind::kString && (path.depth() == 3 || pair)) {
      if (value.string.find_first_of("\r\n") != std::string_view::npos) {
        return MakeError(Code::kBadVocab, path.ToString() + ": a line break in a merge",
                         value.offset);
      }
      AppendMerges(value.string);
      AppendMerges(pair && path.index(3) == 0 ? " " : "\n");
      return {};
    }
    if (path.depth() == 3 && (value.kind == Kind::kArray || value.kind == Kind::kArrayEnd))
      return {};
    return MakeError(Code::kBadJson, path.ToString() + ": a merge of two symbols expected",
                     value.offset);
  }

  Status StartMerges() {
    if (merges_bytes_ == 0) AppendMerges(kMergesBegin);
    return {};
  }

  // Quotes and a comma, or brackets and quotes, have room for the break or the space.
  void AppendMerges(std::string_view text) {
    Buffer<char>& merges = draft_->result.merges_text;
    CHECK(text.size() <= merges.size() - merges_bytes_);
    std::copy(text.begin(), text.end(), merges.data() + merges_bytes_);
    merges_bytes_ += text.size();
  }

  HfTokenizerDraft* draft_;
  bool added_only_;
  bool byte_level_ = false;
  size_t merges_bytes_ = 0;
  // Of the added token being read.
  std::string_view content_;
  uint64_t id_ = 0;
  bool has_id_ = false;
  bool special_ = false;
};

Status Read(std::string_view text, TokenizerHandler* handler) {
  Status status = ReadJson(text, handler);
  return status.ok() ? Status() : Status(InFile(kFile, status.TakeError()));
}

}  // namespace

Status ReadTokenizerJson(std::string_view tokenizer_json, HfTokenizerDraft* draft) {
  HfTokenizer& result = draft->result;
  TRY_ASSIGN(result.merges_text,
             Buffer<char>::Make(tokenizer_json.size() + kMergesBegin.size(), "the merges' text"));
  TokenizerHandler handler(draft, false);
  TRY(Read(tokenizer_json, &handler));
  if (!handler.byte_level() || handler.merges_bytes() == 0) {
    return MakeError(Code::kUnsupportedModel,
                     std::string(kFile) +
                         ": no byte-level pre-tokenizer or no merges; GPT-2's "
                         "byte-level BPE is read");
  }
  result.merges_txt = {result.merges_text.data(), handler.merges_bytes()};
  return {};
}

Status ReadAddedTokens(std::string_view tokenizer_json, HfTokenizerDraft* draft) {
  if (tokenizer_json.empty()) return {};
  TokenizerHandler handler(draft, true);
  return Read(tokenizer_json, &handler);
}

}  // namespace parley
