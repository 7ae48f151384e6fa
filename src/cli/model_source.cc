// Finds models on disk and hands their bytes to the engine's loader or to the reference engine.
#include "cli/model_source.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <system_error>
#include <thread>

#include "base/json_text.h"
#include "chat/preset.h"
#include "cli/catalog.h"
#include "cli/files.h"
#include "cli/model_folder.h"
#include "cli/sha256.h"
#include "engine/convert.h"
#include "engine/open.h"
#include "formats/gguf_source.h"
#include "formats/hf_config.h"
#include "reference/model.h"
#include "reference/weights.h"

namespace parley {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kMaxCatalogBytes = 16 << 20;

bool IsFile(const fs::path& path) {
  std::error_code error;
  return fs::is_regular_file(path, error);
}

// The folder of bundled models: beside the executable's installation, or in the source tree that it
// was built in.
std::optional<fs::path> FindModelsFolder() {
  std::error_code error;
  const fs::path executable = fs::read_symlink("/proc/self/exe", error);
  const fs::path folders[] = {executable.parent_path().parent_path() / "share/parley/models",
                              fs::path(PARLEY_MODELS_DIR)};
  for (const fs::path& folder : folders) {
    if (IsFile(folder / "catalog.json")) return folder;
  }
  return std::nullopt;
}

// Null when there is no such bundled model.
Result<std::optional<CatalogEntry>> FindBundled(const std::string& id) {
  const std::optional<fs::path> folder = FindModelsFolder();
  if (!folder.has_value()) return std::optional<CatalogEntry>();
  TRY_ASSIGN(const std::string json,
             ReadWholeFile((*folder / "catalog.json").string(), kMaxCatalogBytes));
  TRY_ASSIGN(std::vector<CatalogEntry> entries, ReadCatalog(json));
  for (CatalogEntry& entry : entries) {
    if (entry.id == id && !entry.parts.empty())
      return std::optional<CatalogEntry>(std::move(entry));
  }
  return std::optional<CatalogEntry>();
}

// Bytes in memory, owned.
class OwnedSource final : public ByteSource {
 public:
  explicit OwnedSource(Buffer<uint8_t> bytes) : bytes_(std::move(bytes)) {}
  uint64_t size() const override { return bytes_.size(); }
  Status ReadAt(uint64_t offset, std::span<uint8_t> destination) override {
    return MemorySource(bytes_.span()).ReadAt(offset, destination);
  }

 private:
  Buffer<uint8_t> bytes_;
};

// Holds what a conversion writes, in memory that is taken when its size is known.
class ConversionSink final : public ByteSink {
 public:
  explicit ConversionSink(const Conversion* conversion) : conversion_(conversion) {}
  Status Write(std::span<const uint8_t> bytes) override {
    if (bytes_.empty()) {
      TRY_ASSIGN(bytes_, Buffer<uint8_t>::Make(conversion_->output_bytes(), "the converted model"));
    }
    if (bytes.size() > bytes_.size() - size_) {
      return MakeError(Code::kIo, "more bytes than were planned");
    }
    std::copy(bytes.begin(), bytes.end(), bytes_.begin() + size_);
    size_ += bytes.size();
    return {};
  }
  Buffer<uint8_t> Take() { return std::move(bytes_); }

 private:
  const Conversion* conversion_;
  Buffer<uint8_t> bytes_;
  size_t size_ = 0;
};

Result<std::unique_ptr<ByteSource>> ConvertInMemory(const ModelFolder& folder) {
  TRY_ASSIGN(const std::unique_ptr<Conversion> conversion,
             Conversion::FromHuggingFace(folder.view(), {}));
  ConversionSink sink(conversion.get());
  TRY(RunConversion(conversion.get(), folder.sources(), &sink));
  return std::unique_ptr<ByteSource>(new OwnedSource(sink.Take()));
}

Result<std::unique_ptr<ByteSource>> OpenBundled(const CatalogEntry& entry) {
  const std::optional<fs::path> folder = FindModelsFolder();
  CHECK(folder.has_value());
  uint64_t total_bytes = 0;
  for (const CatalogPart& part : entry.parts) total_bytes += part.bytes;
  TRY_ASSIGN(Buffer<uint8_t> bytes, Buffer<uint8_t>::Make(total_bytes, "the bundled model"));
  std::span<uint8_t> room = bytes.span();
  for (const CatalogPart& part : entry.parts) {
    const std::string path = (*folder / part.url).string();
    TRY_ASSIGN(const std::unique_ptr<ByteSource> source, OpenFile(path));
    if (source->size() != part.bytes) {
      return MakeError(Code::kChecksum, path + " has " + std::to_string(source->size()) +
                                            " bytes; the catalog says " +
                                            std::to_string(part.bytes));
    }
    TRY(source->ReadAt(0, room.first(part.bytes)));
    Sha256 hash;
    hash.Add(room.first(part.bytes));
    if (hash.Finish() != part.sha256) {
      return MakeError(Code::kChecksum,
                       path + " is not what the catalog says: its SHA-256 differs");
    }
    room = room.subspan(part.bytes);
  }
  return std::unique_ptr<ByteSource>(new OwnedSource(std::move(bytes)));
}

// Everything of an engine but the kernels' model.
Result<std::unique_ptr<Engine>> LoadReference(const ModelArguments& arguments) {
  TRY_ASSIGN(const std::unique_ptr<ByteSource> gguf, OpenModel(arguments.model));
  TRY_ASSIGN(const GgufHeader header, ReadGgufHeader(gguf.get()));
  auto engine = std::make_unique<Engine>();
  LoadOptions options;
  options.context = arguments.context;
  TRY_ASSIGN(engine->plan, MakePlan(header, gguf->size(), options));
  engine->kernels = "reference";
  TRY_ASSIGN(const uint32_t usable_ids, CountUsableIds(header, engine->plan.config.vocab_size));
  TRY(OpenTokenizer(header, engine.get()));
  reference::Weights weights;
  if (IsModelFolder(arguments.model)) {
    TRY_ASSIGN(const ModelFolder folder, OpenModelFolder(arguments.model));
    TRY_ASSIGN(weights, reference::ReadSafetensorsWeights(folder.sources(), engine->plan.config));
  } else {
    TRY_ASSIGN(weights, reference::ReadGgufWeights(*gguf, header, engine->plan.config));
  }
  TRY_ASSIGN(engine->model, reference::Model::Make(engine->plan.config, std::move(weights),
                                                   engine->plan.context, usable_ids));
  return engine;
}

Result<std::unique_ptr<Engine>> LoadKernels(const ModelArguments& arguments) {
  TRY_ASSIGN(const std::unique_ptr<ByteSource> source, OpenModel(arguments.model));
  LoadOptions options;
  options.context = arguments.context;
  options.threads = arguments.threads;
  if (options.threads == 0) {
    const uint32_t processors = std::max(std::thread::hardware_concurrency(), 1u);  // 0: unknown
    options.threads = processors <= 2 ? processors : std::min(std::max(processors / 2, 2u), 8u);
    options.tune_threads = true;
  }
  return LoadGguf(*source, options);
}

}  // namespace

void DeclareModelArgument(Arguments& arguments, std::string* model) {
  arguments.Value("model", "MODEL",
                  "a GGUF file, a Hugging Face folder, or a bundled model's id (parley-17m)",
                  model);
}

void DeclareModelArguments(Arguments& arguments, ModelArguments* values) {
  DeclareModelArgument(arguments, &values->model);
  arguments.Value("threads", "N", "threads (one or two processors: all, else half, 2 to 8; timed)",
                  &values->threads);
  arguments.Value("context", "N", "tokens of context (the model's own, at most 2048)",
                  &values->context);
}

void DeclareChatFormatArgument(Arguments& arguments, std::optional<ChatFormat>* format) {
  arguments.Value("chat-format", "ID",
                  "role_tokens, eos_turns, transcript, completion or chatml (the model's own)",
                  [format](std::string_view id) -> Status {
                    TRY_ASSIGN(*format, ParseChatFormat(id));
                    return {};
                  });
}

void DeclareEngineArgument(Arguments& arguments, const char* name, const char* help,
                           std::string* engine) {
  arguments.Value(name, "ENGINE", help, [engine](std::string_view value) -> Status {
    if (value != "kernels" && value != "reference") {
      return MakeError(Code::kBadArg,
                       "expected kernels or reference, found '" + std::string(value) + "'");
    }
    *engine = value;
    return {};
  });
}

Result<std::unique_ptr<ByteSource>> OpenModel(const std::string& model) {
  if (IsModelFolder(model)) {
    TRY_ASSIGN(const ModelFolder folder, OpenModelFolder(model));
    return ConvertInMemory(folder);
  }
  if (IsFile(model)) return OpenFile(model);
  TRY_ASSIGN(const std::optional<CatalogEntry> entry, FindBundled(model));
  if (entry.has_value()) return OpenBundled(*entry);
  return MakeError(Code::kIo,
                   "no model '" + model +
                       "': neither a file, nor a folder with a config.json, nor the id of "
                       "a bundled model");
}

Result<std::unique_ptr<Engine>> LoadModel(const ModelArguments& arguments) {
  auto engine = arguments.engine == "reference" ? LoadReference(arguments) : LoadKernels(arguments);
  if (engine.ok() && arguments.chat_format) (*engine)->style.format = *arguments.chat_format;
  return engine;
}

Result<GenerationOptions> ChatPreset(const std::string& model, ChatFormat format) {
  GenerationOptions options;
  TRY_ASSIGN(const std::optional<CatalogEntry> entry, FindBundled(model));
  if (entry.has_value() && !entry->preset.empty()) {
    for (const auto& [name, value] : entry->preset) TRY(SetOption(name, value, &options));
    return options;
  }
  for (const auto& [name, value] : PresetOf(format)) {
    std::string text;
    AppendJsonNumber(value, &text);
    TRY(SetOption(name, text, &options));
  }
  return options;
}

}  // namespace parley
