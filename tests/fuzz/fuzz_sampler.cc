// Fuzzes the sampler: any options over any logits and history. Aborts when a token is chosen that
// was not left to choose, when what is left is no distribution, or when one input chooses two ways.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

#include "base/buffer.h"
#include "sampling/sampler.h"
#include "support/fuzz_require.h"

namespace parley {
namespace {

using test::Require;
using test::RequireTyped;

// At most as many as a trace follows, so that its probabilities are all there are.
constexpr uint32_t kMostTokens = SamplerTrace::kBest;
// Of a sum of so many quotients in double precision.
constexpr double kRounding = 1e-12;
// Of the difference of two doubles, in parts of the greater.
constexpr double kDifference = 1e-15;

// Values from the input, zeros once it is used up.
class Input {
 public:
  Input(const uint8_t* data, size_t size) : data_(data), size_(size) {}
  template <typename T>
  T Take() {
    T value{};
    const size_t bytes = std::min(sizeof(T), size_);
    if (bytes > 0) std::memcpy(&value, data_, bytes);
    data_ += bytes;
    size_ -= bytes;
    return value;
  }
  uint32_t Below(uint32_t limit) { return Take<uint8_t>() % limit; }
  // Within [low, high] most of the time, any bits at all otherwise.
  double Real(double low, double high) {
    const auto kind = Take<uint8_t>();
    if (kind == 255) return Take<double>();
    return low + (high - low) * kind / 254;
  }

 private:
  const uint8_t* data_;
  size_t size_;
};

struct Arguments {
  std::vector<float> logits;
  std::vector<int32_t> history, end_ids;
  uint32_t generated = 0;
};

// Now and then one that is not in the vocabulary.
std::vector<int32_t> TakeIds(uint32_t most, uint32_t vocab_size, Input* input) {
  std::vector<int32_t> ids(input->Below(most));
  for (int32_t& id : ids) {
    const auto byte = input->Take<int8_t>();
    id = byte < 0 ? byte : static_cast<int32_t>(static_cast<uint32_t>(byte) % (vocab_size + 1));
    if (byte != -128) id = std::clamp(id, 0, static_cast<int32_t>(vocab_size) - 1);
  }
  return ids;
}

GenerationOptions TakeOptions(uint32_t vocab_size, Input* input) {
  GenerationOptions options;
  options.seed = input->Take<uint16_t>();
  options.temperature = input->Real(0, 2);
  options.top_k = input->Below(kMostTokens + 2);
  options.top_p = 1 - input->Real(0, 0.99);
  options.min_p = input->Real(0, 0.99);
  options.typical_p = 1 - input->Real(0, 0.99);
  options.repetition_penalty = 1 + input->Real(-0.99, 2);
  options.repeat_last_n = input->Below(8);
  options.frequency_penalty = input->Real(-2, 2);
  options.presence_penalty = input->Real(-2, 2);
  options.no_repeat_ngram_size = input->Below(4);
  options.min_tokens = input->Below(4);
  options.top_logprobs = static_cast<int32_t>(input->Below(22)) - 1;
  options.stop_token_ids = TakeIds(3, vocab_size, input);
  for (const int32_t id : TakeIds(4, vocab_size, input)) {
    options.logit_bias.emplace_back(id, input->Real(-100, 100));
  }
  return options;
}

Arguments TakeArguments(uint32_t vocab_size, Input* input) {
  Arguments arguments;
  arguments.generated = input->Below(6);
  arguments.history = TakeIds(24, vocab_size, input);
  arguments.end_ids = TakeIds(3, vocab_size, input);
  for (uint32_t id = 0; id < vocab_size; ++id) {
    const auto kind = input->Take<uint8_t>();
    arguments.logits.push_back(kind == 255   ? input->Take<float>()
                               : kind == 254 ? -std::numeric_limits<float>::infinity()
                                             : static_cast<float>(kind) / 16 - 8);
  }
  return arguments;
}

Result<Sample> Next(Sampler* sampler, const Arguments& arguments) {
  return sampler->Next(arguments.logits, arguments.history, arguments.generated, arguments.end_ids);
}

// After every step the probabilities of what is left sum to 1, what was removed has none, and the
// token that was chosen is one of those that are left to the end.
void CheckTrace(const SamplerTrace& trace, int32_t chosen) {
  uint32_t left_before = trace.left[0];
  for (size_t step = 0; step < kSamplerSteps; ++step) {
    const uint32_t left = trace.left[step];
    double sum = 0;
    for (const TracedToken& token : trace.tokens) {
      const double probability = token.probability[step];
      Require(probability >= 0 && probability <= 1 + kRounding, "a probability is in [0, 1]");
      const bool removed =
          token.removed_by != SamplerStep::kRaw && static_cast<size_t>(token.removed_by) <= step;
      Require(!removed || probability == 0, "a token that was removed has no probability");
      sum += probability;
    }
    Require(left <= left_before, "a step adds no tokens");
    Require(left == 0 ? sum == 0 : std::abs(sum - 1) <= kRounding, "probabilities sum to 1");
    left_before = left;
  }
  if (left_before == 0) return;  // then it is the best of the raw logits
  const auto found = std::ranges::find(trace.tokens, chosen, &TracedToken::id);
  Require(found != trace.tokens.end() && found->removed_by == SamplerStep::kRaw,
          "the token is one that was left");
}

void CheckLogprobs(const GenerationOptions& options, const std::vector<float>& logits,
                   const Sample& sample) {
  if (options.top_logprobs < 0) return;
  // Each is a logit less a number about as great as the greatest: of huge logits little is left.
  double rounding = kRounding;
  for (const float logit : logits) {
    if (std::isfinite(logit)) rounding = std::max(rounding, kDifference * std::abs(double{logit}));
  }
  Require(sample.logprob <= rounding, "a log-probability is not above 0");
  Require(sample.alternatives.size() <= static_cast<size_t>(options.top_logprobs),
          "no more alternatives than asked for");
  double sum = 0;
  double before = std::numeric_limits<double>::infinity();
  for (const TokenLogprob& alternative : sample.alternatives) {
    Require(alternative.logprob <= before, "the best alternative comes first");
    before = alternative.logprob;
    sum += std::exp(alternative.logprob);
  }
  Require(std::log(sum) <= rounding + kRounding, "alternatives are part of one distribution");
}

void Sampling(Input input) {
  const uint32_t vocab_size = 1 + input.Below(kMostTokens);
  const GenerationOptions options = TakeOptions(vocab_size, &input);
  auto sampler = Sampler::Make(options, vocab_size);
  auto same = Sampler::Make(options, vocab_size);
  Require(sampler.ok() == ValidateOptions(options, vocab_size).ok(),
          "valid options make a sampler");
  if (!sampler.ok()) return RequireTyped(sampler.error());
  for (int step = 0; step < 3; ++step) {
    const Arguments arguments = TakeArguments(vocab_size, &input);
    const auto trace = sampler->Trace(arguments.logits, arguments.history, arguments.generated,
                                      arguments.end_ids, -1);
    const uint64_t allocations = GetAllocationCounts().allocations;
    const auto sample = Next(&*sampler, arguments);
    Require(GetAllocationCounts().allocations == allocations, "a token allocates nothing");
    const auto again = Next(&*same, arguments);
    Require(sample.ok() == trace.ok() && sample.ok() == again.ok(), "one input has one outcome");
    if (!sample.ok()) {
      RequireTyped(sample.error());
      continue;
    }
    Require(sample->id >= 0 && static_cast<uint32_t>(sample->id) < vocab_size,
            "the token is in the vocabulary");
    Require(sample->id == again->id, "one input chooses one token");
    CheckTrace(*trace, sample->id);
    CheckLogprobs(options, arguments.logits, *sample);
  }
}

}  // namespace
}  // namespace parley

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  parley::Sampling({data, size});
  return 0;
}
