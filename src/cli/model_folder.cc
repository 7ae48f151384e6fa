// Reads the texts of a Hugging Face folder and opens its weights.
#include "cli/model_folder.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include "cli/files.h"
#include "formats/hf_config.h"

namespace parley {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kMaxFileBytes = 64 << 20;

bool Exists(const fs::path& path) {
  std::error_code error;
  return fs::is_regular_file(path, error);
}

// One file, or the shards that an index names.
Result<std::vector<std::string>> WeightNames(const fs::path& root) {
  const fs::path index = root / "model.safetensors.index.json";
  if (Exists(root / "model.safetensors")) return std::vector<std::string>{"model.safetensors"};
  if (!Exists(index)) {
    const bool pickled = Exists(root / "pytorch_model.bin");
    return MakeError(Code::kIo, (root / "model.safetensors").string() + " is missing" +
                                    (pickled ? "; pytorch_model.bin is a pickle, which can run "
                                               "code and is not read"
                                             : ""));
  }
  TRY_ASSIGN(const std::string text, ReadWholeFile(index.string(), kMaxFileBytes));
  return ReadShardNames(text);
}

}  // namespace

HfFolder ModelFolder::view() const {
  HfFolder folder;
  for (size_t i = 0; i < texts.size(); ++i) *FindText(kHfTextFiles[i], &folder) = texts[i];
  folder.weights = weight_files;
  folder.folder_name = name;
  return folder;
}

std::vector<ByteSource*> ModelFolder::sources() const {
  std::vector<ByteSource*> sources;
  sources.reserve(weights.size());
  for (const auto& source : weights) sources.push_back(source.get());
  return sources;
}

bool IsModelFolder(const std::string& path) { return Exists(fs::path(path) / "config.json"); }

Result<ModelFolder> OpenModelFolder(const std::string& path) {
  const fs::path root(path);
  ModelFolder folder;
  std::error_code error;
  folder.name = fs::canonical(root, error).filename().string();
  for (const char* file : kHfTextFiles) {
    folder.texts.emplace_back();
    if (!Exists(root / file)) continue;
    TRY_ASSIGN(folder.texts.back(), ReadWholeFile((root / file).string(), kMaxFileBytes));
  }
  TRY_ASSIGN(folder.weight_names, WeightNames(root));
  for (const std::string& name : folder.weight_names) {
    TRY_ASSIGN(auto source, OpenFile((root / name).string()));
    folder.weight_files.push_back({name, source->size()});
    folder.weights.push_back(std::move(source));
  }
  return folder;
}

}  // namespace parley
