// One table of the keys that matter, and the handler that fills them in.
#include "formats/hf_config.h"

#include <algorithm>
#include <utility>

#include "formats/json_reader.h"

namespace parley {
namespace {

using Kind = JsonValue::Kind;

constexpr uint64_t kMaxIndexBytes = 16 << 20;

struct Field {
  std::string_view key;
  uint64_t HfConfig::* integer = nullptr;
  double HfConfig::* real = nullptr;
  bool HfConfig::* flag = nullptr;
  std::string HfConfig::* text = nullptr;
};

constexpr Field kFields[] = {
    {.key = "model_type", .text = &HfConfig::model_type},
    {.key = "_name_or_path", .text = &HfConfig::name_or_path},
    {.key = "activation_function", .text = &HfConfig::activation_function},
    {.key = "vocab_size", .integer = &HfConfig::vocab_size},
    {.key = "n_positions", .integer = &HfConfig::n_positions},
    {.key = "n_embd", .integer = &HfConfig::n_embd},
    {.key = "n_layer", .integer = &HfConfig::n_layer},
    {.key = "n_head", .integer = &HfConfig::n_head},
    {.key = "n_inner", .integer = &HfConfig::n_inner},
    {.key = "layer_norm_epsilon", .real = &HfConfig::layer_norm_epsilon},
    {.key = "tie_word_embeddings", .flag = &HfConfig::tie_word_embeddings},
    {.key = "scale_attn_weights", .flag = &HfConfig::scale_attn_weights},
    {.key = "scale_attn_by_inverse_layer_idx", .flag = &HfConfig::scale_attn_by_inverse_layer_idx},
    {.key = "add_cross_attention", .flag = &HfConfig::add_cross_attention},
};

class ConfigHandler final : public JsonHandler {
 public:
  explicit ConfigHandler(HfConfig* config) : config_(config) {}

  Status OnValue(const JsonPath& path, const JsonValue& value) override {
    if (path.depth() == 0 && value.kind != Kind::kObject && value.kind != Kind::kObjectEnd) {
      return MakeError(Code::kBadJson, "an object expected", value.offset);
    }
    if (path.depth() != 1) return {};
    for (size_t i = 0; i < std::size(kFields); ++i) {
      if (kFields[i].key == path.key(0)) return Set(kFields[i], uint64_t{1} << i, value);
    }
    return {};
  }

 private:
  Status Set(const Field& field, uint64_t bit, const JsonValue& value) {
    const std::string key(field.key);
    if ((seen_ & bit) != 0)
      return MakeError(Code::kDuplicate, key + " appears twice", value.offset);
    seen_ |= bit;
    // null stands for the default, as in Python.
    if (value.kind == Kind::kNull) return {};
    if (field.integer != nullptr && value.kind == Kind::kUint) {
      config_->*field.integer = value.uint;
    } else if (field.real != nullptr && value.is_number()) {
      config_->*field.real = value.number();
    } else if (field.flag != nullptr && value.kind == Kind::kBool) {
      config_->*field.flag = value.boolean;
    } else if (field.text != nullptr && value.kind == Kind::kString) {
      config_->*field.text = value.string;
    } else {
      const char* expected = field.integer != nullptr ? ": an integer that is not negative expected"
                             : field.real != nullptr  ? ": a number expected"
                             : field.flag != nullptr  ? ": true or false expected"
                                                      : ": a string expected";
      return MakeError(Code::kBadJson, key + expected, value.offset);
    }
    return {};
  }

  HfConfig* config_;
  uint64_t seen_ = 0;
};

class ShardNamesHandler final : public JsonHandler {
 public:
  Status OnValue(const JsonPath& path, const JsonValue& value) override {
    if (path.depth() != 2 || path.key(0) != "weight_map") return {};
    const bool plain = value.kind == Kind::kString && value.string.ends_with(".safetensors") &&
                       value.string.find_first_of("/\\") == std::string_view::npos;
    if (!plain) {
      return MakeError(Code::kBadJson,
                       path.ToString() + ": the name of a safetensors file expected", value.offset);
    }
    if (std::find(names_.begin(), names_.end(), value.string) != names_.end()) return {};
    if (names_.size() == kMaxShards) {
      return MakeError(Code::kLimit, "more than " + std::to_string(kMaxShards) + " weight files",
                       value.offset);
    }
    names_.emplace_back(value.string);
    return {};
  }
  std::vector<std::string> TakeNames() {
    std::sort(names_.begin(), names_.end());
    return std::move(names_);
  }

 private:
  std::vector<std::string> names_;
};

}  // namespace

Result<HfConfig> ReadHfConfig(std::string_view config_json) {
  if (config_json.size() > kMaxConfigBytes) {
    return MakeError(Code::kLimit,
                     "config.json of more than " + std::to_string(kMaxConfigBytes) + " bytes", 0);
  }
  HfConfig config;
  ConfigHandler handler(&config);
  if (Status status = ReadJson(config_json, &handler); !status.ok()) {
    return InFile("config.json", status.TakeError());
  }
  return config;
}

Result<std::vector<std::string>> ReadShardNames(std::string_view index_json) {
  constexpr const char* kFile = "model.safetensors.index.json";
  if (index_json.size() > kMaxIndexBytes) {
    return InFile(kFile, MakeError(Code::kLimit, "more than 16 MiB", 0));
  }
  ShardNamesHandler handler;
  if (Status status = ReadJson(index_json, &handler); !status.ok()) {
    return InFile(kFile, status.TakeError());
  }
  std::vector<std::string> names = handler.TakeNames();
  if (names.empty()) return InFile(kFile, MakeError(Code::kBadJson, "no weight_map", 0));
  return names;
}

std::string_view ReadModelCardLicense(std::string_view readme_md) {
  constexpr std::string_view kKey = "license:";
  bool inside = false;  // between the two lines of the front matter, "---"
  while (!readme_md.empty()) {
    std::string_view line = readme_md.substr(0, readme_md.find('\n'));
    readme_md.remove_prefix(std::min(readme_md.size(), line.size() + 1));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line == "---") {
      if (inside) break;
      inside = true;
    } else if (!inside) {
      break;
    } else if (line.starts_with(kKey)) {
      line.remove_prefix(kKey.size());
      const size_t begin = line.find_first_not_of(" \"'");
      if (begin == std::string_view::npos) break;
      return line.substr(begin, line.find_last_not_of(" \"'") + 1 - begin);
    }
  }
  return {};
}

}  // namespace parley
