// The layout of gguf_parser.cc, in the other direction.
#include "formats/gguf_writer.h"

#include <string>

namespace parley {

Status GgufWriter::Write(const void* data, size_t bytes) {
  TRY(sink_->Write({static_cast<const uint8_t*>(data), bytes}));
  position_ += bytes;
  return {};
}

Status GgufWriter::WriteString(std::string_view text) {
  TRY(WriteNumber<uint64_t>(text.size()));
  return Write(text.data(), text.size());
}

Status GgufWriter::Begin(uint64_t n_tensors, uint64_t n_entries) {
  CHECK(stage_ == Stage::kStart);
  stage_ = Stage::kMetadata;
  tensors_left_ = n_tensors;
  entries_left_ = n_entries;
  TRY(Write("GGUF", 4));
  TRY(WriteNumber<uint32_t>(3));
  TRY(WriteNumber(n_tensors));
  return WriteNumber(n_entries);
}

Status GgufWriter::BeginEntry(std::string_view key, GgufType type) {
  CHECK(stage_ == Stage::kMetadata && entries_left_ > 0);
  --entries_left_;
  TRY(WriteString(key));
  return WriteNumber(static_cast<uint32_t>(type));
}

Status GgufWriter::BeginArray(std::string_view key, GgufType type, uint64_t count) {
  TRY(BeginEntry(key, GgufType::kArray));
  TRY(WriteNumber(static_cast<uint32_t>(type)));
  return WriteNumber(count);
}

Status GgufWriter::AddUint32(std::string_view key, uint32_t value) {
  TRY(BeginEntry(key, GgufType::kU32));
  return WriteNumber(value);
}

Status GgufWriter::AddFloat32(std::string_view key, float value) {
  TRY(BeginEntry(key, GgufType::kF32));
  return WriteNumber(value);
}

Status GgufWriter::AddBool(std::string_view key, bool value) {
  TRY(BeginEntry(key, GgufType::kBool));
  return WriteNumber<uint8_t>(value ? 1 : 0);
}

Status GgufWriter::AddString(std::string_view key, std::string_view value) {
  TRY(BeginEntry(key, GgufType::kString));
  return WriteString(value);
}

Status GgufWriter::AddStrings(std::string_view key, std::span<const std::string_view> values) {
  TRY(BeginArray(key, GgufType::kString, values.size()));
  for (const std::string_view value : values) TRY(WriteString(value));
  return {};
}

Status GgufWriter::AddInts(std::string_view key, std::span<const int32_t> values) {
  TRY(BeginArray(key, GgufType::kI32, values.size()));
  return Write(values.data(), values.size_bytes());
}

Status GgufWriter::AddEntry(const GgufHeader& header, const GgufHeader::Entry& entry) {
  if (entry.type == GgufType::kArray) {
    TRY(BeginArray(entry.key, entry.element_type, entry.count));
  } else {
    TRY(BeginEntry(entry.key, entry.type));
  }
  const auto bytes = header.ValueBytes(entry);
  return Write(bytes.data(), bytes.size());
}

Status GgufWriter::AddTensor(std::string_view name, DType type, std::span<const uint64_t> shape) {
  CHECK(stage_ == Stage::kMetadata || stage_ == Stage::kTensors);
  CHECK(entries_left_ == 0 && tensors_left_ > 0 && !shape.empty() && shape.size() <= kMaxDims);
  stage_ = Stage::kTensors;
  --tensors_left_;
  const DTypeTraits* traits = GetDTypeTraits(static_cast<uint32_t>(type));
  CHECK(traits != nullptr && shape.back() % traits->block_values == 0);
  uint64_t bytes = traits->block_bytes;
  bool fits = CheckedMul(bytes, shape.back() / traits->block_values, &bytes);
  for (const uint64_t dim : shape.first(shape.size() - 1))
    fits = fits && CheckedMul(bytes, dim, &bytes);
  const uint64_t offset = data_bytes_;
  if (!fits || !CheckedAdd(offset, bytes, &bytes) || !CheckedPad(bytes, kAlignment, &data_bytes_)) {
    return MakeError(Code::kOverflow,
                     "tensor '" + std::string(name) + "': the size in bytes wraps");
  }
  TRY(WriteString(name));
  TRY(WriteNumber(static_cast<uint32_t>(shape.size())));
  for (size_t i = shape.size(); i-- > 0;) TRY(WriteNumber(shape[i]));
  TRY(WriteNumber(static_cast<uint32_t>(type)));
  return WriteNumber(offset);
}

Status GgufWriter::BeginData() {
  CHECK(stage_ != Stage::kData && entries_left_ == 0 && tensors_left_ == 0);
  stage_ = Stage::kData;
  TRY(Pad());
  data_begin_ = position_;
  return {};
}

Status GgufWriter::WriteTensorBytes(std::span<const uint8_t> bytes) {
  CHECK(stage_ == Stage::kData && position_ - data_begin_ + bytes.size() <= data_bytes_);
  return Write(bytes.data(), bytes.size());
}

Status GgufWriter::EndTensor() { return Pad(); }

Status GgufWriter::Pad() {
  static constexpr uint8_t kZeros[kAlignment] = {};
  return Write(kZeros, static_cast<size_t>(-position_ & (kAlignment - 1)));
}

}  // namespace parley
