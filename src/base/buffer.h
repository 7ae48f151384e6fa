// The one way to allocate what input sizes: fallible, aligned, counted, and replaceable so that
// tests can make the Nth allocation fail. Containers of fixed or small size use the standard
// library.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>
#include <utility>

#include "base/result.h"

namespace parley {

inline constexpr size_t kBufferAlignment = 64;  // bytes: a cache line

// Both functions may be replaced together by tests; set back to the defaults afterwards.
struct AllocatorHooks {
  void* (*allocate)(size_t bytes, size_t alignment);  // null when refused
  void (*release)(void* pointer);
};
AllocatorHooks DefaultAllocatorHooks();
void SetAllocatorHooks(AllocatorHooks hooks);

struct AllocationCounts {
  uint64_t allocations = 0;  // since the process began
  uint64_t live_bytes = 0;   // now
  uint64_t peak_bytes = 0;   // highest live_bytes since ResetPeak
};
AllocationCounts GetAllocationCounts();
void ResetAllocationPeak();

namespace buffer_internal {
void* Allocate(size_t bytes, bool zeroed);  // null when refused; counted
void Release(void* pointer, size_t bytes);
Error OutOfMemory(uint64_t bytes, const char* what);
}  // namespace buffer_internal

// A fixed-size array of plain values, 64-byte aligned. Move only.
template <typename T>
class Buffer {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  Buffer() = default;
  // Zeroed. `what` names the buffer in the OOM message.
  static Result<Buffer> Make(uint64_t count, const char* what) { return Make(count, what, true); }
  // Holds whatever the allocator gave: for large buffers that are written before they are read.
  // Memory that was never written to is not even there yet; zeroing would fetch all of it at once.
  static Result<Buffer> MakeUnfilled(uint64_t count, const char* what) {
    return Make(count, what, false);
  }
  Buffer(Buffer&& other) noexcept { Swap(other); }
  Buffer& operator=(Buffer&& other) noexcept {
    Buffer moved(std::move(other));
    Swap(moved);
    return *this;
  }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer() {
    if (data_ != nullptr) buffer_internal::Release(data_, size_ * sizeof(T));
  }

  T* data() { return data_; }
  const T* data() const { return data_; }
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  T& operator[](size_t i) { return data_[i]; }
  const T& operator[](size_t i) const { return data_[i]; }
  T* begin() { return data_; }
  T* end() { return data_ + size_; }
  const T* begin() const { return data_; }
  const T* end() const { return data_ + size_; }
  std::span<T> span() { return {data_, size_}; }
  std::span<const T> span() const { return {data_, size_}; }

 private:
  static Result<Buffer> Make(uint64_t count, const char* what, bool zeroed) {
    Buffer buffer;
    if (count == 0) return buffer;
    if (count > SIZE_MAX / 2 / sizeof(T)) return buffer_internal::OutOfMemory(count, what);
    void* data = buffer_internal::Allocate(static_cast<size_t>(count) * sizeof(T), zeroed);
    if (data == nullptr) return buffer_internal::OutOfMemory(count * sizeof(T), what);
    buffer.data_ = static_cast<T*>(data);
    buffer.size_ = static_cast<size_t>(count);
    return buffer;
  }
  void Swap(Buffer& other) {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
  }
  T* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace parley
