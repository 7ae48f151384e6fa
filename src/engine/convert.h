// Converts a model into a GGUF file that Parley and llama.cpp open: from a Hugging Face folder's
// texts and weights, or from another GGUF. Asks for the bytes that it needs and gives those that it
// made, step by step, with a bounded memory; opens no file and calls nobody.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"
#include "formats/hf_config.h"  // ReadShardNames, for callers
#include "formats/hf_tokenizer.h"
#include "kernels/dtype.h"

namespace parley {

// A file of weights: its name for messages, and its size.
struct HfWeightsFile {
  std::string_view name;  // "model-00001-of-00002.safetensors"
  uint64_t bytes = 0;
};

// What the files of a GPT2LMHeadModel checkpoint hold. All of it outlives the conversion.
struct HfFolder {
  std::string_view config_json;
  HfTokenizerTexts tokenizer;
  std::string_view readme_md;              // for its license; may be empty
  std::span<const HfWeightsFile> weights;  // model.safetensors, or its shards in any order
  std::string_view folder_name;  // general.name where config.json gives none; may be empty
};

// The names of the files whose texts a folder may hold.
inline constexpr const char* kHfTextFiles[] = {"config.json",
                                               "vocab.json",
                                               "merges.txt",
                                               "tokenizer.json",
                                               "tokenizer_config.json",
                                               "special_tokens_map.json",
                                               "README.md"};
// Where the text of a file of this name belongs; null for other names.
std::string_view* FindText(std::string_view file_name, HfFolder* folder);

struct ConvertOptions {
  // Of matrices: kQ8_0, kQ4_0, kF16 or kF32. Under kQ4_0 embeddings and head are Q8_0, as llama.cpp
  // keeps them wider. Norms, biases and positions are always F32.
  DType type = DType::kQ8_0;
  std::string name;  // general.name; empty: what the source says
};

// "q8_0", "q4_0", "f16", "f32"; BAD_ARG names them.
Result<DType> ParseConvertType(std::string_view name);

struct ConvertStep {
  enum class Kind {
    kRead,   // fill `destination` with the bytes from `offset` of the source's file number `file`
    kWrite,  // `bytes` are the next ones of the GGUF file
    kDone,
  };
  Kind kind = Kind::kDone;
  uint32_t file = 0;
  uint64_t offset = 0;
  std::span<uint8_t> destination;  // until the next step; likewise `bytes`
  std::span<const uint8_t> bytes;
};

class Conversion {
 public:
  // Texts are checked here: the errors of their readers, of ReadModelConfig and of Tokenizer. The
  // first steps read the weights' headers: the errors of SafetensorsHeader, DUPLICATE for a tensor
  // that is in two files, UNSUPPORTED_MODEL for one that is missing, misshaped, unknown, or of a
  // type we do not decode; BAD_SHAPE for one whose rows do not fit the type.
  static Result<std::unique_ptr<Conversion>> FromHuggingFace(const HfFolder& folder,
                                                             const ConvertOptions& options);
  // Of a file of so many bytes, number 0 of the steps. Metadata is kept, the types of tensors
  // change.
  static Result<std::unique_ptr<Conversion>> FromGguf(uint64_t file_bytes,
                                                      const ConvertOptions& options);
  virtual ~Conversion() = default;

  // Call until kDone. NONFINITE names the tensor with a NaN or infinity, or with values whose scale
  // f16 cannot hold. After an error there are no more steps.
  virtual Result<ConvertStep> Next() = 0;
  // Of the GGUF file; 0 before the first kWrite.
  virtual uint64_t output_bytes() const = 0;
};

// All steps: `files` are the source's, in order. kIo from them or from the sink.
Status RunConversion(Conversion* conversion, std::span<ByteSource* const> files, ByteSink* sink);

}  // namespace parley
