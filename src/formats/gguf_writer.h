// Writes a GGUF file (version 3) front to back into a sink, holding nothing but a few numbers:
// first the metadata, then the tensor table, then each tensor's data in the table's order. What the
// keys mean is the caller's.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"
#include "formats/gguf_reader.h"
#include "kernels/dtype.h"

namespace parley {

class GgufWriter {
 public:
  static constexpr uint64_t kAlignment = 32;  // bytes: what a file without `general.alignment` has

  explicit GgufWriter(ByteSink* sink) : sink_(sink) {}

  // The calls in order: Begin; `n_entries` of the metadata calls; `n_tensors` times AddTensor;
  // BeginData; for each tensor its bytes, in pieces of any size, then EndTensor. Another order, or
  // other numbers, is a broken invariant.
  Status Begin(uint64_t n_tensors, uint64_t n_entries);

  Status AddUint32(std::string_view key, uint32_t value);
  Status AddFloat32(std::string_view key, float value);
  Status AddBool(std::string_view key, bool value);
  Status AddString(std::string_view key, std::string_view value);
  Status AddStrings(std::string_view key, std::span<const std::string_view> values);
  Status AddInts(std::string_view key, std::span<const int32_t> values);
  // An entry of another file, as it is there.
  Status AddEntry(const GgufHeader& header, const GgufHeader::Entry& entry);

  // shape: slowest dimension first, 1 to 4 of them; rows a multiple of the type's block. OVERFLOW
  // when sizes wrap.
  Status AddTensor(std::string_view name, DType type, std::span<const uint64_t> shape);
  Status BeginData();
  Status WriteTensorBytes(std::span<const uint8_t> bytes);
  Status EndTensor();  // pads

  uint64_t file_bytes() const {
    return data_begin_ + data_bytes_;
  }  // of the whole file; after BeginData

 private:
  enum class Stage { kStart, kMetadata, kTensors, kData };
  Status Write(const void* data, size_t bytes);
  template <typename T>
  Status WriteNumber(T value) {
    return Write(&value, sizeof(T));
  }
  Status WriteString(std::string_view text);
  Status BeginEntry(std::string_view key, GgufType type);
  Status BeginArray(std::string_view key, GgufType type, uint64_t count);
  Status Pad();

  ByteSink* sink_;
  Stage stage_ = Stage::kStart;
  uint64_t entries_left_ = 0;
  uint64_t tensors_left_ = 0;
  uint64_t position_ = 0;    // bytes written
  uint64_t data_bytes_ = 0;  // of all tensors in the table so far, padded
  uint64_t data_begin_ = 0;  // where they begin
};

}  // namespace parley
