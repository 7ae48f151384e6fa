// Reads the header of a GGUF file (versions 2 and 3): metadata and tensor table, checked completely
// before anything is used. Knows the container, not what the keys mean: model/config.h reads those.
// No file access. Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/buffer.h"
#include "base/result.h"
#include "formats/tensor_info.h"

namespace parley {

enum class GgufType : uint32_t {
  kU8 = 0,
  kI8 = 1,
  kU16 = 2,
  kI16 = 3,
  kU32 = 4,
  kI32 = 5,
  kF32 = 6,
  kBool = 7,
  kString = 8,
  kArray = 9,
  kU64 = 10,
  kI64 = 11,
  kF64 = 12,
};

class GgufHeader {
 public:
  // `prefix`: the first bytes of a file of `file_bytes` bytes. When the header does not end inside
  // the prefix the error is kTruncated; if prefix.size() < file_bytes the caller reads more and
  // tries again. The prefix is copied: every view below points into the header's own memory.
  // Errors: G1-G14 of docs/FAULTS.md.
  static Result<GgufHeader> Parse(std::span<const uint8_t> prefix, uint64_t file_bytes);

  uint32_t version() const { return version_; }
  uint64_t data_offset() const { return data_offset_; }  // bytes: where tensor data begins
  uint64_t header_bytes() const;                         // bytes kept in memory for the header
  std::span<const TensorInfo> tensors() const { return tensors_.span(); }  // in order of their data
  const TensorInfo* FindTensor(std::string_view name) const;               // null when absent

  bool Has(std::string_view key) const;
  // Each returns `fallback` when the key is absent and kBadType when it has another type. Integers
  // of any width and signedness are accepted where they fit.
  Result<uint64_t> GetUint(std::string_view key, uint64_t fallback) const;
  Result<double> GetFloat(std::string_view key, double fallback) const;
  Result<bool> GetBool(std::string_view key, bool fallback) const;
  Result<std::string_view> GetString(std::string_view key, std::string_view fallback) const;
  // Empty when absent.
  Result<Buffer<std::string_view>> GetStrings(std::string_view key) const;
  Result<Buffer<int32_t>> GetInts(std::string_view key) const;

  struct Entry {
    std::string_view key;
    GgufType type = GgufType::kU8;
    GgufType element_type = GgufType::kU8;  // of an array; else `type`
    uint64_t count = 1;                     // elements of an array; else 1
    uint64_t offset = 0;  // bytes from the start of the file: the value, for an array its elements
    uint64_t bytes = 0;   // of the value; for an array of its elements
  };
  std::span<const Entry> entries() const {
    return entries_.span();
  }  // in the file's order, for `inspect` and copies
  std::span<const uint8_t> ValueBytes(const Entry& entry) const;
  const Entry* FindEntry(std::string_view key) const;  // null when absent

 private:
  friend class GgufParser;
  Result<const Entry*> FindArray(std::string_view key) const;

  uint32_t version_ = 0;
  uint64_t data_offset_ = 0;
  Buffer<uint8_t> bytes_;          // the file's first bytes, up to the end of the tensor table
  Buffer<Entry> entries_;          // in the file's order
  Buffer<uint32_t> entry_order_;   // indices of entries_, sorted by key
  Buffer<TensorInfo> tensors_;     // in order of their data
  Buffer<uint32_t> tensor_order_;  // indices of tensors_, sorted by name
};

// What a number of GgufType is called ("u32", "string"), for messages.
const char* GgufTypeName(GgufType type);

}  // namespace parley
