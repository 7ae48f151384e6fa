// Checked arithmetic on values from files, and the bounded reads built on it.
#include "base/bytes.h"

#include <bit>
#include <string>

namespace parley {

static_assert(std::endian::native == std::endian::little,
              "files are little-endian and read as they are");

bool CheckedAdd(uint64_t a, uint64_t b, uint64_t* out) {
  return !__builtin_add_overflow(a, b, out);
}

bool CheckedMul(uint64_t a, uint64_t b, uint64_t* out) {
  return !__builtin_mul_overflow(a, b, out);
}

bool CheckedPad(uint64_t a, uint64_t alignment, uint64_t* out) {
  CHECK(std::has_single_bit(alignment));
  uint64_t sum;
  if (!CheckedAdd(a, alignment - 1, &sum)) return false;
  *out = sum & ~(alignment - 1);
  return true;
}

Result<std::span<const uint8_t>> ByteReader::ReadBytes(uint64_t count, const char* what) {
  if (count > remaining()) return Truncated(count, what);
  const auto bytes = bytes_.subspan(position_, static_cast<size_t>(count));
  position_ += static_cast<size_t>(count);
  return bytes;
}

Result<std::string_view> ByteReader::ReadString(uint64_t max_length, const char* what) {
  const uint64_t start = offset();
  TRY_ASSIGN(const uint64_t length, Read<uint64_t>(what));
  if (length > max_length) {
    return MakeError(Code::kLimit,
                     std::string(what) + ": a length of " + std::to_string(length) +
                         " bytes, at most " + std::to_string(max_length) + " are allowed",
                     start);
  }
  TRY_ASSIGN(const auto bytes, ReadBytes(length, what));
  return std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

// A vocabulary is some 100,000 strings, and a browser reads it before it has optimised any code:
// nothing is made for a string that is as it should be.
Status ByteReader::ReadStrings(uint64_t count, uint64_t max_length, const char* what,
                               std::string_view* out) {
  for (uint64_t i = 0; i < count; ++i) {
    uint64_t length = 0;
    const uint64_t left = remaining();
    if (left >= sizeof(length)) std::memcpy(&length, bytes_.data() + position_, sizeof(length));
    if (left < sizeof(length) || length > max_length || length > left - sizeof(length)) {
      return ReadString(max_length, what).TakeError();
    }
    const uint8_t* text = bytes_.data() + position_ + sizeof(length);
    if (out != nullptr) {
      out[i] = {reinterpret_cast<const char*>(text), static_cast<size_t>(length)};
    }
    position_ += sizeof(length) + static_cast<size_t>(length);
  }
  return {};
}

Status ByteReader::Skip(uint64_t count, const char* what) {
  if (count > remaining()) return Truncated(count, what);
  position_ += static_cast<size_t>(count);
  return {};
}

Error ByteReader::Truncated(uint64_t wanted, const char* what) const {
  return MakeError(Code::kTruncated,
                   std::string(what) + ": " + std::to_string(wanted) + " bytes expected, " +
                       std::to_string(remaining()) + " left",
                   offset());
}

Status MemorySource::ReadAt(uint64_t offset, std::span<uint8_t> destination) {
  if (offset > bytes_.size() || destination.size() > bytes_.size() - offset) {
    return MakeError(Code::kIo,
                     "a read of " + std::to_string(destination.size()) +
                         " bytes passes the end of " + std::to_string(bytes_.size()),
                     offset);
  }
  if (!destination.empty())
    std::memcpy(destination.data(), bytes_.data() + offset, destination.size());
  return {};
}

}  // namespace parley
