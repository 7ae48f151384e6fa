// Vocabularies for tests: GPT-2's own from its merges, and small ones made up on the spot.
#pragma once

#include <catch2/catch_test_macros.hpp>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/tokenizer.h"

namespace parley {

inline std::string ReadGolden(const std::string& name) {
  std::ifstream file(std::string(PARLEY_SOURCE_DIR) + "/tests/golden/" + name, std::ios::binary);
  REQUIRE(file);
  return {std::istreambuf_iterator<char>(file), {}};
}

// A vocabulary that may be changed before a tokenizer is made of it.
struct TestVocabulary {
  std::vector<std::string> tokens;
  std::vector<std::string> merges;
  std::vector<int32_t> special_ids;
  PreTokenizer pre = PreTokenizer::kGpt2;

  int32_t AddSpecial(std::string_view name) {
    tokens.emplace_back(name);
    special_ids.push_back(static_cast<int32_t>(tokens.size()) - 1);
    return special_ids.back();
  }
  void AddMerge(std::string_view left, std::string_view right) {
    merges.push_back(std::string(left) + " " + std::string(right));
    tokens.push_back(std::string(left) + std::string(right));
  }
  Result<std::unique_ptr<Tokenizer>> Make() const {
    const std::vector<std::string_view> token_views(tokens.begin(), tokens.end());
    const std::vector<std::string_view> merge_views(merges.begin(), merges.end());
    return Tokenizer::Make({token_views, merge_views, special_ids, pre});
  }
};

// The 256 byte tokens in GPT-2's order: printable Latin-1 first, then the others as U+0100 and on.
// Written out here from the published encoder.py rather than taken from the code under test.
inline TestVocabulary ByteVocabulary() {
  TestVocabulary vocabulary;
  const auto add = [&](uint32_t c) {
    if (c < 0x80) {
      vocabulary.tokens.push_back({static_cast<char>(c)});
    } else {
      vocabulary.tokens.push_back(
          {static_cast<char>(0xC0 + c / 64), static_cast<char>(0x80 + c % 64)});
    }
  };
  for (uint32_t c = '!'; c <= '~'; ++c) add(c);
  for (uint32_t c = 0xA1; c <= 0xAC; ++c) add(c);
  for (uint32_t c = 0xAE; c <= 0xFF; ++c) add(c);
  for (uint32_t c = 0x100; c < 0x100 + 68; ++c) add(c);
  return vocabulary;
}

// GPT-2's: the bytes, one token for each merge in order, <|endoftext|>. vocab.json as published
// says the same.
inline TestVocabulary Gpt2Vocabulary() {
  TestVocabulary vocabulary = ByteVocabulary();
  const std::string text = ReadGolden("gpt2/merges.txt");
  const auto merges = Tokenizer::ParseMerges(text);
  REQUIRE(merges.ok());
  for (const std::string_view merge : *merges) {
    const size_t space = merge.find(' ');
    vocabulary.AddMerge(merge.substr(0, space), merge.substr(space + 1));
  }
  vocabulary.AddSpecial("<|endoftext|>");
  return vocabulary;
}

// Made once: it takes a while under sanitizers.
inline const Tokenizer& Gpt2Tokenizer() {
  static const std::unique_ptr<Tokenizer> tokenizer = [] {
    auto made = Gpt2Vocabulary().Make();
    REQUIRE(made.ok());
    return std::move(made.value());
  }();
  return *tokenizer;
}

inline std::vector<int32_t> Encode(const Tokenizer& tokenizer, std::string_view text,
                                   bool parse_special = false) {
  std::vector<int32_t> ids;
  const Status status = tokenizer.Encode(text, parse_special, &ids);
  INFO(status.error().message);
  REQUIRE(status.ok());
  return ids;
}

inline std::string Decode(const Tokenizer& tokenizer, const std::vector<int32_t>& ids,
                          bool skip_special = false) {
  auto text = tokenizer.Decode(ids, skip_special);
  REQUIRE(text.ok());
  return std::move(text.value());
}

}  // namespace parley
