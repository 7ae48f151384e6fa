// Counts allocations and sends them through replaceable hooks. What a buffer holds is its owner's
// business.
#include "base/buffer.h"

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <string>

namespace parley {
namespace {

void* DefaultAllocate(size_t bytes, size_t alignment) {
  const size_t padded =
      (bytes + alignment - 1) & ~(alignment - 1);  // aligned_alloc wants a multiple
  if (padded < bytes) return nullptr;
  return std::aligned_alloc(alignment, padded);
}

void DefaultRelease(void* pointer) { std::free(pointer); }

// The seam that fault tests need, and the counters they read: the only global state of the core.
AllocatorHooks g_hooks = {DefaultAllocate, DefaultRelease};
std::atomic<uint64_t> g_allocations{0};
std::atomic<uint64_t> g_live_bytes{0};
std::atomic<uint64_t> g_peak_bytes{0};

}  // namespace

AllocatorHooks DefaultAllocatorHooks() { return {DefaultAllocate, DefaultRelease}; }

void SetAllocatorHooks(AllocatorHooks hooks) { g_hooks = hooks; }

AllocationCounts GetAllocationCounts() { return {g_allocations, g_live_bytes, g_peak_bytes}; }

void ResetAllocationPeak() { g_peak_bytes = g_live_bytes.load(); }

namespace buffer_internal {

void* Allocate(size_t bytes, bool zeroed) {
  void* pointer = g_hooks.allocate(bytes, kBufferAlignment);
  if (pointer == nullptr) return nullptr;
  if (zeroed) std::memset(pointer, 0, bytes);
  g_allocations += 1;
  const uint64_t live = g_live_bytes += bytes;
  uint64_t peak = g_peak_bytes;
  while (live > peak && !g_peak_bytes.compare_exchange_weak(peak, live)) {
  }
  return pointer;
}

void Release(void* pointer, size_t bytes) {
  g_live_bytes -= bytes;
  g_hooks.release(pointer);
}

Error OutOfMemory(uint64_t bytes, const char* what) {
  return MakeError(Code::kOom,
                   "no memory for " + std::string(what) + ": " + std::to_string(bytes) + " bytes");
}

}  // namespace buffer_internal
}  // namespace parley
