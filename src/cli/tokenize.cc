// `parley tokenize` and `parley detokenize`: text on standard input to token ids and back, whole or
// a JSON value a line. Only the model's vocabulary is read.
#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/json_text.h"
#include "cli/commands.h"
#include "cli/files.h"
#include "cli/model_folder.h"
#include "cli/model_source.h"
#include "engine/open.h"
#include "formats/gguf_source.h"
#include "formats/hf_tokenizer.h"
#include "formats/json_reader.h"
#include "tokenizer/tokenizer.h"

namespace parley {
namespace {

constexpr uint64_t kMaxInputBytes = 512 << 20;

Result<std::unique_ptr<Tokenizer>> LoadTokenizer(const std::string& model) {
  if (IsModelFolder(model)) {
    TRY_ASSIGN(const ModelFolder folder, OpenModelFolder(model));
    TRY_ASSIGN(const HfTokenizer read, ReadHfTokenizer(folder.view().tokenizer));
    TRY_ASSIGN(const auto merges, Tokenizer::ParseMerges(read.merges_txt));
    return Tokenizer::Make({read.tokens.span(), merges.span(), read.special_ids.span()});
  }
  TRY_ASSIGN(const auto source, OpenModel(model));
  TRY_ASSIGN(const GgufHeader header, ReadGgufHeader(source.get()));
  Engine engine;
  TRY(OpenTokenizer(header, &engine));
  return std::move(engine.tokenizer);
}

// The next four hexadecimal digits of a \u escape.
bool TakeHex4(std::string_view* text, uint32_t* value) {
  if (text->size() < 4) return false;
  *value = 0;
  for (const char c : text->substr(0, 4)) {
    const bool digit = c >= '0' && c <= '9';
    const char letter = static_cast<char>(c | 0x20);
    if (!digit && (letter < 'a' || letter > 'f')) return false;
    *value = *value << 4 | static_cast<uint32_t>(digit ? c - '0' : letter - 'a' + 10);
  }
  text->remove_prefix(4);
  return true;
}

void AppendUtf8(uint32_t c, std::string* out) {
  const auto continuation = [&](int shift) {
    return static_cast<char>(0x80 | (c >> shift & 0x3F));
  };
  if (c < 0x80) {
    *out += static_cast<char>(c);
  } else if (c < 0x800) {
    *out += {static_cast<char>(0xC0 | c >> 6), continuation(0)};
  } else if (c < 0x10000) {
    *out += {static_cast<char>(0xE0 | c >> 12), continuation(6), continuation(0)};
  } else {
    *out += {static_cast<char>(0xF0 | c >> 18), continuation(12), continuation(6), continuation(0)};
  }
}

// Takes what follows a backslash. False when that is no escape.
bool TakeEscape(std::string_view* text, std::string* out) {
  if (text->empty()) return false;
  const char kind = text->front();
  text->remove_prefix(1);
  constexpr std::string_view kKinds = "\"\\/bfnrt";
  if (const size_t index = kKinds.find(kind); index != std::string_view::npos) {
    *out += "\"\\/\b\f\n\r\t"[index];
    return true;
  }
  uint32_t unit;
  if (kind != 'u' || !TakeHex4(text, &unit)) return false;
  std::string_view rest = *text;
  uint32_t low;
  if (unit >= 0xD800 && unit < 0xDC00 && rest.starts_with("\\u")) {
    rest.remove_prefix(2);
    if (TakeHex4(&rest, &low) && low >= 0xDC00 && low < 0xE000) {
      *text = rest;
      unit = 0x10000 + ((unit - 0xD800) << 10 | (low - 0xDC00));
    }
  }
  if (unit >= 0xD800 && unit < 0xE000) unit = 0xFFFD;
  AppendUtf8(unit, out);
  return true;
}

// One JSON string (RFC 8259 section 7). Unlike a strict reader's, a lone surrogate is U+FFFD and
// ill-formed UTF-8 is left for the tokenizer, which reads any bytes.
Result<std::string> ReadJsonString(std::string_view line) {
  const auto bad = [] { return MakeError(Code::kBadJson, "expected one JSON string"); };
  const size_t begin = line.find_first_not_of(" \t\r");
  const size_t last = line.find_last_not_of(" \t\r");
  if (begin == std::string_view::npos || begin == last || line[begin] != '"' || line[last] != '"')
    return bad();
  std::string_view text = line.substr(begin + 1, last - begin - 1);
  std::string out;
  while (!text.empty()) {
    const char c = text.front();
    text.remove_prefix(1);
    if (c == '"' || static_cast<unsigned char>(c) < 0x20) return bad();
    if (c != '\\') {
      out += c;
    } else if (!TakeEscape(&text, &out)) {
      return bad();
    }
  }
  return out;
}

// One JSON array of ids.
class IdsReader final : public JsonHandler {
 public:
  Status OnValue(const JsonPath& path, const JsonValue& value) override {
    using Kind = JsonValue::Kind;
    const bool bracket = value.kind == Kind::kArray || value.kind == Kind::kArrayEnd;
    const bool id = value.kind == Kind::kUint && value.uint <= INT32_MAX;
    if (path.depth() == 0 ? !bracket : !id) {
      return MakeError(Code::kBadJson, "expected one JSON array of token ids");
    }
    if (id) ids.push_back(static_cast<int32_t>(value.uint));
    return {};
  }

  std::vector<int32_t> ids;
};

Result<std::vector<int32_t>> ReadJsonIds(std::string_view line) {
  IdsReader reader;
  TRY(ReadJson(line, &reader));
  return std::move(reader.ids);
}

// Ids apart by spaces, commas or line breaks, perhaps in brackets.
Result<std::vector<int32_t>> ReadPlainIds(std::string_view text) {
  constexpr std::string_view kBetween = " \t\r\n,[]";
  std::vector<int32_t> ids;
  for (size_t begin = text.find_first_not_of(kBetween); begin != std::string_view::npos;) {
    const std::string_view word = text.substr(begin, text.find_first_of(kBetween, begin) - begin);
    uint64_t id = 0;
    bool good = word.size() <= 10;
    for (const char c : word) {
      good = good && c >= '0' && c <= '9';
      if (good) id = id * 10 + static_cast<uint64_t>(c - '0');
    }
    if (!good || id > INT32_MAX) {
      return MakeError(Code::kBadArg, "'" + std::string(word.substr(0, 40)) + "' is no token id");
    }
    ids.push_back(static_cast<int32_t>(id));
    begin = text.find_first_not_of(kBetween, begin + word.size());
  }
  return ids;
}

std::string JoinIds(const std::vector<int32_t>& ids, const char* separator) {
  std::string out;
  for (const int32_t id : ids) {
    if (!out.empty()) out += separator;
    out += std::to_string(id);
  }
  return out;
}

// Calls `convert` for each line of `input` and prints what it gives as a line of its own.
template <typename Convert>
Status ConvertLines(std::string_view input, Convert convert) {
  for (size_t line = 1; !input.empty(); ++line) {
    const std::string_view text = input.substr(0, input.find('\n'));
    input.remove_prefix(std::min(text.size() + 1, input.size()));
    Result<std::string> out = convert(text);
    if (!out.ok()) {
      Error error = out.TakeError();
      error.message = "line " + std::to_string(line) + ": " + error.message;
      return error;
    }
    *out += '\n';
    std::fwrite(out->data(), 1, out->size(), stdout);
  }
  return {};
}

}  // namespace

int RunTokenize(Arguments& arguments) {
  std::string model = kDefaultModel;
  bool special = false, jsonl = false;
  arguments.Flag("special", "special tokens written in the text are read as such", &special);
  arguments.Flag("jsonl", "read one JSON string a line, write one JSON array of ids a line",
                 &jsonl);
  DeclareModelArgument(arguments, &model);
  if (!arguments.Parse()) return arguments.exit_code();
  const auto tokenizer = LoadTokenizer(model);
  if (!tokenizer.ok()) return arguments.Fail(tokenizer.error());
  const auto input = ReadStandardInput(kMaxInputBytes);
  if (!input.ok()) return arguments.Fail(input.error());

  const auto encode = [&](std::string_view text) -> Result<std::vector<int32_t>> {
    std::vector<int32_t> ids;
    TRY((*tokenizer)->Encode(text, special, &ids));
    return ids;
  };
  if (jsonl) {
    const Status status = ConvertLines(*input, [&](std::string_view line) -> Result<std::string> {
      TRY_ASSIGN(const std::string text, ReadJsonString(line));
      TRY_ASSIGN(const std::vector<int32_t> ids, encode(text));
      return "[" + JoinIds(ids, ", ") + "]";
    });
    return status.ok() ? kExitOk : arguments.Fail(status.error());
  }
  const auto ids = encode(*input);
  if (!ids.ok()) return arguments.Fail(ids.error());
  std::puts(JoinIds(*ids, " ").c_str());
  return kExitOk;
}

int RunDetokenize(Arguments& arguments) {
  std::string model = kDefaultModel;
  bool skip_special = false, jsonl = false;
  arguments.Flag("skip-special", "leave special tokens out instead of naming them", &skip_special);
  arguments.Flag("jsonl", "read one JSON array of ids a line, write one JSON string a line",
                 &jsonl);
  DeclareModelArgument(arguments, &model);
  if (!arguments.Parse()) return arguments.exit_code();
  const auto tokenizer = LoadTokenizer(model);
  if (!tokenizer.ok()) return arguments.Fail(tokenizer.error());
  const auto input = ReadStandardInput(kMaxInputBytes);
  if (!input.ok()) return arguments.Fail(input.error());

  if (jsonl) {
    const Status status = ConvertLines(*input, [&](std::string_view line) -> Result<std::string> {
      TRY_ASSIGN(const std::vector<int32_t> ids, ReadJsonIds(line));
      TRY_ASSIGN(const std::string text, (*tokenizer)->Decode(ids, skip_special));
      std::string json;
      AppendJsonString(text, &json);
      return json;
    });
    return status.ok() ? kExitOk : arguments.Fail(status.error());
  }
  const auto ids = ReadPlainIds(*input);
  if (!ids.ok()) return arguments.Fail(ids.error());
  const auto text = (*tokenizer)->Decode(*ids, skip_special);
  if (!text.ok()) return arguments.Fail(text.error());
  std::fwrite(text->data(), 1, text->size(),
              stdout);  // nothing added: the same bytes that were tokenized
  return kExitOk;
}

}  // namespace parley
