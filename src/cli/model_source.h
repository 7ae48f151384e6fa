// Where a command's model comes from: a GGUF file, a Hugging Face folder, or a bundled model's id.
#pragma once

#include <memory>
#include <string>

#include "base/bytes.h"
#include "base/result.h"
#include "cli/arguments.h"
#include "engine/engine.h"

namespace parley {

inline constexpr const char* kDefaultModel = "parley-17m";

// --model, --threads, --context, --chat-format: the same in every command that runs a model.
struct ModelArguments {
  std::string model = kDefaultModel;
  uint32_t threads = 0;     // 0: chosen for this machine
  uint32_t context = 0;     // tokens; 0: the model's own, at most 2,048
  std::string chat_format;  // an id of chat/format.h; empty: the model's own
};
void DeclareModelArguments(Arguments& arguments, ModelArguments* values);

// A model's GGUF bytes, wherever they are. A Hugging Face folder is converted to Q8_0 in memory; a
// bundled model's parts are read as one file, each checked against the catalog's SHA-256.
Result<std::unique_ptr<ByteSource>> OpenModel(const std::string& model);

// Opens, loads with the kernels and applies --chat-format.
Result<std::unique_ptr<Engine>> LoadModel(const ModelArguments& arguments);

}  // namespace parley
