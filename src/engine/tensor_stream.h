// Tensors on their way from one file to another: decoded, transposed where Conv1D stored them so,
// encoded, row by row. Private to the conversions of convert.h.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"
#include "formats/gguf_writer.h"
#include "formats/tensor_info.h"

namespace parley {

struct ConvertedTensor {
  char name[65] = {};        // in the GGUF file: at most 64 bytes, null-terminated
  TensorInfo source;         // where its values are, and of which type
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

// All tensors' data, in the table's order.
Status WriteTensorData(std::span<const ConvertedTensor> tensors, ByteSource* source,
                       GgufWriter* writer);

// `llama_ftype` of llama.cpp for a file whose matrices have this type.
uint32_t FileTypeOf(DType type);

// The type of a matrix under ConvertOptions::type.
DType MatrixType(DType wanted, bool is_embedding_or_head);

// Counts bytes and keeps none.
class CountingSink final : public ByteSink {
 public:
  Status Write(std::span<const uint8_t>) override { return {}; }
};

}  // namespace parley
