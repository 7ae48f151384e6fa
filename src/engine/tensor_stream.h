// Tensors on their way from one file to another: decoded, transposed where Conv1D stored them so,
// encoded, in steps of bounded size. Private to the conversions of convert.h.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "base/buffer.h"
#include "base/bytes.h"
#include "base/result.h"
#include "engine/convert.h"
#include "formats/gguf_writer.h"
#include "formats/tensor_info.h"

namespace parley {

struct ConvertedTensor {
  char name[65] = {};        // in the GGUF file: at most 64 bytes, null-terminated
  TensorInfo source;         // where its values are, and of which type
  uint32_t file = 0;         // in which of the source's files
  bool transposed = false;   // the source is [columns, rows]
  DType type = DType::kF32;  // to become
  uint32_t n_dims = 1;
  uint64_t shape[kMaxDims] = {};  // to become; slowest first
};

// Fails when the source's type cannot be decoded (UNSUPPORTED_MODEL) or the rows do not fit the new
// one (BAD_SHAPE).
Status CheckConvertible(const ConvertedTensor& tensor);

// The tensor table, then its padding: after the metadata.
Status WriteTensorTable(std::span<const ConvertedTensor> tensors, GgufWriter* writer);

// `llama_ftype` of llama.cpp for a file whose matrices have this type.
uint32_t FileTypeOf(DType type);

// The type of a matrix under ConvertOptions::type.
DType MatrixType(DType wanted, bool is_embedding_or_head);

// Counts bytes and keeps none.
class CountingSink final : public ByteSink {
 public:
  Status Write(std::span<const uint8_t> bytes) override {
    count_ += bytes.size();
    return {};
  }
  uint64_t count() const { return count_; }

 private:
  uint64_t count_ = 0;
};

// Keeps bytes in memory that the caller measured.
class CollectingSink final : public ByteSink {
 public:
  void Collect(std::span<uint8_t> room) {
    room_ = room;
    size_ = 0;
  }
  std::span<const uint8_t> collected() const { return room_.first(size_); }
  Status Write(std::span<const uint8_t> bytes) override {
    CHECK(bytes.size() <= room_.size() - size_);
    if (!bytes.empty()) std::memcpy(room_.data() + size_, bytes.data(), bytes.size());
    size_ += bytes.size();
    return {};
  }

 private:
  std::span<uint8_t> room_;
  size_t size_ = 0;
};

// All tensors' data, in order. A tensor passes in slabs of about a MiB of rows; one that is stored
// transposed is held as a whole, since each of its rows is spread over all of it.
class TensorStream {
 public:
  // Takes all memory. `writer` has its tensor table when Next is called first, and writes to
  // `sink`; all outlive the stream.
  Status Begin(std::span<const ConvertedTensor> tensors, GgufWriter* writer, CollectingSink* sink);
  Result<ConvertStep> Next();

 private:
  ConvertStep Read(uint64_t bytes);
  Result<ConvertStep> WriteSlab();
  void DecodeSlab(uint64_t n_rows);
  Status CheckFinite(uint64_t n_rows) const;
  Status WriteRow(uint64_t i, uint64_t n_rows);

  std::span<const ConvertedTensor> tensors_;  // the first is being converted
  GgufWriter* writer_ = nullptr;
  CollectingSink* sink_ = nullptr;
  Buffer<uint8_t> stored_;   // a slab as the source stores it, or a transposed tensor
  Buffer<float> values_;     // a slab: [rows, columns], or [columns, rows] when transposed
  Buffer<float> row_;        // [columns], gathered from a transposed slab
  Buffer<uint8_t> encoded_;  // a row
  Buffer<uint8_t> output_;   // a slab and padding
  uint64_t next_row_ = 0;    // rows written
  uint64_t read_ = 0;        // bytes of the tensor that were asked for
};

}  // namespace parley
