// A Hugging Face folder's files, read for conversion or for the reference engine. Checks only that
// they are there.
#pragma once

#include <memory>
#include <string>

#include "base/bytes.h"
#include "base/result.h"
#include "engine/convert.h"

namespace parley {

struct ModelFolder {
  std::string config_json;
  std::string vocab_json;
  std::string merges_txt;
  std::string tokenizer_config_json;  // empty when there is none; likewise below
  std::string special_tokens_map_json;
  std::string readme_md;
  std::unique_ptr<ByteSource> weights;  // model.safetensors

  // Points into this.
  HfFolder view() const;
};

// True when `path` is a folder with a config.json.
bool IsModelFolder(const std::string& path);
// kIo names the file that is missing or unreadable.
Result<ModelFolder> OpenModelFolder(const std::string& path);

}  // namespace parley
