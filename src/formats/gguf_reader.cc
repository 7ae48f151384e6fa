// Looks values up in a parsed GGUF header. gguf_parser.cc checks the bytes and fills it in.
#include "formats/gguf_reader.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <string>

#include "base/bytes.h"

namespace parley {
namespace {

template <typename T>
T LoadValue(std::span<const uint8_t> bytes) {
  T value;
  std::memcpy(&value, bytes.data(), sizeof(T));
  return value;
}

Error WrongType(const GgufHeader::Entry& entry, const char* expected) {
  std::string found = GgufTypeName(entry.type);
  if (entry.type == GgufType::kArray)
    found += std::string(" of ") + GgufTypeName(entry.element_type);
  return MakeError(Code::kBadType,
                   std::string(entry.key) + ": " + expected + " expected, found " + found,
                   entry.offset);
}

// An integer of any width and signedness, as 65 bits: whether it is negative, and its two's
// complement.
struct Integer {
  bool negative = false;
  uint64_t bits = 0;
};

template <typename T>
Integer ToInteger(std::span<const uint8_t> bytes) {
  const T value = LoadValue<T>(bytes);
  return {value < T{0}, static_cast<uint64_t>(static_cast<int64_t>(value))};
}

// False when `type` is not an integer type.
bool ReadInteger(GgufType type, std::span<const uint8_t> bytes, Integer* out) {
  switch (type) {
    case GgufType::kU8:
      *out = ToInteger<uint8_t>(bytes);
      return true;
    case GgufType::kI8:
      *out = ToInteger<int8_t>(bytes);
      return true;
    case GgufType::kU16:
      *out = ToInteger<uint16_t>(bytes);
      return true;
    case GgufType::kI16:
      *out = ToInteger<int16_t>(bytes);
      return true;
    case GgufType::kU32:
      *out = ToInteger<uint32_t>(bytes);
      return true;
    case GgufType::kI32:
      *out = ToInteger<int32_t>(bytes);
      return true;
    case GgufType::kU64:
      *out = {false, LoadValue<uint64_t>(bytes)};
      return true;
    case GgufType::kI64:
      *out = ToInteger<int64_t>(bytes);
      return true;
    default:
      return false;
  }
}

}  // namespace

const char* GgufTypeName(GgufType type) {
  switch (type) {
    case GgufType::kU8:
      return "u8";
    case GgufType::kI8:
      return "i8";
    case GgufType::kU16:
      return "u16";
    case GgufType::kI16:
      return "i16";
    case GgufType::kU32:
      return "u32";
    case GgufType::kI32:
      return "i32";
    case GgufType::kF32:
      return "f32";
    case GgufType::kBool:
      return "bool";
    case GgufType::kString:
      return "string";
    case GgufType::kArray:
      return "array";
    case GgufType::kU64:
      return "u64";
    case GgufType::kI64:
      return "i64";
    case GgufType::kF64:
      return "f64";
  }
  return "unknown";
}

uint64_t GgufHeader::header_bytes() const {
  return bytes_.size() + entries_.size() * (sizeof(Entry) + sizeof(uint32_t)) +
         tensors_.size() * (sizeof(TensorInfo) + sizeof(uint32_t));
}

std::span<const uint8_t> GgufHeader::ValueBytes(const Entry& entry) const {
  return bytes_.span().subspan(static_cast<size_t>(entry.offset), static_cast<size_t>(entry.bytes));
}

const GgufHeader::Entry* GgufHeader::FindEntry(std::string_view key) const {
  const auto less = [this](uint32_t index, std::string_view wanted) {
    return entries_[index].key < wanted;
  };
  const uint32_t* found = std::lower_bound(entry_order_.begin(), entry_order_.end(), key, less);
  return found != entry_order_.end() && entries_[*found].key == key ? &entries_[*found] : nullptr;
}

const TensorInfo* GgufHeader::FindTensor(std::string_view name) const {
  const auto less = [this](uint32_t index, std::string_view wanted) {
    return tensors_[index].name < wanted;
  };
  const uint32_t* found = std::lower_bound(tensor_order_.begin(), tensor_order_.end(), name, less);
  return found != tensor_order_.end() && tensors_[*found].name == name ? &tensors_[*found]
                                                                       : nullptr;
}

bool GgufHeader::Has(std::string_view key) const { return FindEntry(key) != nullptr; }

Result<uint64_t> GgufHeader::GetUint(std::string_view key, uint64_t fallback) const {
  const Entry* entry = FindEntry(key);
  if (entry == nullptr) return fallback;
  Integer integer;
  if (!ReadInteger(entry->type, ValueBytes(*entry), &integer))
    return WrongType(*entry, "an integer");
  if (integer.negative) return WrongType(*entry, "an integer that is not negative");
  return integer.bits;
}

Result<double> GgufHeader::GetFloat(std::string_view key, double fallback) const {
  const Entry* entry = FindEntry(key);
  if (entry == nullptr) return fallback;
  const auto bytes = ValueBytes(*entry);
  if (entry->type == GgufType::kF32) return static_cast<double>(LoadValue<float>(bytes));
  if (entry->type == GgufType::kF64) return LoadValue<double>(bytes);
  return WrongType(*entry, "a float");
}

Result<bool> GgufHeader::GetBool(std::string_view key, bool fallback) const {
  const Entry* entry = FindEntry(key);
  if (entry == nullptr) return fallback;
  if (entry->type != GgufType::kBool) return WrongType(*entry, "a bool");
  return ValueBytes(*entry)[0] != 0;
}

Result<std::string_view> GgufHeader::GetString(std::string_view key,
                                               std::string_view fallback) const {
  const Entry* entry = FindEntry(key);
  if (entry == nullptr) return fallback;
  if (entry->type != GgufType::kString) return WrongType(*entry, "a string");
  const auto bytes = ValueBytes(*entry).subspan(sizeof(uint64_t));  // after the length
  return std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

Result<Buffer<std::string_view>> GgufHeader::GetStrings(std::string_view key) const {
  const Entry* entry = FindEntry(key);
  if (entry == nullptr) return Buffer<std::string_view>();
  if (entry->type != GgufType::kArray || entry->element_type != GgufType::kString) {
    return WrongType(*entry, "an array of strings");
  }
  TRY_ASSIGN(auto strings,
             Buffer<std::string_view>::Make(entry->count, "strings of a GGUF header"));
  ByteReader reader(ValueBytes(*entry), entry->offset);
  TRY(reader.ReadStrings(strings.size(), std::numeric_limits<uint64_t>::max(), "string",
                         strings.data()));
  return strings;
}

Result<Buffer<int32_t>> GgufHeader::GetInts(std::string_view key) const {
  const Entry* entry = FindEntry(key);
  if (entry == nullptr) return Buffer<int32_t>();
  Integer integer;
  const uint8_t zeros[8] = {};
  if (entry->type != GgufType::kArray || !ReadInteger(entry->element_type, zeros, &integer)) {
    return WrongType(*entry, "an array of integers");
  }
  TRY_ASSIGN(auto values, Buffer<int32_t>::Make(entry->count, "integers of a GGUF header"));
  if (values.empty()) return values;
  const auto bytes = ValueBytes(*entry);
  const size_t element_bytes = bytes.size() / values.size();
  for (size_t i = 0; i < values.size(); ++i) {
    ReadInteger(entry->element_type, bytes.subspan(i * element_bytes), &integer);
    const int64_t value = static_cast<int64_t>(integer.bits);
    const bool fits = integer.negative ? value >= INT32_MIN : integer.bits <= INT32_MAX;
    if (!fits) return WrongType(*entry, "integers of at most 31 bits");
    values[i] = static_cast<int32_t>(value);
  }
  return values;
}

}  // namespace parley
