// Where a command's model comes from: a GGUF file, a Hugging Face folder, or a bundled model's id;
// and which engine runs it.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/result.h"
#include "chat/format.h"
#include "cli/arguments.h"
#include "engine/engine.h"
#include "sampling/options.h"

namespace parley {

inline constexpr const char* kDefaultModel = "parley-17m";

// Which model, and how it is run.
struct ModelArguments {
  std::string model = kDefaultModel;
  std::string engine = "kernels";         // or "reference"
  uint32_t threads = 0;                   // 0: up to two processors all, else half, 2 to 8; timed
  uint32_t context = 0;                   // tokens; 0: the model's own, at most 2,048
  std::optional<ChatFormat> chat_format;  // else the model's own
};
// --model, where only what is in the file is read.
void DeclareModelArgument(Arguments& arguments, std::string* model);
// --model, --threads, --context: the same in every command that runs a model.
void DeclareModelArguments(Arguments& arguments, ModelArguments* values);
// --chat-format, where turns are made into a prompt.
void DeclareChatFormatArgument(Arguments& arguments, std::optional<ChatFormat>* format);
// --engine or another option of its kind, where the f32 reference makes sense.
void DeclareEngineArgument(Arguments& arguments, const char* name, const char* help,
                           std::string* engine);

// A model's GGUF bytes, wherever they are. A Hugging Face folder is converted to Q8_0 in memory; a
// bundled model's parts are read as one file, each checked against the catalog's SHA-256.
Result<std::unique_ptr<ByteSource>> OpenModel(const std::string& model);

// Opens and loads, and applies the chat format. The reference engine computes with the weights as
// the file or the folder stores them; Engine::kernels is then "reference".
Result<std::unique_ptr<Engine>> LoadModel(const ModelArguments& arguments);

// The options for chat that a bundled model's catalog entry proposes; for any other model, those
// that suit its format.
Result<GenerationOptions> ChatPreset(const std::string& model, ChatFormat format);

}  // namespace parley
