// The headers of a checkpoint's weight files, one safetensors or several, and where each tensor is.
// Private to convert_huggingface.cc, which knows what the tensors are.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/buffer.h"
#include "base/result.h"
#include "engine/convert.h"
#include "formats/safetensors.h"

namespace parley {

class HfShards {
 public:
  Status Begin(std::span<const HfWeightsFile> files);
  // The next read, given that the last one has been done; none when all headers are parsed.
  Result<std::optional<ConvertStep>> Next();

  uint64_t n_tensors() const;
  std::span<const SafetensorsHeader> headers() const { return headers_; }
  // Null when no file has it; else `file` is the one's number.
  const TensorInfo* Find(std::string_view name, uint32_t* file) const;

 private:
  Status Parse();
  Error InFile(Error error) const;

  std::span<const HfWeightsFile> files_;
  std::vector<SafetensorsHeader> headers_;  // of the first files
  Buffer<uint8_t> prefix_;                  // of the next file: its first bytes, then its header
  bool has_size_ = false;                   // the header's: prefix_ has room for all of it
};

}  // namespace parley
