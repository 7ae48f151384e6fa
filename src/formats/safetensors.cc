// Layout: u64 length of the header; the header, a JSON object name -> {dtype, shape, data_offsets:
// [begin, end]}, which begins with '{' and may end in spaces; the tensors' data, without holes, to
// the end of the file.
#include "formats/safetensors.h"

#include <algorithm>
#include <string>

#include "base/bytes.h"
#include "formats/file_kind.h"
#include "formats/json_reader.h"

namespace parley {
namespace {

constexpr uint64_t kMaxHeaderBytes = 16 << 20;
constexpr uint64_t kMaxValues = 1 << 20;  // of the JSON, keys included
constexpr uint64_t kMinTensorBytes = 46;  // "":{"dtype":"","shape":[],"data_offsets":[,]}
constexpr uint64_t kMaxExactInteger = uint64_t{1} << 53;  // what every JSON reader reads alike
constexpr uint64_t kLengthBytes = 8;

// Null for a name that is no type of the format.
const DType* FindType(std::string_view name) {
  struct Name {
    std::string_view name;
    DType type;
  };
  static constexpr Name kNames[] = {
      {"F32", DType::kF32}, {"F16", DType::kF16}, {"BF16", DType::kBF16},  {"F64", DType::kF64},
      {"I8", DType::kI8},   {"U8", DType::kI8},   {"BOOL", DType::kI8},    {"F8_E4M3", DType::kI8},
      {"I16", DType::kI16}, {"U16", DType::kI16}, {"F8_E5M2", DType::kI8}, {"I32", DType::kI32},
      {"U32", DType::kI32}, {"I64", DType::kI64}, {"U64", DType::kI64},
  };
  for (const Name& entry : kNames) {
    if (entry.name == name) return &entry.type;
  }
  return nullptr;
}

std::string Label(std::string_view name) { return "tensor '" + std::string(name) + "'"; }

}  // namespace

// Fills the table while the JSON passes, then checks how the data lie.
class SafetensorsParser final : public JsonHandler {
 public:
  SafetensorsParser(uint64_t data_begin, uint64_t file_bytes)
      : data_begin_(data_begin), file_bytes_(file_bytes) {}

  Result<SafetensorsHeader> Parse(std::string_view json) {
    const uint64_t capacity = std::min(kMaxTensors, json.size() / kMinTensorBytes + 1);
    TRY_ASSIGN(header_.names_, Buffer<char>::Make(json.size(), "names of a safetensors header"));
    TRY_ASSIGN(records_, Buffer<Record>::Make(capacity, "the tensor table"));
    TRY(ReadJson(json, this, kLengthBytes, kMaxValues));
    TRY(SortRecords());
    TRY(PlaceTensors());
    return std::move(header_);
  }

  Status OnValue(const JsonPath& path, const JsonValue& value) override {
    using Kind = JsonValue::Kind;
    if (path.depth() == 0) return {};  // the outermost brackets
    if (path.key(0) == "__metadata__") return OnMetadata(path, value);
    if (path.depth() == 1) {
      if (value.kind == Kind::kObject) return BeginTensor(path.key(0), value.offset);
      if (value.kind == Kind::kObjectEnd) return EndTensor(value.offset);
      return Wrong(path, value, "an object");
    }
    const std::string_view field = path.key(1);
    if (path.depth() == 2) return OnField(path, value, field);
    if (path.depth() == 3 && field == "shape") return OnDimension(path, value);
    if (path.depth() == 3 && field == "data_offsets") return OnDataOffset(path, value);
    const bool known = field == "dtype" || field == "shape" || field == "data_offsets";
    return known ? Wrong(path, value, "nothing nested") : Status();
  }

 private:
  // Which fields of the current tensor have been seen.
  static constexpr uint32_t kType = 1, kShape = 2, kOffsets = 4, kAll = 7;
  struct Record {
    TensorInfo tensor;         // its offset from the beginning of the data
    uint64_t json_offset = 0;  // bytes from the start of the file: the end of its entry
  };

  Error Wrong(const JsonPath& path, const JsonValue& value, const char* expected) const {
    return MakeError(Code::kBadJson, path.ToString() + ": " + expected + " expected", value.offset);
  }
  TensorInfo& current() { return records_[n_records_].tensor; }

  // An object of strings, once; its content is of no use here.
  Status OnMetadata(const JsonPath& path, const JsonValue& value) {
    using Kind = JsonValue::Kind;
    if (path.depth() == 1 && value.kind == Kind::kObject) {
      if (seen_metadata_)
        return MakeError(Code::kDuplicate, "__metadata__ appears twice", value.offset);
      seen_metadata_ = true;
      return {};
    }
    if (path.depth() == 1 && value.kind == Kind::kObjectEnd) return {};
    if (path.depth() == 2 && value.kind == Kind::kString) return {};
    return Wrong(path, value, path.depth() == 1 ? "an object" : "a string");
  }

  Status BeginTensor(std::string_view name, uint64_t offset) {
    if (n_records_ == records_.size()) {
      return MakeError(Code::kLimit, "more than " + std::to_string(n_records_) + " tensors",
                       offset);
    }
    // The arena holds the whole JSON text, and unescaping never lengthens a string.
    char* copy = header_.names_.data() + names_used_;
    std::copy(name.begin(), name.end(), copy);
    names_used_ += name.size();
    current() = TensorInfo{};
    current().name = {copy, name.size()};
    seen_ = 0;
    n_offsets_ = 0;
    return {};
  }

  Status OnField(const JsonPath& path, const JsonValue& value, std::string_view field) {
    using Kind = JsonValue::Kind;
    const uint32_t bit = field == "dtype"          ? kType
                         : field == "shape"        ? kShape
                         : field == "data_offsets" ? kOffsets
                                                   : 0u;
    if (bit == 0) return {};  // unknown fields are passed over, as the format's own reader does
    if (value.kind == Kind::kArrayEnd) return {};
    if ((seen_ & bit) != 0)
      return MakeError(Code::kDuplicate, path.ToString() + " appears twice", value.offset);
    seen_ |= bit;
    if (bit != kType) return value.kind == Kind::kArray ? Status() : Wrong(path, value, "an array");
    if (value.kind != Kind::kString) return Wrong(path, value, "a string");
    const DType* type = FindType(value.string);
    if (type == nullptr) {
      return MakeError(
          Code::kBadType,
          Label(current().name) + ": unknown dtype '" + std::string(value.string) + "'",
          value.offset);
    }
    current().type = *type;
    return {};
  }

  // A plain integer that every reader of JSON reads alike.
  Status ReadInteger(const JsonPath& path, const JsonValue& value, uint64_t* out) const {
    if (value.kind != JsonValue::Kind::kUint || value.uint > kMaxExactInteger) {
      return Wrong(path, value, "an integer from 0 to 2^53");
    }
    *out = value.uint;
    return {};
  }

  Status OnDimension(const JsonPath& path, const JsonValue& value) {
    TensorInfo& tensor = current();
    if (tensor.n_dims == kMaxDims) {
      return MakeError(Code::kBadShape, Label(tensor.name) + ": more than 4 dimensions",
                       value.offset);
    }
    return ReadInteger(path, value, &tensor.shape[tensor.n_dims++]);
  }

  Status OnDataOffset(const JsonPath& path, const JsonValue& value) {
    if (n_offsets_ == 2) return Wrong(path, value, "two numbers");
    return ReadInteger(path, value, &offsets_[n_offsets_++]);
  }

  Status EndTensor(uint64_t offset) {
    TensorInfo& tensor = current();
    const std::string label = Label(tensor.name);
    if (seen_ != kAll || n_offsets_ != 2) {
      return MakeError(Code::kBadJson, label + ": dtype, shape and two data_offsets expected",
                       offset);
    }
    const auto [begin, end] = offsets_;
    if (begin > end || end > file_bytes_ - data_begin_) {
      return MakeError(Code::kBadOffset,
                       label + ": data from " + std::to_string(begin) + " to " +
                           std::to_string(end) + " in a file with " +
                           std::to_string(file_bytes_ - data_begin_) + " bytes of data" +
                           (begin > end ? "" : ": it may be cut, fetch it again"),
                       offset);
    }
    uint64_t bytes = GetDTypeTraits(static_cast<uint32_t>(tensor.type))->block_bytes;
    for (uint32_t i = 0; i < tensor.n_dims; ++i) {
      if (!CheckedMul(bytes, tensor.shape[i], &bytes)) {
        return MakeError(Code::kOverflow, label + ": the size in bytes wraps", offset);
      }
    }
    if (bytes != end - begin) {
      return MakeError(Code::kBadShape,
                       label + ": its shape takes " + std::to_string(bytes) +
                           " bytes, its data are " + std::to_string(end - begin),
                       offset);
    }
    tensor.offset = begin;
    tensor.bytes = bytes;
    records_[n_records_++].json_offset = offset;
    return {};
  }

  // By place, empty tensors before the one that begins where they do; then an index by name, in
  // which duplicates meet.
  Status SortRecords() {
    const auto records = records_.span().first(n_records_);
    std::sort(records.begin(), records.end(), [](const Record& a, const Record& b) {
      if (a.tensor.offset != b.tensor.offset) return a.tensor.offset < b.tensor.offset;
      return a.tensor.bytes != b.tensor.bytes ? a.tensor.bytes < b.tensor.bytes
                                              : a.json_offset < b.json_offset;
    });
    TRY_ASSIGN(header_.order_, Buffer<uint32_t>::Make(n_records_, "the index of tensors"));
    Buffer<uint32_t>& order = header_.order_;
    for (uint32_t i = 0; i < order.size(); ++i) order[i] = i;
    std::sort(order.begin(), order.end(), [&records](uint32_t a, uint32_t b) {
      const auto& left = records[a];
      const auto& right = records[b];
      return left.tensor.name != right.tensor.name ? left.tensor.name < right.tensor.name
                                                   : left.json_offset < right.json_offset;
    });
    for (size_t i = 1; i < order.size(); ++i) {
      const Record& record = records[order[i]];
      if (record.tensor.name == records[order[i - 1]].tensor.name) {
        return MakeError(Code::kDuplicate, Label(record.tensor.name) + " appears twice",
                         record.json_offset);
      }
    }
    return {};
  }

  // No overlap, no hole, nothing after the last one.
  Status PlaceTensors() {
    TRY_ASSIGN(header_.tensors_, Buffer<TensorInfo>::Make(n_records_, "the tensor table"));
    uint64_t expected = 0;
    for (size_t i = 0; i < n_records_; ++i) {
      const Record& record = records_[i];
      TensorInfo& tensor = header_.tensors_[i];
      tensor = record.tensor;
      if (tensor.offset != expected) {
        const char* problem =
            tensor.offset < expected ? ": overlaps the one before" : ": leaves a hole before it";
        return MakeError(Code::kBadOffset, Label(tensor.name) + problem, record.json_offset);
      }
      expected += tensor.bytes;
      tensor.offset += data_begin_;
    }
    if (data_begin_ + expected != file_bytes_) {
      return MakeError(Code::kBadOffset, "bytes follow the last tensor", data_begin_ + expected);
    }
    return {};
  }

  uint64_t data_begin_;
  uint64_t file_bytes_;
  SafetensorsHeader header_;
  Buffer<Record> records_;  // the first n_records_ are complete, the next is being read
  size_t n_records_ = 0;
  size_t names_used_ = 0;
  bool seen_metadata_ = false;
  uint32_t seen_ = 0;
  uint64_t offsets_[2] = {};  // of the current tensor
  uint32_t n_offsets_ = 0;
};

Result<uint64_t> SafetensorsHeader::PrefixBytes(std::span<const uint8_t> first_bytes,
                                                uint64_t file_bytes) {
  ByteReader reader(first_bytes);
  TRY_ASSIGN(const uint64_t length, reader.Read<uint64_t>("the header's length"));
  // No text and no other format's magic is a header's length, as these are far above the limit.
  const FileKind kind = RecogniseFile(first_bytes);
  const bool other = kind.description != kSafetensorsKind && kind.description != kUnknownKind;
  if (length > kMaxHeaderBytes && other) {
    return MakeError(Code::kBadMagic, NotA("a safetensors file", kind), 0);
  }
  if (length < 2 || length > kMaxHeaderBytes) {
    return MakeError(Code::kLimit,
                     "a safetensors header of " + std::to_string(length) + " bytes; 2 to " +
                         std::to_string(kMaxHeaderBytes) + " are read",
                     0);
  }
  if (length > file_bytes - std::min(file_bytes, kLengthBytes)) {
    return MakeError(Code::kTruncated,
                     "the header's " + std::to_string(length) +
                         " bytes pass the end of the file: fetch it again",
                     file_bytes);
  }
  return kLengthBytes + length;
}

Result<SafetensorsHeader> SafetensorsHeader::Parse(std::span<const uint8_t> prefix,
                                                   uint64_t file_bytes) {
  TRY_ASSIGN(const uint64_t header_end, PrefixBytes(prefix, file_bytes));
  ByteReader reader(prefix);
  TRY(reader.Skip(kLengthBytes, "the header's length"));
  TRY_ASSIGN(const auto bytes, reader.ReadBytes(header_end - kLengthBytes, "the header"));
  const std::string_view json(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (json[0] != '{')
    return MakeError(Code::kBadJson, "the header does not begin with '{'", kLengthBytes);
  return SafetensorsParser(header_end, file_bytes).Parse(json);
}

const TensorInfo* SafetensorsHeader::FindTensor(std::string_view name) const {
  const auto less = [this](uint32_t index, std::string_view wanted) {
    return tensors_[index].name < wanted;
  };
  const uint32_t* found = std::lower_bound(order_.begin(), order_.end(), name, less);
  return found != order_.end() && tensors_[*found].name == name ? &tensors_[*found] : nullptr;
}

}  // namespace parley
