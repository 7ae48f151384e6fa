#include "exactness/exactness.h"

#include <algorithm>
#include <cstdio>

#include "support/test_model.h"

namespace parley::exactness {
namespace {

// Of many lengths: some below, some above the 64 tokens that go through the layers together.
constexpr const char* kPrompts[] = {
    "<|user|>Hello!<|assistant|>",
    "<|user|>Who are you?<|assistant|>",
    "<|user|>My order has not arrived. Can you help me?<|assistant|>Of course. What is its "
    "number?<|user|>It is "
    "20417, and I have waited for two weeks now.<|assistant|>",
    "<|system|>You are a patient assistant.<|user|>Remind me to call my mother on Sunday at "
    "six.<|assistant|>",
    "<|user|>What is the capital of France?<|assistant|>",
    "<|user|>3 + 4 = ?<|assistant|>",
    "<|user|>I watched a film about whales last night. It was slow but beautiful, and the music "
    "stayed with me the "
    "whole way home. My sister fell asleep after half an hour, so I had to tell her the ending "
    "over breakfast, and "
    "then she wanted to see it after all. Do you like films where almost nothing happens? I never "
    "know what to "
    "answer when people ask me why I do.<|assistant|>",
    "<|user|>Will it rain in Lisbon tomorrow?<|assistant|>",
    "The quick brown fox jumps over the lazy dog",
    "<|user|>caf\xc3\xa9, na\xc3\xafve, \xe4\xbd\xa0\xe5\xa5\xbd, \xf0\x9f\x8c\x8a<|assistant|>",
    "<|user|>Book a table for two at an Italian place near the station, please. Half past seven "
    "would be best; "
    "eight is fine, too. One of us cannot eat nuts.<|assistant|>I can do that. Which "
    "day?<|user|>Friday.<|assistant|>",
    "\n\n  \t",
    "<|user|>Tell me a joke.<|assistant|>",
    "a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a "
    "a a a a a a a a a "
    "a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a "
    "a a a a a a a a a",
    "<|user|>Thanks, that is all. Goodbye!<|assistant|>",
    "<|user|>Who won the match, and what did the coach say about it afterwards?<|assistant|>",
};

// FNV-1a, 64 bits (Fowler, Noll, Vo).
class Hash {
 public:
  void Add(const void* data, size_t size) {
    const auto* bytes = static_cast<const uint8_t*>(data);
    for (size_t i = 0; i < size; ++i) value_ = (value_ ^ bytes[i]) * 0x100000001b3u;
  }
  uint64_t value() const { return value_; }

 private:
  uint64_t value_ = 0xcbf29ce484222325u;
};

Status Prefill(LanguageModel* model, std::span<const int32_t> tokens, Split split,
               std::span<float> logits) {
  constexpr size_t kOddSizes[] = {7, 1, 30, 3, 65, 2};
  model->Truncate(0);
  size_t at = 0;
  for (size_t piece = 0; at < tokens.size(); ++piece) {
    size_t count = tokens.size();
    if (split == Split::kOddPieces) count = kOddSizes[piece % std::size(kOddSizes)];
    if (split == Split::kTokenByToken) count = 1;
    count = std::min(count, tokens.size() - at);
    const bool last = at + count == tokens.size();
    TRY(model->Forward(tokens.subspan(at, count), last ? LogitsOf::kLast : LogitsOf::kNone,
                       last ? logits : std::span<float>()));
    at += count;
  }
  return {};
}

}  // namespace

const char* SplitName(Split split) {
  switch (split) {
    case Split::kWhole:
      return "whole";
    case Split::kOddPieces:
      return "odd pieces";
    case Split::kTokenByToken:
      return "token by token";
  }
  return "";
}

std::span<const char* const> Prompts() { return kPrompts; }

Result<Outcome> Run(Engine* engine, Split split) {
  Outcome outcome;
  Hash hash;
  LanguageModel* model = engine->model.get();
  std::vector<float> logits(model->config().vocab_size);
  for (const char* prompt : kPrompts) {
    std::vector<int32_t> tokens;
    TRY(engine->tokenizer->Encode(prompt, true, &tokens));
    TRY(Prefill(model, tokens, split, logits));
    std::vector<int32_t>& ids = outcome.ids.emplace_back();
    while (true) {
      // The first of the largest: ties go to the lowest id.
      const auto id =
          static_cast<int32_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
      ids.push_back(id);
      hash.Add(&id, sizeof(id));
      hash.Add(logits.data(), logits.size() * sizeof(float));
      if (ids.size() == kNewTokens) break;
      TRY(model->Forward({&id, 1}, LogitsOf::kLast, logits));
    }
  }
  outcome.hash = hash.value();
  return outcome;
}

uint64_t HashBytes(std::span<const uint8_t> bytes) {
  Hash hash;
  hash.Add(bytes.data(), bytes.size());
  return hash.value();
}

std::string HashText(uint64_t hash) {
  char text[17];
  std::snprintf(text, sizeof(text), "%016llx", static_cast<unsigned long long>(hash));
  return text;
}

std::vector<uint8_t> MakeQ4Model() {
  return test::TestModel{.n_layers = 3,
                         .width = 96,
                         .n_heads = 3,
                         .context = 512,
                         .vocab = 509,
                         .matrices = DType::kQ4_0,
                         .seed = 4}
      .Build();
}

std::vector<uint8_t> MakeLlamaModel() {
  return test::TestModel{.n_layers = 3,
                         .width = 96,
                         .n_heads = 6,
                         .n_kv_heads = 2,
                         .context = 512,
                         .vocab = 509,
                         .untied = true,
                         .seed = 5,
                         .architecture = "llama"}
      .Build();
}

}  // namespace parley::exactness
