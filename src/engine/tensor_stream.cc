// See tensor_stream.h. Rows are handled in slabs, so that reads are large and memory is bounded
// whatever the tensor.
#include "engine/tensor_stream.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "kernels/quantize.h"

namespace parley {
namespace {

constexpr uint64_t kSlabBytes = 1 << 20;  // of a slab's values as f32, and of a read

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

// Bytes of `values` values as the source stores them.
uint64_t StoredBytes(const ConvertedTensor& tensor, uint64_t values) {
  return RowBytes(tensor.source.type, values);
}

}  // namespace

Status TensorStream::Begin(std::span<const ConvertedTensor> tensors, GgufWriter* writer,
                           CollectingSink* sink) {
  tensors_ = tensors;
  writer_ = writer;
  sink_ = sink;
  uint64_t n_stored = 0, n_values = 0, n_columns = 0, n_encoded = 0, n_output = 0;
  for (const ConvertedTensor& tensor : tensors) {
    const uint64_t columns = Columns(tensor);
    const uint64_t slab_values = SlabRows(tensor) * columns;
    n_stored = std::max(n_stored,
                        tensor.transposed ? tensor.source.bytes : StoredBytes(tensor, slab_values));
    n_values = std::max(n_values, slab_values);
    n_columns = std::max(n_columns, columns);
    n_encoded = std::max(n_encoded, RowBytes(tensor.type, columns));
    n_output = std::max(n_output, RowBytes(tensor.type, slab_values) + GgufWriter::kAlignment);
  }
  TRY_ASSIGN(stored_, Buffer<uint8_t>::Make(n_stored, "a stored tensor"));
  TRY_ASSIGN(values_, Buffer<float>::Make(n_values, "a slab of a tensor"));
  TRY_ASSIGN(row_, Buffer<float>::Make(n_columns, "a row of a tensor"));
  TRY_ASSIGN(encoded_, Buffer<uint8_t>::Make(n_encoded, "a row of a tensor"));
  TRY_ASSIGN(output_, Buffer<uint8_t>::Make(n_output, "a slab of a tensor"));
  return {};
}

Result<ConvertStep> TensorStream::Next() {
  if (tensors_.empty()) return ConvertStep{};
  const ConvertedTensor& tensor = tensors_.front();
  if (tensor.transposed) {
    if (read_ < tensor.source.bytes) return Read(std::min(kSlabBytes, tensor.source.bytes - read_));
  } else {
    const uint64_t end = std::min(next_row_ + SlabRows(tensor), Rows(tensor));
    const uint64_t bytes = StoredBytes(tensor, end * Columns(tensor));
    if (read_ < bytes) return Read(bytes - read_);
  }
  return WriteSlab();
}

// The tensor's next bytes.
ConvertStep TensorStream::Read(uint64_t bytes) {
  const ConvertedTensor& tensor = tensors_.front();
  ConvertStep step;
  step.kind = ConvertStep::Kind::kRead;
  step.file = tensor.file;
  step.offset = tensor.source.offset + read_;
  step.destination = stored_.span().subspan(tensor.transposed ? static_cast<size_t>(read_) : 0,
                                            static_cast<size_t>(bytes));
  read_ += bytes;
  return step;
}

// The next rows, and after the last ones the tensor's padding.
Result<ConvertStep> TensorStream::WriteSlab() {
  const ConvertedTensor& tensor = tensors_.front();
  const uint64_t n_rows = std::min(SlabRows(tensor), Rows(tensor) - next_row_);
  sink_->Collect(output_.span());
  DecodeSlab(n_rows);
  TRY(CheckFinite(n_rows));
  for (uint64_t i = 0; i < n_rows; ++i) TRY(WriteRow(i, n_rows));
  next_row_ += n_rows;
  if (next_row_ == Rows(tensor)) {
    TRY(writer_->EndTensor());
    tensors_ = tensors_.subspan(1);
    next_row_ = 0;
    read_ = 0;
  }
  return ConvertStep{.kind = ConvertStep::Kind::kWrite, .bytes = sink_->collected()};
}

void TensorStream::DecodeSlab(uint64_t n_rows) {
  const ConvertedTensor& tensor = tensors_.front();
  const uint64_t columns = Columns(tensor);
  if (!tensor.transposed) {
    DecodeRow(tensor.source.type, stored_.data(), n_rows * columns, values_.data());
    return;
  }
  const uint64_t stride = StoredBytes(tensor, Rows(tensor));
  const uint8_t* slab = stored_.data() + StoredBytes(tensor, next_row_);
  for (uint64_t k = 0; k < columns; ++k) {
    DecodeRow(tensor.source.type, slab + k * stride, n_rows, values_.data() + k * n_rows);
  }
}

Status TensorStream::CheckFinite(uint64_t n_rows) const {
  const ConvertedTensor& tensor = tensors_.front();
  const auto values = values_.span().first(static_cast<size_t>(n_rows * Columns(tensor)));
  if (std::all_of(values.begin(), values.end(), [](float value) { return std::isfinite(value); }))
    return {};
  return MakeError(Code::kNonfinite, Label(tensor) + " has a NaN or infinite value",
                   tensor.source.offset);
}

Status TensorStream::WriteRow(uint64_t i, uint64_t n_rows) {
  const ConvertedTensor& tensor = tensors_.front();
  const uint64_t columns = Columns(tensor);
  const size_t row_bytes = static_cast<size_t>(RowBytes(tensor.type, columns));
  if (tensor.type == tensor.source.type && !tensor.transposed) {
    return writer_->WriteTensorBytes(
        stored_.span().subspan(static_cast<size_t>(i) * row_bytes, row_bytes));
  }
  const float* row = values_.data() + i * columns;
  if (tensor.transposed) {
    for (uint64_t k = 0; k < columns; ++k) row_[k] = values_[k * n_rows + i];
    row = row_.data();
  }
  if (!EncodeRow(tensor.type, row, columns, encoded_.data())) {
    return MakeError(Code::kNonfinite,
                     Label(tensor) + " has values too large for " +
                         GetDTypeTraits(static_cast<uint32_t>(tensor.type))->name,
                     tensor.source.offset);
  }
  return writer_->WriteTensorBytes(encoded_.span().first(row_bytes));
}

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
