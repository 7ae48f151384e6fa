// Reads the texts of a Hugging Face folder and opens its weights.
#include "cli/model_folder.h"

#include <filesystem>
#include <system_error>

#include "cli/files.h"

namespace parley {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kMaxTextBytes = 64 << 20;

bool Exists(const fs::path& path) {
  std::error_code error;
  return fs::is_regular_file(path, error);
}

Status ReadOptional(const fs::path& path, std::string* text) {
  if (!Exists(path)) return {};
  TRY_ASSIGN(*text, ReadWholeFile(path.string(), kMaxTextBytes));
  return {};
}

}  // namespace

HfFolder ModelFolder::view() const {
  HfFolder folder;
  folder.config_json = config_json;
  folder.tokenizer.vocab_json = vocab_json;
  folder.tokenizer.merges_txt = merges_txt;
  folder.tokenizer.tokenizer_config_json = tokenizer_config_json;
  folder.tokenizer.special_tokens_map_json = special_tokens_map_json;
  folder.readme_md = readme_md;
  folder.weights = weights.get();
  return folder;
}

bool IsModelFolder(const std::string& path) { return Exists(fs::path(path) / "config.json"); }

Result<ModelFolder> OpenModelFolder(const std::string& path) {
  const fs::path root(path);
  ModelFolder folder;
  TRY_ASSIGN(folder.config_json, ReadWholeFile((root / "config.json").string(), kMaxTextBytes));
  TRY_ASSIGN(folder.vocab_json, ReadWholeFile((root / "vocab.json").string(), kMaxTextBytes));
  TRY_ASSIGN(folder.merges_txt, ReadWholeFile((root / "merges.txt").string(), kMaxTextBytes));
  TRY(ReadOptional(root / "tokenizer_config.json", &folder.tokenizer_config_json));
  TRY(ReadOptional(root / "special_tokens_map.json", &folder.special_tokens_map_json));
  TRY(ReadOptional(root / "README.md", &folder.readme_md));
  TRY_ASSIGN(folder.weights, OpenFile((root / "model.safetensors").string()));
  return folder;
}

}  // namespace parley
