// See tensor_stream.h. Rows are handled in slabs, so that reads are large and memory is bounded
// whatever the tensor.
#include "engine/tensor_stream.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "base/buffer.h"
#include "kernels/quantize.h"

namespace parley {
namespace {

constexpr uint64_t kSlabBytes = 4 << 20;  // of a slab's values as f32

std::string Label(const ConvertedTensor& tensor) {
  return "tensor '" + std::string(tensor.source.name) + "'";
}

uint64_t Columns(const ConvertedTensor& tensor) { return tensor.shape[tensor.n_dims - 1]; }

uint64_t Rows(const ConvertedTensor& tensor) {
  uint64_t rows = 1;
  for (uint32_t i = 0; i + 1 < tensor.n_dims; ++i) rows *= tensor.shape[i];
  return rows;
}

uint64_t SlabRows(const ConvertedTensor& tensor) {
  return std::clamp<uint64_t>(kSlabBytes / (Columns(tensor) * sizeof(float)), 1, Rows(tensor));
}

// Memory for the largest slab of the tensors to come.
struct Scratch {
  Buffer<uint8_t> stored;   // a slab as the source stores it
  Buffer<float> values;     // a slab: [rows, columns], or [columns, rows] when transposed
  Buffer<float> row;        // [columns], gathered from a transposed slab
  Buffer<uint8_t> encoded;  // a row

  Status Fit(std::span<const ConvertedTensor> tensors) {
    uint64_t n_stored = 0, n_values = 0, n_columns = 0, n_encoded = 0;
    for (const ConvertedTensor& tensor : tensors) {
      const uint64_t columns = Columns(tensor);
      const uint64_t slab_values = SlabRows(tensor) * columns;
      n_stored = std::max(n_stored, RowBytes(tensor.source.type, slab_values));
      n_values = std::max(n_values, slab_values);
      n_columns = std::max(n_columns, columns);
      n_encoded = std::max(n_encoded, RowBytes(tensor.type, columns));
    }
    TRY_ASSIGN(stored, Buffer<uint8_t>::Make(n_stored, "a slab of a tensor"));
    TRY_ASSIGN(values, Buffer<float>::Make(n_values, "a slab of a tensor"));
    TRY_ASSIGN(row, Buffer<float>::Make(n_columns, "a row of a tensor"));
    TRY_ASSIGN(encoded, Buffer<uint8_t>::Make(n_encoded, "a row of a tensor"));
    return {};
  }
};

class TensorCopier {
 public:
  TensorCopier(const ConvertedTensor& tensor, ByteSource* source, GgufWriter* writer,
               Scratch* scratch)
      : tensor_(tensor), source_(source), writer_(writer), scratch_(scratch) {}

  Status Copy() {
    const uint64_t rows = Rows(tensor_);
    const uint64_t slab_rows = SlabRows(tensor_);
    for (uint64_t begin = 0; begin < rows; begin += slab_rows) {
      const uint64_t count = std::min(slab_rows, rows - begin);
      TRY(tensor_.transposed ? ReadColumns(begin, count) : ReadRows(begin, count));
      TRY(CheckFinite(count));
      for (uint64_t i = 0; i < count; ++i) TRY(WriteRow(i, count));
    }
    return writer_->EndTensor();
  }

 private:
  // Rows [begin, begin + count) of a source in the same order.
  Status ReadRows(uint64_t begin, uint64_t count) {
    const uint64_t columns = Columns(tensor_);
    const uint64_t row_bytes = RowBytes(tensor_.source.type, columns);
    const auto stored = scratch_->stored.span().first(static_cast<size_t>(count * row_bytes));
    TRY(source_->ReadAt(tensor_.source.offset + begin * row_bytes, stored));
    DecodeRow(tensor_.source.type, stored.data(), count * columns, scratch_->values.data());
    return {};
  }

  // The same rows of a source that stores them as columns: a piece of each of its rows. values:
  // [columns, count]
  Status ReadColumns(uint64_t begin, uint64_t count) {
    const uint64_t value_bytes = RowBytes(tensor_.source.type, 1);
    const uint64_t stride = Rows(tensor_) * value_bytes;
    const auto stored = scratch_->stored.span().first(static_cast<size_t>(count * value_bytes));
    for (uint64_t k = 0; k < Columns(tensor_); ++k) {
      TRY(source_->ReadAt(tensor_.source.offset + k * stride + begin * value_bytes, stored));
      DecodeRow(tensor_.source.type, stored.data(), count, scratch_->values.data() + k * count);
    }
    return {};
  }

  Status CheckFinite(uint64_t count) const {
    const auto values =
        scratch_->values.span().first(static_cast<size_t>(count * Columns(tensor_)));
    if (std::all_of(values.begin(), values.end(), [](float value) { return std::isfinite(value); }))
      return {};
    return MakeError(Code::kNonfinite, Label(tensor_) + " has a NaN or infinite value",
                     tensor_.source.offset);
  }

  Status WriteRow(uint64_t i, uint64_t count) {
    const uint64_t columns = Columns(tensor_);
    const size_t row_bytes = static_cast<size_t>(RowBytes(tensor_.type, columns));
    if (tensor_.type == tensor_.source.type && !tensor_.transposed) {
      return writer_->WriteTensorBytes(
          scratch_->stored.span().subspan(static_cast<size_t>(i) * row_bytes, row_bytes));
    }
    const float* row = scratch_->values.data() + i * columns;
    if (tensor_.transposed) {
      for (uint64_t k = 0; k < columns; ++k) scratch_->row[k] = scratch_->values[k * count + i];
      row = scratch_->row.data();
    }
    if (!EncodeRow(tensor_.type, row, columns, scratch_->encoded.data())) {
      return MakeError(Code::kNonfinite,
                       Label(tensor_) + " has values too large for " +
                           GetDTypeTraits(static_cast<uint32_t>(tensor_.type))->name,
                       tensor_.source.offset);
    }
    return writer_->WriteTensorBytes(scratch_->encoded.span().first(row_bytes));
  }

  const ConvertedTensor& tensor_;
  ByteSource* source_;
  GgufWriter* writer_;
  Scratch* scratch_;
};

}  // namespace

Status CheckConvertible(const ConvertedTensor& tensor) {
  const DTypeTraits* stored = GetDTypeTraits(static_cast<uint32_t>(tensor.source.type));
  if (!CanDecode(tensor.source.type)) {
    return MakeError(Code::kUnsupportedModel,
                     Label(tensor) + " has type " + stored->name + ", which is not decoded");
  }
  const DTypeTraits* wanted = GetDTypeTraits(static_cast<uint32_t>(tensor.type));
  if (Columns(tensor) % wanted->block_values != 0) {
    return MakeError(Code::kBadShape, Label(tensor) + ": rows of " +
                                          std::to_string(Columns(tensor)) +
                                          " values are no multiple of " + wanted->name +
                                          "'s block of " + std::to_string(wanted->block_values));
  }
  return {};
}

Status WriteTensorTable(std::span<const ConvertedTensor> tensors, GgufWriter* writer) {
  for (const ConvertedTensor& tensor : tensors) {
    TRY(writer->AddTensor(tensor.name, tensor.type, std::span(tensor.shape).first(tensor.n_dims)));
  }
  return writer->BeginData();
}

Status WriteTensorData(std::span<const ConvertedTensor> tensors, ByteSource* source,
                       GgufWriter* writer) {
  Scratch scratch;
  TRY(scratch.Fit(tensors));
  for (const ConvertedTensor& tensor : tensors)
    TRY(TensorCopier(tensor, source, writer, &scratch).Copy());
  return {};
}

uint32_t FileTypeOf(DType type) {
  switch (type) {
    case DType::kF32:
      return 0;
    case DType::kF16:
      return 1;
    case DType::kQ4_0:
      return 2;
    default:
      return 7;  // Q8_0
  }
}

DType MatrixType(DType wanted, bool is_embedding_or_head) {
  return wanted == DType::kQ4_0 && is_embedding_or_head ? DType::kQ8_0 : wanted;
}

}  // namespace parley
