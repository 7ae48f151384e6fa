// Parses and checks a GGUF header: counts, strings, types, dimensions and the layout of tensor
// data. What the values mean is left to model/config.cc; looking them up to gguf_reader.cc.
//
// Layout (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md), all little-endian:
//   "GGUF"  u32 version  u64 n_tensors  u64 n_entries
//   n_entries x { string key, u32 type, value }       string: u64 length, bytes; array: u32 type,
//   u64 count, elements n_tensors x { string name, u32 n_dims, u64 dims[n_dims] (fastest first),
//   u32 type, u64 offset } padding to the alignment; then the tensors' data, each padded to the
//   alignment
#include <algorithm>
#include <string>

#include "base/bytes.h"
#include "formats/file_kind.h"
#include "formats/gguf_reader.h"

namespace parley {
namespace {

// Caps. The format's own where it states one (keys 2^16 - 1 bytes, tensor names 64); the others
// stand far above any model that Parley can run and keep what a bad file can make us allocate
// small.
constexpr uint64_t kMaxEntries = 1 << 16;
constexpr uint64_t kMaxKeyBytes = (1 << 16) - 1;
constexpr uint64_t kMaxTensorNameBytes = 64;
constexpr uint64_t kMaxStringBytes = 1 << 20;
constexpr uint64_t kMaxArrayCount = 1 << 22;
constexpr uint64_t kMaxMetadataBytes = 64 << 20;

constexpr uint64_t kMinEntryBytes = 8 + 1 + 4 + 1;         // one-byte key, one-byte value
constexpr uint64_t kMinInfoBytes = 8 + 1 + 4 + 8 + 4 + 8;  // one-byte name, one dimension

constexpr uint64_t kDefaultAlignment = 32;
constexpr uint64_t kMinAlignment = 8;
constexpr uint64_t kMaxAlignment = 1 << 16;
constexpr uint64_t kMaxDim = (uint64_t{1} << 63) - 1;

// Bytes of a scalar; 0 for strings and arrays.
uint64_t ScalarBytes(GgufType type) {
  switch (type) {
    case GgufType::kU8:
    case GgufType::kI8:
    case GgufType::kBool:
      return 1;
    case GgufType::kU16:
    case GgufType::kI16:
      return 2;
    case GgufType::kU32:
    case GgufType::kI32:
    case GgufType::kF32:
      return 4;
    case GgufType::kU64:
    case GgufType::kI64:
    case GgufType::kF64:
      return 8;
    case GgufType::kString:
    case GgufType::kArray:
      return 0;
  }
  return 0;
}

// For messages: never more than a line of it.
std::string Quoted(std::string_view name) {
  return std::string("'").append(name.substr(0, 64)).append(name.size() > 64 ? "...'" : "'");
}

}  // namespace

class GgufParser {
 public:
  GgufParser(std::span<const uint8_t> prefix, uint64_t file_bytes)
      : prefix_(prefix), file_bytes_(file_bytes), reader_(prefix) {}

  Result<GgufHeader> Parse() {
    TRY(ParseCounts());
    for (GgufHeader::Entry& entry : header_.entries_) TRY(ParseEntry(&entry));
    TRY(SortEntries());
    TRY(ReadAlignment());
    for (TensorInfo& tensor : header_.tensors_) TRY(ParseTensor(&tensor));
    TRY(SortTensors());
    TRY(PlaceTensors());
    TRY(KeepBytes());
    return std::move(header_);
  }

 private:
  Status ParseCounts();
  Result<uint64_t> ParseCount(const char* what, uint64_t min_bytes, uint64_t max_count);
  Result<std::string_view> ParseName(uint64_t max_bytes, const char* what);
  Result<GgufType> ParseType(std::string_view key);
  Status ParseEntry(GgufHeader::Entry* entry);
  Status ParseArray(GgufHeader::Entry* entry);
  Status SortEntries();
  Status ReadAlignment();
  Status ParseTensor(TensorInfo* tensor);
  Status ParseShape(TensorInfo* tensor, uint64_t* elements);
  Status SortTensors();
  Status PlaceTensors();
  Status PlaceTensor(TensorInfo* tensor, uint64_t* expected);
  Status KeepBytes();
  // Where a tensor's fields lie in the file, found again from its name.
  uint64_t OffsetOf(std::string_view view) const;
  uint64_t OffsetFieldOf(const TensorInfo& tensor) const;

  std::span<const uint8_t> prefix_;
  uint64_t file_bytes_;
  ByteReader reader_;
  uint64_t alignment_ = kDefaultAlignment;
  GgufHeader header_;
};

uint64_t GgufParser::OffsetOf(std::string_view view) const {
  return static_cast<uint64_t>(reinterpret_cast<const uint8_t*>(view.data()) - prefix_.data());
}

uint64_t GgufParser::OffsetFieldOf(const TensorInfo& tensor) const {
  return OffsetOf(tensor.name) + tensor.name.size() + sizeof(uint32_t) +
         tensor.n_dims * sizeof(uint64_t) + sizeof(uint32_t);
}

Status GgufParser::ParseCounts() {
  TRY_ASSIGN(const auto magic, reader_.ReadBytes(4, "the magic 'GGUF'"));
  if (std::string_view(reinterpret_cast<const char*>(magic.data()), 4) != "GGUF") {
    return MakeError(Code::kBadMagic, NotA("a GGUF file", RecogniseFile(prefix_)), 0);
  }
  const uint64_t version_offset = reader_.offset();
  TRY_ASSIGN(header_.version_, reader_.Read<uint32_t>("the version"));
  if (header_.version_ != 2 && header_.version_ != 3) {
    const bool swapped = (header_.version_ & 0xffff) == 0 && header_.version_ != 0;
    return MakeError(Code::kBadVersion,
                     swapped ? "a big-endian GGUF file; only little-endian files are read"
                             : "GGUF version " + std::to_string(header_.version_) +
                                   "; versions 2 and 3 are read",
                     version_offset);
  }
  TRY_ASSIGN(const uint64_t n_tensors, ParseCount("tensors", kMinInfoBytes, kMaxTensors));
  TRY_ASSIGN(const uint64_t n_entries, ParseCount("metadata entries", kMinEntryBytes, kMaxEntries));
  TRY_ASSIGN(header_.entries_, Buffer<GgufHeader::Entry>::Make(n_entries, "metadata entries"));
  TRY_ASSIGN(header_.tensors_, Buffer<TensorInfo>::Make(n_tensors, "the tensor table"));
  return {};
}

Result<uint64_t> GgufParser::ParseCount(const char* what, uint64_t min_bytes, uint64_t max_count) {
  const uint64_t start = reader_.offset();
  TRY_ASSIGN(const uint64_t count, reader_.Read<uint64_t>(what));
  if (count > max_count || count > file_bytes_ / min_bytes) {
    return MakeError(Code::kLimit,
                     std::to_string(count) + " " + what + ": more than a file of " +
                         std::to_string(file_bytes_) + " bytes holds or Parley reads (" +
                         std::to_string(max_count) + ")",
                     start);
  }
  return count;
}

// A string that may be neither empty nor overlong.
Result<std::string_view> GgufParser::ParseName(uint64_t max_bytes, const char* what) {
  const uint64_t start = reader_.offset();
  TRY_ASSIGN(const std::string_view name, reader_.ReadString(max_bytes, what));
  if (name.empty()) return MakeError(Code::kLimit, std::string(what) + " is empty", start);
  return name;
}

Result<GgufType> GgufParser::ParseType(std::string_view key) {
  const uint64_t start = reader_.offset();
  TRY_ASSIGN(const uint32_t type, reader_.Read<uint32_t>("a metadata type"));
  if (type > static_cast<uint32_t>(GgufType::kF64)) {
    return MakeError(Code::kBadType,
                     Quoted(key) + ": unknown metadata type " + std::to_string(type), start);
  }
  return static_cast<GgufType>(type);
}

Status GgufParser::ParseEntry(GgufHeader::Entry* entry) {
  TRY_ASSIGN(entry->key, ParseName(kMaxKeyBytes, "a metadata key"));
  TRY_ASSIGN(entry->type, ParseType(entry->key));
  entry->element_type = entry->type;
  entry->count = 1;
  entry->offset = reader_.offset();
  if (entry->type == GgufType::kArray) {
    TRY(ParseArray(entry));
  } else if (entry->type == GgufType::kString) {
    TRY(reader_.ReadString(kMaxStringBytes, "a metadata string"));
  } else {
    TRY_ASSIGN(const auto value, reader_.ReadBytes(ScalarBytes(entry->type), "a metadata value"));
    if (entry->type == GgufType::kBool && value[0] > 1) {
      return MakeError(Code::kBadType, Quoted(entry->key) + ": a bool that is neither 0 nor 1",
                       entry->offset);
    }
  }
  entry->bytes = reader_.offset() - entry->offset;
  if (reader_.offset() > kMaxMetadataBytes) {
    return MakeError(Code::kLimit,
                     "metadata of more than " + std::to_string(kMaxMetadataBytes) + " bytes",
                     entry->offset);
  }
  return {};
}

Status GgufParser::ParseArray(GgufHeader::Entry* entry) {
  const uint64_t type_offset = reader_.offset();
  TRY_ASSIGN(entry->element_type, ParseType(entry->key));
  if (entry->element_type == GgufType::kArray) {
    return MakeError(Code::kBadType, Quoted(entry->key) + ": an array of arrays", type_offset);
  }
  const uint64_t count_offset = reader_.offset();
  TRY_ASSIGN(entry->count, reader_.Read<uint64_t>("an array's count"));
  // A string takes 8 bytes of length at least.
  const bool strings = entry->element_type == GgufType::kString;
  uint64_t bytes;
  if (!CheckedMul(entry->count, strings ? sizeof(uint64_t) : ScalarBytes(entry->element_type),
                  &bytes)) {
    return MakeError(
        Code::kOverflow,
        Quoted(entry->key) + ": the size of " + std::to_string(entry->count) + " elements wraps",
        count_offset);
  }
  if (entry->count > kMaxArrayCount) {
    return MakeError(Code::kLimit,
                     Quoted(entry->key) + ": " + std::to_string(entry->count) +
                         " elements, at most " + std::to_string(kMaxArrayCount) + " are read",
                     count_offset);
  }
  entry->offset = reader_.offset();
  if (!strings) return reader_.Skip(bytes, "an array's elements");
  if (bytes > reader_.remaining()) return reader_.Truncated(bytes, "an array's strings");
  return reader_.ReadStrings(entry->count, kMaxStringBytes, "a string in an array", nullptr);
}

Status GgufParser::SortEntries() {
  TRY_ASSIGN(header_.entry_order_,
             Buffer<uint32_t>::Make(header_.entries_.size(), "the index of metadata"));
  Buffer<uint32_t>& order = header_.entry_order_;
  const auto& entries = header_.entries_;
  for (uint32_t i = 0; i < order.size(); ++i) order[i] = i;
  std::sort(order.begin(), order.end(), [&entries](uint32_t a, uint32_t b) {
    return entries[a].key != entries[b].key ? entries[a].key < entries[b].key : a < b;
  });
  for (size_t i = 1; i < order.size(); ++i) {
    const std::string_view key = entries[order[i]].key;
    if (key == entries[order[i - 1]].key) {
      return MakeError(Code::kDuplicate, "metadata key " + Quoted(key) + " appears twice",
                       OffsetOf(key));
    }
  }
  return {};
}

Status GgufParser::ReadAlignment() {
  // FindEntry works already: entries are sorted. Their values still lie in the prefix.
  const GgufHeader::Entry* entry = header_.FindEntry("general.alignment");
  if (entry == nullptr) return {};
  if (entry->type != GgufType::kU32) {
    return MakeError(
        Code::kBadType,
        std::string("general.alignment: u32 expected, found ") + GgufTypeName(entry->type),
        entry->offset);
  }
  ByteReader value(prefix_.subspan(static_cast<size_t>(entry->offset), sizeof(uint32_t)),
                   entry->offset);
  TRY_ASSIGN(alignment_, value.Read<uint32_t>("the alignment"));
  if (alignment_ < kMinAlignment || alignment_ > kMaxAlignment ||
      (alignment_ & (alignment_ - 1)) != 0) {
    return MakeError(
        Code::kBadAlign,
        "alignment " + std::to_string(alignment_) + ": a power of two from 8 to 65536 expected",
        entry->offset);
  }
  return {};
}

// Leaves the offset as the file states it, relative to the data; PlaceTensors makes it absolute.
Status GgufParser::ParseTensor(TensorInfo* tensor) {
  TRY_ASSIGN(tensor->name, ParseName(kMaxTensorNameBytes, "a tensor name"));
  const std::string label = "tensor " + Quoted(tensor->name);
  uint64_t elements = 1;
  const uint64_t dims_offset = reader_.offset() + sizeof(uint32_t);
  TRY(ParseShape(tensor, &elements));

  const uint64_t type_offset = reader_.offset();
  TRY_ASSIGN(const uint32_t type, reader_.Read<uint32_t>("a tensor type"));
  const DTypeTraits* traits = GetDTypeTraits(type);
  if (traits == nullptr) {
    return MakeError(Code::kBadType, label + ": unknown type " + std::to_string(type), type_offset);
  }
  tensor->type = static_cast<DType>(type);
  const uint64_t row = tensor->shape[tensor->n_dims - 1];
  if (row % traits->block_values != 0) {
    return MakeError(Code::kBadShape,
                     label + ": rows of " + std::to_string(row) + " values are no multiple of " +
                         traits->name + "'s block of " + std::to_string(traits->block_values),
                     dims_offset);
  }
  uint64_t padded;
  if (!CheckedMul(elements / traits->block_values, traits->block_bytes, &tensor->bytes) ||
      !CheckedPad(tensor->bytes, alignment_, &padded)) {
    return MakeError(Code::kOverflow, label + ": the size in bytes wraps", dims_offset);
  }
  TRY_ASSIGN(tensor->offset, reader_.Read<uint64_t>("a tensor's offset"));
  return {};
}

Status GgufParser::ParseShape(TensorInfo* tensor, uint64_t* elements) {
  const uint64_t n_dims_offset = reader_.offset();
  TRY_ASSIGN(tensor->n_dims, reader_.Read<uint32_t>("a tensor's number of dimensions"));
  if (tensor->n_dims == 0 || tensor->n_dims > kMaxDims) {
    return MakeError(Code::kBadShape,
                     "tensor " + Quoted(tensor->name) + ": " + std::to_string(tensor->n_dims) +
                         " dimensions, 1 to 4 are possible",
                     n_dims_offset);
  }
  for (uint32_t i = 0; i < tensor->n_dims; ++i) {
    const uint64_t dim_offset = reader_.offset();
    TRY_ASSIGN(const uint64_t dim, reader_.Read<uint64_t>("a tensor's dimension"));
    if (dim == 0 || dim > kMaxDim || !CheckedMul(*elements, dim, elements)) {
      return MakeError(Code::kOverflow,
                       "tensor " + Quoted(tensor->name) + ": dimension " + std::to_string(dim) +
                           " is zero, negative, or makes the number of values wrap",
                       dim_offset);
    }
    tensor->shape[tensor->n_dims - 1 - i] = dim;
  }
  return {};
}

// By offset; then an index by name, in which duplicates meet.
Status GgufParser::SortTensors() {
  Buffer<TensorInfo>& tensors = header_.tensors_;
  std::sort(tensors.begin(), tensors.end(), [](const TensorInfo& a, const TensorInfo& b) {
    return a.offset != b.offset ? a.offset < b.offset : a.name.data() < b.name.data();
  });
  TRY_ASSIGN(header_.tensor_order_, Buffer<uint32_t>::Make(tensors.size(), "the index of tensors"));
  Buffer<uint32_t>& order = header_.tensor_order_;
  for (uint32_t i = 0; i < order.size(); ++i) order[i] = i;
  std::sort(order.begin(), order.end(), [&tensors](uint32_t a, uint32_t b) {
    if (tensors[a].name != tensors[b].name) return tensors[a].name < tensors[b].name;
    return tensors[a].name.data() < tensors[b].name.data();
  });
  for (size_t i = 1; i < order.size(); ++i) {
    const std::string_view name = tensors[order[i]].name;
    if (name == tensors[order[i - 1]].name) {
      return MakeError(Code::kDuplicate, "tensor " + Quoted(name) + " appears twice",
                       OffsetOf(name));
    }
  }
  return {};
}

// The data of tensors follow each other without holes, each padded to the alignment, up to the end
// of the file. The last one's padding may be left out.
Status GgufParser::PlaceTensors() {
  if (!CheckedPad(reader_.offset(), alignment_, &header_.data_offset_)) {
    return MakeError(Code::kOverflow, "the data's offset wraps", reader_.offset());
  }
  uint64_t end = reader_.offset();           // of the last tensor's data
  uint64_t expected = header_.data_offset_;  // where the next tensor belongs
  for (TensorInfo& tensor : header_.tensors_) {
    TRY(PlaceTensor(&tensor, &expected));
    end = tensor.offset + tensor.bytes;
  }
  if (file_bytes_ > expected) {
    return MakeError(Code::kBadOffset,
                     std::to_string(file_bytes_ - expected) + " bytes follow the last tensor",
                     expected);
  }
  if (file_bytes_ != end && file_bytes_ != expected) {
    return MakeError(Code::kTruncated, "the last tensor's padding is incomplete", file_bytes_);
  }
  return {};
}

Status GgufParser::PlaceTensor(TensorInfo* tensor, uint64_t* expected) {
  const std::string label = "tensor " + Quoted(tensor->name);
  const uint64_t field = OffsetFieldOf(*tensor);
  uint64_t begin;
  const bool fits = CheckedAdd(header_.data_offset_, tensor->offset, &begin);
  // A file that ends early is cut where a tensor was to begin; an offset that nothing explains is
  // wrong itself.
  if (fits && begin == *expected && begin >= file_bytes_) {
    return MakeError(Code::kTruncated, label + ": the file ends before its data", file_bytes_);
  }
  if (!fits || begin >= file_bytes_) {
    return MakeError(Code::kBadOffset, label + ": its data would begin past the end of the file",
                     field);
  }
  if (begin % alignment_ != 0) {
    return MakeError(Code::kBadOffset,
                     label + ": offset " + std::to_string(tensor->offset) +
                         " is no multiple of the alignment " + std::to_string(alignment_),
                     field);
  }
  if (begin != *expected) {
    const char* problem =
        begin < *expected ? ": overlaps the tensor before it" : ": leaves a hole before it";
    return MakeError(Code::kBadOffset, label + problem, field);
  }
  if (tensor->bytes > file_bytes_ - begin) {
    return MakeError(Code::kTruncated,
                     label + ": " + std::to_string(tensor->bytes) + " bytes of data, " +
                         std::to_string(file_bytes_ - begin) + " are left in the file",
                     file_bytes_);
  }
  if (!CheckedPad(begin + tensor->bytes, alignment_, expected)) {
    return MakeError(Code::kOverflow, label + ": the end of its data wraps", field);
  }
  tensor->offset = begin;
  return {};
}

// Copies the header and points all views into the copy.
Status GgufParser::KeepBytes() {
  const size_t bytes = static_cast<size_t>(reader_.offset());
  TRY_ASSIGN(header_.bytes_, Buffer<uint8_t>::Make(bytes, "a GGUF header"));
  std::copy_n(prefix_.begin(), bytes, header_.bytes_.begin());
  const auto rebase = [this](std::string_view view) {
    const char* base = reinterpret_cast<const char*>(header_.bytes_.data());
    return std::string_view(base + OffsetOf(view), view.size());
  };
  for (GgufHeader::Entry& entry : header_.entries_) entry.key = rebase(entry.key);
  for (TensorInfo& tensor : header_.tensors_) tensor.name = rebase(tensor.name);
  return {};
}

Result<GgufHeader> GgufHeader::Parse(std::span<const uint8_t> prefix, uint64_t file_bytes) {
  if (prefix.size() > file_bytes) {
    return MakeError(Code::kBadArg, "more bytes given than the file is said to have");
  }
  Result<GgufHeader> header = GgufParser(prefix, file_bytes).Parse();
  if (header.ok() || header.error().code != Code::kTruncated || prefix.size() < file_bytes) {
    return header;
  }
  Error error = header.TakeError();
  error.message += "; the file is cut at byte " + std::to_string(file_bytes) + ": fetch it again";
  return error;
}

}  // namespace parley
