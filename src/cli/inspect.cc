// `parley inspect`: what a model file is, what it holds, and the memory that running it takes.
// Reads headers only.
#include <cstdio>
#include <map>
#include <memory>
#include <string>

#include "base/json_writer.h"
#include "cli/commands.h"
#include "cli/files.h"
#include "cli/model_folder.h"
#include "cli/model_source.h"
#include "cli/printable.h"
#include "engine/plan.h"
#include "formats/file_kind.h"
#include "formats/gguf_source.h"
#include "formats/safetensors.h"

namespace parley {
namespace {

constexpr size_t kShownBytes = 60;  // of a name or a text

// What both kinds of file are shown as.
struct Inspected {
  std::string kind;  // "GGUF version 3"
  uint64_t file_bytes = 0;
  std::unique_ptr<GgufHeader> gguf;
  std::unique_ptr<SafetensorsHeader> safetensors;
  std::span<const TensorInfo> tensors;
  Result<Plan> plan =
      MakeError(Code::kUnsupportedModel, "weights without a model: give their folder");
};

const char* TypeName(const TensorInfo& tensor) {
  return GetDTypeTraits(static_cast<uint32_t>(tensor.type))->name;
}

uint64_t Values(const TensorInfo& tensor) {
  uint64_t values = 1;
  for (uint32_t i = 0; i < tensor.n_dims; ++i) values *= tensor.shape[i];
  return values;
}

std::string Megabytes(uint64_t bytes) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.1f MB", static_cast<double>(bytes) / 1e6);
  return text;
}

Status InspectSafetensors(ByteSource* source, Inspected* result) {
  uint8_t first[8];
  TRY(source->ReadAt(0, first));
  TRY_ASSIGN(const uint64_t prefix_bytes, SafetensorsHeader::PrefixBytes(first, source->size()));
  TRY_ASSIGN(auto prefix, Buffer<uint8_t>::Make(prefix_bytes, "the header"));
  TRY(source->ReadAt(0, prefix.span()));
  TRY_ASSIGN(SafetensorsHeader header, SafetensorsHeader::Parse(prefix.span(), source->size()));
  result->safetensors = std::make_unique<SafetensorsHeader>(std::move(header));
  result->tensors = result->safetensors->tensors();
  result->kind = "safetensors";
  return {};
}

Status InspectGguf(ByteSource* source, const LoadOptions& options, Inspected* result) {
  TRY_ASSIGN(GgufHeader header, ReadGgufHeader(source));
  result->plan = MakePlan(header, source->size(), options);
  if (!result->plan.ok() && result->plan.error().code == Code::kBadArg) return result->plan.error();
  result->kind = "GGUF version " + std::to_string(header.version());
  result->gguf = std::make_unique<GgufHeader>(std::move(header));
  result->tensors = result->gguf->tensors();
  return {};
}

Result<Inspected> Inspect(const std::string& file, const LoadOptions& options) {
  Inspected result;
  TRY_ASSIGN(const std::unique_ptr<ByteSource> source, OpenModel(file));
  result.file_bytes = source->size();
  uint8_t first[64];
  const auto prefix = std::span(first).first(std::min<size_t>(sizeof(first), source->size()));
  TRY(source->ReadAt(0, prefix));
  if (RecogniseFile(prefix).description == kSafetensorsKind) {
    TRY(InspectSafetensors(source.get(), &result));
  } else {
    TRY(InspectGguf(source.get(), options, &result));
  }
  if (IsModelFolder(file)) result.kind = "Hugging Face folder, which becomes Q8_0 in memory";
  return result;
}

std::string ShownValue(const GgufHeader& header, const GgufHeader::Entry& entry) {
  switch (entry.type) {
    case GgufType::kArray:
      return std::to_string(entry.count) + " x " + GgufTypeName(entry.element_type);
    case GgufType::kString:
      return "\"" + Printable(*header.GetString(entry.key, ""), kShownBytes) + "\"";
    case GgufType::kBool:
      return *header.GetBool(entry.key, false) ? "true" : "false";
    case GgufType::kF32:
    case GgufType::kF64: {
      std::string text;
      AppendJsonNumber(*header.GetFloat(entry.key, 0), &text);
      return text;
    }
    default: {
      const Result<uint64_t> value = header.GetUint(entry.key, 0);
      return value.ok() ? std::to_string(*value) : "a negative integer";
    }
  }
}

void PrintPlan(const Plan& plan) {
  const ModelConfig& config = plan.config;
  std::printf(
      "model     %s%s%s: %u layers, width %u, %u heads over %u of keys and values, feed-forward "
      "%u, context %u, vocabulary "
      "%u, %s head\n",
      ArchitectureName(config.architecture), config.name.empty() ? "" : ", ",
      Printable(config.name, kShownBytes).c_str(), config.n_layers, config.width, config.n_heads,
      config.n_kv_heads, config.mlp_width, config.context_length, config.vocab_size,
      config.tied_head ? "tied" : "untied");
  std::printf(
      "memory    %s to run with a context of %u: weights %s, KV cache %s, scratch %s, tokenizer "
      "%s, loading %s\n",
      Megabytes(plan.total_bytes).c_str(), plan.context, Megabytes(plan.weights_bytes).c_str(),
      Megabytes(plan.kv_bytes).c_str(), Megabytes(plan.scratch_bytes).c_str(),
      Megabytes(plan.tokenizer_bytes).c_str(), Megabytes(plan.staging_bytes).c_str());
  if (!plan.note.empty()) std::printf("note      %s\n", plan.note.c_str());
}

void PrintText(const std::string& file, const Inspected& result, bool list_all) {
  std::printf("file      %s: %s, %llu bytes\n", file.c_str(), result.kind.c_str(),
              static_cast<unsigned long long>(result.file_bytes));
  std::map<std::string, std::pair<uint64_t, uint64_t>> by_type;  // tensors, bytes
  uint64_t values = 0;
  for (const TensorInfo& tensor : result.tensors) {
    auto& [count, bytes] = by_type[TypeName(tensor)];
    ++count;
    bytes += tensor.bytes;
    values += Values(tensor);
  }
  std::printf("tensors   %zu with %llu values:", result.tensors.size(),
              static_cast<unsigned long long>(values));
  const char* separator = " ";
  for (const auto& [type, counts] : by_type) {
    std::printf("%s%llu %s (%s)", separator, static_cast<unsigned long long>(counts.first),
                type.c_str(), Megabytes(counts.second).c_str());
    separator = ", ";
  }
  std::printf("\n");
  if (result.plan.ok()) {
    PrintPlan(*result.plan);
  } else {
    const Error& error = result.plan.error();
    std::printf("runs      no: %s: %s\n", CodeName(error.code),
                Printable(error.message, 400).c_str());
  }
  if (!list_all) return;
  if (result.gguf != nullptr) {
    std::printf("\nMetadata\n");
    for (const auto& entry : result.gguf->entries()) {
      std::printf("  %s = %s\n", Printable(entry.key, kShownBytes).c_str(),
                  ShownValue(*result.gguf, entry).c_str());
    }
  }
  std::printf("\nTensors (name, type, shape, bytes, offset in the file)\n");
  for (const TensorInfo& tensor : result.tensors) {
    std::string shape;
    for (uint32_t i = 0; i < tensor.n_dims; ++i) {
      shape.append(i == 0 ? "" : ", ").append(std::to_string(tensor.shape[i]));
    }
    std::printf("  %-32s %-6s [%s]  %llu  %llu\n", Printable(tensor.name, kShownBytes).c_str(),
                TypeName(tensor), shape.c_str(), static_cast<unsigned long long>(tensor.bytes),
                static_cast<unsigned long long>(tensor.offset));
  }
}

void AppendValue(const GgufHeader& header, const GgufHeader::Entry& entry, JsonWriter* json) {
  switch (entry.type) {
    case GgufType::kString:
      json->String(*header.GetString(entry.key, ""));
      return;
    case GgufType::kBool:
      json->Bool(*header.GetBool(entry.key, false));
      return;
    case GgufType::kF32:
    case GgufType::kF64:
      json->Number(*header.GetFloat(entry.key, 0));
      return;
    case GgufType::kArray:
      json->BeginObject().Key("type").String(GgufTypeName(entry.element_type));
      json->Key("count").Number(entry.count).EndObject();
      return;
    default: {
      const Result<uint64_t> value = header.GetUint(entry.key, 0);
      value.ok() ? json->Number(*value) : json->Null();
    }
  }
}

std::string ToJson(const std::string& file, const Inspected& result) {
  JsonWriter json;
  json.BeginObject().Key("file").String(file).Key("kind").String(result.kind);
  json.Key("bytes").Number(result.file_bytes);
  if (result.plan.ok()) {
    json.Key("plan");
    AppendPlan(*result.plan, &json);
  } else {
    const Error& error = result.plan.error();
    json.Key("error").BeginObject().Key("code").String(CodeName(error.code));
    json.Key("message").String(error.message).EndObject();
  }
  if (result.gguf != nullptr) {
    json.Key("metadata").BeginObject();
    for (const auto& entry : result.gguf->entries()) {
      json.Key(entry.key);
      AppendValue(*result.gguf, entry, &json);
    }
    json.EndObject();
  }
  json.Key("tensors").BeginArray();
  for (const TensorInfo& tensor : result.tensors) {
    json.BeginObject().Key("name").String(tensor.name).Key("type").String(TypeName(tensor));
    json.Key("shape").BeginArray();
    for (uint32_t i = 0; i < tensor.n_dims; ++i) json.Number(tensor.shape[i]);
    json.EndArray()
        .Key("bytes")
        .Number(tensor.bytes)
        .Key("offset")
        .Number(tensor.offset)
        .EndObject();
  }
  json.EndArray().EndObject();
  return json.text();
}

}  // namespace

int RunInspect(Arguments& arguments) {
  std::string file;
  LoadOptions options;
  bool all = false;
  bool json = false;
  arguments.Positional(
      "FILE", "a GGUF or safetensors file, a Hugging Face folder, or a bundled model's id", &file);
  arguments.Value(
      "context", "N",
      "plan the memory for a context of N tokens; the model's, at most 2,048, unless given",
      &options.context);
  arguments.Value("threads", "N", "plan the memory for N threads; 1 unless given",
                  &options.threads);
  arguments.Flag("all", "list metadata and tensors as well", &all);
  arguments.Flag("json", "print {file, kind, bytes, plan or error, metadata, tensors}", &json);
  if (!arguments.Parse()) return arguments.exit_code();

  const Result<Inspected> result = Inspect(file, options);
  if (!result.ok()) return arguments.Fail(result.error());
  if (json) {
    std::printf("%s\n", ToJson(file, *result).c_str());
  } else {
    PrintText(file, *result, all);
  }
  return kExitOk;
}

}  // namespace parley
