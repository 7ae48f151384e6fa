// The one checked reader: every length, count and offset that a file states passes through here.
// 64-bit on every build, bounded by what remains, little-endian. Arithmetic on file values anywhere
// else is a defect.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "base/result.h"

namespace parley {

// a + b, a * b, and a rounded up to a multiple of `alignment` (a power of two): false when the
// result would wrap.
[[nodiscard]] bool CheckedAdd(uint64_t a, uint64_t b, uint64_t* out);
[[nodiscard]] bool CheckedMul(uint64_t a, uint64_t b, uint64_t* out);
[[nodiscard]] bool CheckedPad(uint64_t a, uint64_t alignment, uint64_t* out);

// Walks a span of bytes from the front. Each Read names what it reads, for the error's message.
class ByteReader {
 public:
  // `base_offset`: where bytes[0] stands in the file, so that errors give file offsets.
  explicit ByteReader(std::span<const uint8_t> bytes, uint64_t base_offset = 0)
      : bytes_(bytes), base_offset_(base_offset) {}

  uint64_t offset() const { return base_offset_ + position_; }
  uint64_t remaining() const { return bytes_.size() - position_; }

  template <typename T>
  Result<T> Read(const char* what) {
    static_assert(std::is_arithmetic_v<T>);
    if (remaining() < sizeof(T)) return Truncated(sizeof(T), what);
    T value;
    std::memcpy(&value, bytes_.data() + position_, sizeof(T));
    position_ += sizeof(T);
    return value;
  }
  Result<std::span<const uint8_t>> ReadBytes(uint64_t count, const char* what);
  // u64 length, then bytes; LIMIT above max_length, TRUNCATED past the end. Not checked for UTF-8.
  Result<std::string_view> ReadString(uint64_t max_length, const char* what);
  // `count` strings as ReadString reads them, at once; `out` has room for them, or is null.
  Status ReadStrings(uint64_t count, uint64_t max_length, const char* what, std::string_view* out);
  Status Skip(uint64_t count, const char* what);

  Error Truncated(uint64_t wanted, const char* what) const;

 private:
  std::span<const uint8_t> bytes_;
  uint64_t base_offset_ = 0;
  size_t position_ = 0;
};

// Where bytes come from: a file on disk, a memory image, stored parts. Reads may fail or be short:
// kIo.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  virtual uint64_t size() const = 0;  // bytes
  virtual Status ReadAt(uint64_t offset,
                        std::span<uint8_t> destination) = 0;  // all of it, or an error
};

// Bytes that are already in memory; not owned.
class MemorySource final : public ByteSource {
 public:
  explicit MemorySource(std::span<const uint8_t> bytes) : bytes_(bytes) {}
  uint64_t size() const override { return bytes_.size(); }
  Status ReadAt(uint64_t offset, std::span<uint8_t> destination) override;

 private:
  std::span<const uint8_t> bytes_;
};

// Where bytes go: a file, a loader, a counter. Takes all of them in order, or fails: kIo.
class ByteSink {
 public:
  virtual ~ByteSink() = default;
  virtual Status Write(std::span<const uint8_t> bytes) = 0;
};

}  // namespace parley
