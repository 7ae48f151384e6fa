#include "formats/hf_tokenizer.h"

#include <catch2/catch_test_macros.hpp>
#include <string>
#include <vector>

using parley::Code;
using parley::HfTokenizer;
using parley::HfTokenizerTexts;
using parley::ReadHfTokenizer;

namespace {

HfTokenizer Read(const HfTokenizerTexts& texts) {
  auto tokenizer = ReadHfTokenizer(texts);
  INFO(tokenizer.error().message);
  REQUIRE(tokenizer.ok());
  return std::move(*tokenizer);
}

void Refused(const HfTokenizerTexts& texts, Code code, const std::string& in_message) {
  const auto tokenizer = ReadHfTokenizer(texts);
  REQUIRE_FALSE(tokenizer.ok());
  INFO(tokenizer.error().message);
  CHECK(tokenizer.error().code == code);
  CHECK(tokenizer.error().message.find(in_message) != std::string::npos);
}

std::vector<int32_t> Specials(const HfTokenizer& tokenizer) {
  return {tokenizer.special_ids.begin(), tokenizer.special_ids.end()};
}

constexpr const char* kVocab =
    R"({"b": 1, "a": 0, "<|endoftext|>": 2, "<|user|>": 3, "\u0120t": 4, "<|": 5})";

// As transformers saves it, with the two forms that merges may have.
std::string TokenizerJson(const std::string& merges) {
  return R"({"version": "1.0", "truncation": null, "added_tokens": [
      {"id": 4, "content": "<|endoftext|>", "single_word": false, "normalized": true, "special": true},
      {"id": 5, "content": "plain", "special": false}],
    "normalizer": null,
    "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true},
    "post_processor": {"type": "ByteLevel", "add_prefix_space": true},
    "decoder": {"type": "ByteLevel", "add_prefix_space": true},
    "model": {"type": "BPE", "dropout": null, "unk_token": null, "end_of_word_suffix": "", "byte_fallback": false,
      "vocab": {"b": 1, "a": 0, "\u0120": 2, "ab": 3, "<|endoftext|>": 4}, "merges": )" +
         merges + "}}";
}

}  // namespace

TEST_CASE("vocab.json is read by id, unescaped") {
  const HfTokenizer tokenizer = Read({.vocab_json = kVocab});
  REQUIRE(tokenizer.tokens.size() == 6);
  CHECK(tokenizer.tokens[0] == "a");
  CHECK(tokenizer.tokens[1] == "b");
  CHECK(tokenizer.tokens[4] == "\xc4\xa0t");
  CHECK(tokenizer.Find("<|user|>") == 3);
  CHECK(tokenizer.Find("c") == -1);
  CHECK_FALSE(tokenizer.add_bos);
  CHECK(tokenizer.chat_template.empty());
}

TEST_CASE("special tokens come from tokenizer_config.json") {
  const HfTokenizer tokenizer = Read({.vocab_json = kVocab, .tokenizer_config_json = R"({
      "bos_token": {"content": "<|user|>", "special": true}, "eos_token": "<|endoftext|>", "unk_token": null,
      "add_bos_token": true, "chat_template": "{{ x }}", "extra": {"bos_token": "a"},
      "added_tokens_decoder": {"2": {"content": "<|endoftext|>", "special": true},
                               "6": {"content": "<|late|>", "special": true, "lstrip": false},
                               "7": {"content": "plain", "special": false}}})"});
  CHECK(tokenizer.bos_id == 3);
  CHECK(tokenizer.eos_id == 2);
  CHECK(tokenizer.add_bos);
  CHECK(tokenizer.chat_template == "{{ x }}");
  CHECK(tokenizer.tokens.size() == 8);
  CHECK(tokenizer.tokens[7] == "plain");
  CHECK(Specials(tokenizer) == std::vector<int32_t>{2, 3, 6});
  CHECK(tokenizer.IsSpecial(6));
  CHECK_FALSE(tokenizer.IsSpecial(7));
}

TEST_CASE("special tokens come from special_tokens_map.json") {
  const HfTokenizer tokenizer = Read(
      {.vocab_json = kVocab,
       .special_tokens_map_json =
           R"({"bos_token": "<|endoftext|>", "additional_special_tokens": ["<|user|>", {"content": "a"}, "zz"]})"});
  CHECK(Specials(tokenizer) ==
        std::vector<int32_t>{0, 2, 3});  // a name that is no token is passed over
  CHECK(tokenizer.bos_id == 2);
}

TEST_CASE("where no file names special tokens, <|...|> entries that no merge makes are special") {
  const std::string vocab = R"({"a": 0, "<|endoftext|>": 1, "<|x|>": 2, "<|>": 3, "<||>": 4})";
  const HfTokenizer plain = Read({.vocab_json = vocab});
  CHECK(Specials(plain) == std::vector<int32_t>{1, 2});
  CHECK(plain.bos_id == 1);
  CHECK(plain.eos_id == 1);
  const HfTokenizer merged =
      Read({.vocab_json = vocab, .merges_txt = "#version: 0.2\na b\n<|x |>\n"});
  CHECK(Specials(merged) == std::vector<int32_t>{1});
}

TEST_CASE("T2: ids twice or with gaps are BAD_VOCAB") {
  Refused({.vocab_json = R"({"a": 0, "b": 0})"}, Code::kBadVocab, "vocab.json: id 0 stands twice");
  Refused({.vocab_json = R"({"a": 0, "b": 2})"}, Code::kBadVocab, "no token has id 1");
  Refused({.vocab_json = R"({"a": 1})"}, Code::kBadVocab, "gaps");
  Refused({.vocab_json = R"({"a": 0, "b": 4294967296})"}, Code::kBadVocab, "gaps");
  Refused({.vocab_json = R"({"a": 0, "\u0061": 1})"}, Code::kBadVocab, "'a' has two ids");
  Refused({.vocab_json = kVocab,
           .tokenizer_config_json = R"({"added_tokens_decoder": {"0": {"content": "x"}}})"},
          Code::kBadVocab, "tokenizer_config.json: 'x' and 'a' have the same id 0");
}

TEST_CASE("tokenizer files of another form are BAD_JSON and named") {
  for (const char* vocab :
       {"[]", "{\"a\": -1}", "{\"a\": 1.0}", "{\"a\": \"0\"}", "{\"a\": {\"b\": 0}}", "{"}) {
    INFO(vocab);
    Refused({.vocab_json = vocab}, Code::kBadJson, "vocab.json: ");
  }
  for (const char* config : {"[]", "{", R"({"added_tokens_decoder": {"x": {"content": "a"}}})",
                             R"({"added_tokens_decoder": {"0": {}}})"}) {
    INFO(config);
    Refused({.vocab_json = kVocab, .tokenizer_config_json = config}, Code::kBadJson,
            "tokenizer_config.json: ");
    Refused({.vocab_json = kVocab, .special_tokens_map_json = config}, Code::kBadJson,
            "special_tokens_map.json: ");
  }
}

TEST_CASE("a folder without a vocabulary is BAD_VOCAB and says what is needed") {
  Refused({}, Code::kBadVocab, "tokenizer.json");
  Refused({.merges_txt = "#version: 0.2\na b\n"}, Code::kBadVocab, "vocab.json");
}

TEST_CASE("tokenizer.json gives vocabulary, merges of both forms and special tokens") {
  const HfTokenizer tokenizer =
      Read({.tokenizer_json = TokenizerJson(R"(["a b", ["ab", "\u0120"]])")});
  REQUIRE(tokenizer.tokens.size() == 6);
  CHECK(tokenizer.tokens[0] == "a");
  CHECK(tokenizer.tokens[2] == "\xc4\xa0");
  CHECK(tokenizer.tokens[4] == "<|endoftext|>");
  CHECK(tokenizer.tokens[5] == "plain");
  CHECK(tokenizer.merges_txt == "#version: 0.2\na b\nab \xc4\xa0\n");
  CHECK(Specials(tokenizer) == std::vector<int32_t>{4});
  CHECK(tokenizer.bos_id == 4);
}

TEST_CASE("beside vocab.json and merges.txt, tokenizer.json adds its added tokens alone") {
  const HfTokenizer tokenizer = Read({.vocab_json = R"({"a": 0, "b": 1, "c": 2, "d": 3})",
                                      .merges_txt = "#version: 0.2\na b\n",
                                      .tokenizer_json = TokenizerJson("[]")});
  CHECK(tokenizer.tokens.size() == 6);
  CHECK(tokenizer.tokens[3] == "d");
  CHECK(Specials(tokenizer) == std::vector<int32_t>{4});
  CHECK(tokenizer.merges_txt == "#version: 0.2\na b\n");
}

TEST_CASE("a tokenizer.json that is not GPT-2's byte-level BPE is UNSUPPORTED_MODEL") {
  const std::string good = TokenizerJson(R"(["a b"])");
  const auto changed = [&good](const std::string& from, const std::string& to) {
    std::string text = good;
    const size_t at = text.find(from);
    REQUIRE(at != std::string::npos);
    return text.replace(at, from.size(), to);
  };
  const auto refused = [](const std::string& text, const std::string& named) {
    Refused({.tokenizer_json = text}, Code::kUnsupportedModel, named);
  };
  refused(changed("\"BPE\"", "\"WordPiece\""), "WordPiece");
  refused(changed("\"ByteLevel\"", "\"Metaspace\""), "Metaspace");
  refused(changed("\"add_prefix_space\": false", "\"add_prefix_space\": true"), "add_prefix_space");
  refused(changed("\"use_regex\": true", "\"use_regex\": false"), "pattern");
  refused(changed("\"normalizer\": null", "\"normalizer\": {\"type\": \"NFC\"}"), "normalizer");
  refused(changed("\"byte_fallback\": false", "\"byte_fallback\": true"), "byte_fallback");
  refused(changed("\"end_of_word_suffix\": \"\"", "\"end_of_word_suffix\": \"</w>\""),
          "end_of_word");
  refused("{}", "byte-level");
  refused(changed("merges", "merge"), "merges");
}

TEST_CASE("a broken tokenizer.json is BAD_JSON or BAD_VOCAB and named") {
  const auto refused = [](const std::string& text, Code code, const std::string& named) {
    Refused({.tokenizer_json = text}, code, "tokenizer.json: ");
    Refused({.tokenizer_json = text}, code, named);
  };
  refused("[]", Code::kBadJson, "an object");
  refused("{", Code::kBadJson, "");
  refused(TokenizerJson(R"([["a"], "b", 7])"), Code::kBadJson, "merge");
  refused(TokenizerJson(R"([["a", "b", "c"]])"), Code::kBadJson, "merge");
  refused(TokenizerJson(R"([[["a"]]])"), Code::kBadJson, "merge");
  refused(TokenizerJson(R"({"a": "b"})"), Code::kBadJson, "merge");
  refused(TokenizerJson(R"(["a\nb c"])"), Code::kBadVocab, "line break");
  refused(R"({"added_tokens": [{"id": 0}]})", Code::kBadJson, "added_tokens[0]");
  refused(R"({"added_tokens": [{"content": "a"}]})", Code::kBadJson, "added_tokens[0]");
  refused(R"({"model": {"vocab": ["a"]}})", Code::kBadJson, "model.vocab");
}

TEST_CASE("long added tokens have room") {
  const std::string text(5000, 'x');
  const HfTokenizer tokenizer =
      Read({.vocab_json = "{\"a\":0}",
            .tokenizer_config_json =
                "{\"added_tokens_decoder\":{\"1\":{\"content\":\"" + text + "\"}}}"});
  CHECK(tokenizer.tokens[1] == text);
}

TEST_CASE("tokenizer files are capped") {
  const std::string spaces(65 << 20, ' ');
  Refused({.vocab_json = spaces}, Code::kLimit, "vocabulary");
  std::string names = R"({"additional_special_tokens": ["a")";
  for (int i = 0; i < 5000; ++i) names += ",\"a\"";
  Refused({.vocab_json = kVocab, .tokenizer_config_json = names + "]}"}, Code::kLimit,
          "special tokens");
}
