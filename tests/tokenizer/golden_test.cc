// GPT-2's tokenizer gives the ids that Hugging Face's gives, on every case of the golden file, and
// the text back.
#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "tokenizer/gpt2_vocabulary.h"

namespace parley {
namespace {

TEST_CASE("Every golden case gives the reference's ids and its text back") {
  const Tokenizer& tokenizer = Gpt2Tokenizer();
  CHECK(tokenizer.size() == 50257);
  std::istringstream lines(ReadGolden("gpt2/tokenizer_cases.jsonl"));
  int cases = 0;
  for (std::string line; std::getline(lines, line); ++cases) {
    const auto row = nlohmann::json::parse(line);
    const auto text = row["text"].get<std::string>();
    const auto expected = row["ids"].get<std::vector<int32_t>>();
    INFO("case " << cases << ": " << text);
    CHECK(Encode(tokenizer, text) == expected);
    CHECK(Decode(tokenizer, expected) == text);
  }
  CHECK(cases == 957);
}

TEST_CASE("Every golden case under another pre-tokenizer gives the reference's ids") {
  TestVocabulary vocabulary = Gpt2Vocabulary();
  for (const auto& [name, pre] :
       {std::pair{"smollm", PreTokenizer::kSmollm}, {"llama-bpe", PreTokenizer::kLlama3}}) {
    vocabulary.pre = pre;
    const auto tokenizer = vocabulary.Make();
    REQUIRE(tokenizer.ok());
    std::istringstream lines(ReadGolden("pretokenize/cases.jsonl"));
    int cases = 0;
    for (std::string line; std::getline(lines, line); ++cases) {
      const auto row = nlohmann::json::parse(line);
      const auto text = row["text"].get<std::string>();
      INFO(name << ", case " << cases << ": " << text);
      CHECK(Encode(**tokenizer, text) == row[name].get<std::vector<int32_t>>());
    }
    CHECK(cases == 619);
  }
}

}  // namespace
}  // namespace parley
