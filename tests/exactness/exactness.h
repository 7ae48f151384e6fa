// The work by which builds are compared: 16 prompts continued greedily by 64 tokens each, and one
// hash of every id and of every logit's bytes on the way. Whoever computes the same function has
// the same hash.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/engine.h"

namespace parley::exactness {

// How a prompt is handed to the model.
enum class Split { kWhole, kOddPieces, kTokenByToken };
inline constexpr Split kSplits[] = {Split::kWhole, Split::kOddPieces, Split::kTokenByToken};
const char* SplitName(Split split);

inline constexpr uint32_t kNewTokens = 64;
std::span<const char* const> Prompts();

struct Outcome {
  uint64_t hash = 0;
  std::vector<std::vector<int32_t>> ids;  // by prompt: the generated ones
};
Result<Outcome> Run(Engine* engine, Split split);

// Of a model file, to tell a difference in what is run from a difference in how.
uint64_t HashBytes(std::span<const uint8_t> bytes);
// "0123456789abcdef"
std::string HashText(uint64_t hash);

// A model of noise with Q4_0 matrices, for what the bundled model has not.
std::vector<uint8_t> MakeQ4Model();
// And one of the other architecture, with grouped heads.
std::vector<uint8_t> MakeLlamaModel();

}  // namespace parley::exactness
