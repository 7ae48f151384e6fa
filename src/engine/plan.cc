// Adds up what the parts of a loaded model say that they take, and what they cannot know: the
// session's, the threads' and the program's own.
#include "engine/plan.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/bytes.h"
#include "base/json_writer.h"
#include "chat/drafts.h"
#include "engine/open.h"
#include "engine/panel_repacker.h"
#include "model/decoder.h"
#include "model/kv_cache.h"
#include "model/weights.h"

namespace parley {
namespace {

// What a process takes besides the buffers planned below; in a wasm memory all of it lies in the
// same few megabytes.
constexpr uint64_t kProgramBytes =
    1 << 20;  // constants, main stack, allocator's tables, small objects
constexpr uint64_t kThreadBytes = 160 << 10;  // a thread's stack and its control block
// Ids of prompt and history, as vectors grow; tries at a reply.
constexpr uint64_t kSessionBytesPerToken = 64 + kDraftBytesPerToken;
constexpr uint64_t kSessionBytesPerId = 4 + 24;  // logits; the sampler's candidates

Result<uint32_t> ChooseContext(const ModelConfig& config, uint32_t wanted) {
  if (wanted == 0) return std::min(config.context_length, kDefaultContextLimit);
  if (wanted < kMinContext || wanted > config.context_length) {
    return MakeError(Code::kBadArg, "context " + std::to_string(wanted) + " is not between " +
                                        std::to_string(kMinContext) + " and the model's " +
                                        std::to_string(config.context_length));
  }
  return wanted;
}

// Most bytes of the file have this type.
std::string MainType(const GgufHeader& header) {
  uint64_t bytes[64] = {};
  uint32_t best = 0;
  for (const TensorInfo& tensor : header.tensors()) {
    const uint32_t type = static_cast<uint32_t>(tensor.type);
    if (type >= std::size(bytes)) continue;
    bytes[type] += tensor.bytes;
    if (bytes[type] > bytes[best]) best = type;
  }
  const DTypeTraits* traits = GetDTypeTraits(best);
  return traits != nullptr ? traits->name : "";
}

// Checked before KvCache::Bytes multiplies the same: floats of keys and values of every layer and
// position.
bool KvBytesFit(const ModelConfig& config, uint32_t context) {
  uint64_t rows = 0;
  uint64_t bytes = 0;
  return CheckedMul(config.n_layers, uint64_t{context} + 3, &rows) &&
         CheckedMul(rows, uint64_t{config.width} * 2 * sizeof(float), &bytes);
}

}  // namespace

Result<Plan> MakePlan(const GgufHeader& header, uint64_t file_bytes, const LoadOptions& options) {
  Plan plan;
  TRY_ASSIGN(plan.config, ReadModelConfig(header));
  TRY_ASSIGN(plan.context, ChooseContext(plan.config, options.context));
  if (options.threads < 1 || options.threads > kMaxThreads) {
    return MakeError(Code::kBadArg, "threads " + std::to_string(options.threads) +
                                        " is not between 1 and " + std::to_string(kMaxThreads));
  }
  plan.threads = options.threads;
  plan.file_bytes = file_bytes;
  plan.quantization = MainType(header);

  TRY_ASSIGN(const WeightMap map, WeightMap::Make(header, plan.config, plan.context));
  plan.note = map.note();
  plan.weights_bytes = map.image_bytes() + WeightTableBytes(plan.config, header.tensors().size());
  if (!KvBytesFit(plan.config, plan.context)) {
    return MakeError(Code::kOverflow, "the KV cache's bytes wrap");
  }
  plan.kv_bytes = KvCache::Bytes(plan.config, plan.context);
  plan.scratch_bytes = Decoder::ScratchBytes(plan.config, plan.context, plan.threads) +
                       plan.config.vocab_size * kSessionBytesPerId +
                       plan.context * kSessionBytesPerToken;
  TRY_ASSIGN(plan.tokenizer_bytes, PlanTokenizerBytes(header));
  plan.staged_parts = plan.threads > 1 ? 2 : 1;
  plan.staging_bytes = uint64_t{plan.staged_parts} * kPartBytes +
                       PanelRepacker::Bytes(map, header.tensors(), plan.threads);
  for (uint64_t bytes :
       {plan.weights_bytes, plan.kv_bytes, plan.scratch_bytes, plan.tokenizer_bytes,
        plan.staging_bytes, kProgramBytes, (plan.threads - 1) * kThreadBytes}) {
    if (!CheckedAdd(plan.total_bytes, bytes, &plan.total_bytes)) {
      return MakeError(Code::kOverflow, "the planned bytes wrap");
    }
  }
  return plan;
}

void AppendPlan(const Plan& plan, JsonWriter* json) {
  json->BeginObject();
  json->Key("architecture").String(ArchitectureName(plan.config.architecture));
  json->Key("name").String(plan.config.name);
  json->Key("quantization").String(plan.quantization);
  json->Key("vocab_size").Number(plan.config.vocab_size);
  json->Key("context_length").Number(plan.config.context_length);
  json->Key("width").Number(plan.config.width);
  json->Key("n_layers").Number(plan.config.n_layers);
  json->Key("n_heads").Number(plan.config.n_heads);
  json->Key("n_kv_heads").Number(plan.config.n_kv_heads);
  json->Key("context").Number(plan.context);
  json->Key("threads").Number(plan.threads);
  json->Key("file_bytes").Number(plan.file_bytes);
  json->Key("weights_bytes").Number(plan.weights_bytes);
  json->Key("kv_bytes").Number(plan.kv_bytes);
  json->Key("scratch_bytes").Number(plan.scratch_bytes);
  json->Key("tokenizer_bytes").Number(plan.tokenizer_bytes);
  json->Key("staging_bytes").Number(plan.staging_bytes);
  json->Key("staged_parts").Number(plan.staged_parts);
  json->Key("total_bytes").Number(plan.total_bytes);
  json->Key("note").String(plan.note);
  json->EndObject();
}

std::string PlanToJson(const Plan& plan) {
  JsonWriter json;
  AppendPlan(plan, &json);
  return json.text();
}

}  // namespace parley
