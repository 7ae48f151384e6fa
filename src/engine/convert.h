// Converts a model into a GGUF file that Parley and llama.cpp open: from a Hugging Face folder's
// texts and weights, or from another GGUF. Streams row by row with a few MiB of memory; opens no
// file itself.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"
#include "formats/hf_tokenizer.h"
#include "kernels/dtype.h"
#include "model/config.h"

namespace parley {

// What the files of a GPT2LMHeadModel checkpoint hold. The views and the source outlive the
// conversion.
struct HfFolder {
  std::string_view config_json;
  HfTokenizerTexts tokenizer;
  std::string_view readme_md;     // for its license; may be empty
  ByteSource* weights = nullptr;  // model.safetensors
  std::string_view folder_name;   // general.name where config.json gives none; may be empty
};

struct ConvertOptions {
  // Of matrices: kQ8_0, kQ4_0, kF16 or kF32. Under kQ4_0 embeddings and head are Q8_0, as llama.cpp
  // keeps them wider. Norms, biases and positions are always F32.
  DType type = DType::kQ8_0;
  std::string name;  // general.name; empty: what the source says
};

// "q8_0", "q4_0", "f16", "f32"; BAD_ARG names them.
Result<DType> ParseConvertType(std::string_view name);

class Conversion {
 public:
  // Everything but the weights' values is checked here: the errors of the readers, of
  // ReadModelConfig and of Tokenizer; UNSUPPORTED_MODEL names a tensor that is missing, misshaped,
  // unknown, or of a type we do not decode; BAD_SHAPE one whose rows do not fit the type.
  static Result<std::unique_ptr<Conversion>> FromHuggingFace(const HfFolder& folder,
                                                             const ConvertOptions& options);
  // `source` outlives the conversion. Metadata is kept, the types of tensors change.
  static Result<std::unique_ptr<Conversion>> FromGguf(ByteSource* source,
                                                      const ConvertOptions& options);
  virtual ~Conversion() = default;

  virtual const ModelConfig& config() const = 0;
  virtual uint64_t output_bytes() const = 0;  // of the GGUF file
  // Writes the file front to back. NONFINITE names the tensor with a NaN or infinity, or with
  // values whose scale f16 cannot hold; kIo from the source or the sink.
  virtual Status Write(ByteSink* sink) = 0;
};

}  // namespace parley
