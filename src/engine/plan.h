// From a file's header to the bytes that running it takes, before any of them is allocated.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "formats/gguf_reader.h"
#include "model/config.h"

namespace parley {

class JsonWriter;
struct KernelTable;

struct LoadOptions {
  uint32_t context = 0;  // tokens; 0: the model's, at most 2,048
  uint32_t threads = 1;
  bool tune_threads = false;             // use fewer of them where that turns out to be faster
  const KernelTable* kernels = nullptr;  // null: the best that this processor has
};

inline constexpr uint32_t kPartBytes = 4 << 20;         // files come in parts of at most this size
inline constexpr uint32_t kDefaultContextLimit = 2048;  // tokens
inline constexpr uint32_t kMinContext = 8;

struct Plan {
  ModelConfig config;
  uint32_t context = 0;
  uint32_t threads = 1;
  std::string quantization;  // the type that most of the file's bytes have: "Q8_0"
  uint64_t file_bytes = 0;
  uint64_t weights_bytes = 0;  // packed matrices, norms, biases, positions
  uint64_t kv_bytes = 0;
  uint64_t scratch_bytes = 0;    // activations, scores, logits
  uint64_t tokenizer_bytes = 0;  // vocabulary, merges and the header they come from
  uint64_t staging_bytes = 0;    // while loading: the staged parts and one panel
  uint32_t staged_parts = 1;     // 2: one is read while the threads repack the one before
  uint64_t total_bytes =
      0;  // the sum, with the allocator's and the stacks' share: a wasm memory of this size does
  std::string note;  // "F16 becomes Q8_0", or empty
};

// BAD_ARG: context 0 < n < 8 or above the model's, threads 0 or above 64. UNSUPPORTED_MODEL and the
// errors of ReadModelConfig; every tensor the model needs is present with the right shape (G16),
// nothing is NaN-checked yet.
Result<Plan> MakePlan(const GgufHeader& header, uint64_t file_bytes, const LoadOptions& options);
// The plan as a JSON object: its fields by their names here, the config's beside them.
void AppendPlan(const Plan& plan, JsonWriter* json);
std::string PlanToJson(const Plan& plan);

}  // namespace parley
