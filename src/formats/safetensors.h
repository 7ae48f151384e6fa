// Reads the header of a safetensors file: the tensor table, checked completely. No file access;
// which tensors a model needs is engine/convert's. Format:
// https://github.com/huggingface/safetensors#format
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/buffer.h"
#include "base/result.h"
#include "formats/tensor_info.h"

namespace parley {

class SafetensorsHeader {
 public:
  // Bytes that must be given to Parse, from the first 8 bytes of a file or more. LIMIT below 2 or
  // above 16 MiB, TRUNCATED beyond the file (S1); with 64 bytes BAD_MAGIC for another kind of file
  // that is known, naming it.
  static Result<uint64_t> PrefixBytes(std::span<const uint8_t> first_bytes, uint64_t file_bytes);

  // `prefix`: at least PrefixBytes of a file of `file_bytes` bytes. Types that ggml has no number
  // for are given as the signed integer of their size (BOOL and U8 as I8): only that size is used.
  // Errors: S1-S7 of docs/FAULTS.md.
  static Result<SafetensorsHeader> Parse(std::span<const uint8_t> prefix, uint64_t file_bytes);

  std::span<const TensorInfo> tensors() const { return tensors_.span(); }  // in order of their data
  const TensorInfo* FindTensor(std::string_view name) const;               // null when absent

 private:
  friend class SafetensorsParser;
  Buffer<char> names_;  // what the tensors' names point into
  Buffer<TensorInfo> tensors_;
  Buffer<uint32_t> order_;  // indices of tensors_, sorted by name
};

}  // namespace parley
