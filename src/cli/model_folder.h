// A Hugging Face folder's files, read for conversion or for the reference engine. Checks only that
// they are there.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "engine/convert.h"

namespace parley {

struct ModelFolder {
  std::vector<std::string> texts;                    // by kHfTextFiles; empty where there is none
  std::string name;                                  // the folder's own
  std::vector<std::string> weight_names;             // model.safetensors, or its shards
  std::vector<std::unique_ptr<ByteSource>> weights;  // in the same order
  std::vector<HfWeightsFile> weight_files;           // what of them a conversion is told

  // Points into this.
  HfFolder view() const;
  std::vector<ByteSource*> sources() const;
};

// True when `path` is a folder with a config.json.
bool IsModelFolder(const std::string& path);
// The errors of ReadShardNames; kIo names the file that is missing or unreadable.
Result<ModelFolder> OpenModelFolder(const std::string& path);

}  // namespace parley
