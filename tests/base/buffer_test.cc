#include "base/buffer.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <utility>

using parley::Buffer;
using parley::Code;

namespace {

void* Refuse(size_t, size_t) { return nullptr; }

constexpr uint8_t kUsed = 0x5a;
void* UsedMemory(size_t bytes, size_t alignment) {
  void* memory = std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
  if (memory != nullptr) std::memset(memory, kUsed, bytes);
  return memory;
}

}  // namespace

TEST_CASE("a buffer is zeroed, aligned and counted") {
  const auto before = parley::GetAllocationCounts();
  {
    auto buffer = Buffer<uint32_t>::Make(1000, "test");
    REQUIRE(buffer.ok());
    CHECK(buffer->size() == 1000);
    CHECK(reinterpret_cast<uintptr_t>(buffer->data()) % parley::kBufferAlignment == 0);
    for (const uint32_t value : *buffer) CHECK(value == 0);
    const auto during = parley::GetAllocationCounts();
    CHECK(during.allocations == before.allocations + 1);
    CHECK(during.live_bytes == before.live_bytes + 4000);
  }
  CHECK(parley::GetAllocationCounts().live_bytes == before.live_bytes);
}

TEST_CASE("a buffer that is filled later takes memory as it comes") {
  parley::SetAllocatorHooks({UsedMemory, std::free});
  const auto zeroed = Buffer<uint8_t>::Make(1000, "test");
  const auto unfilled = Buffer<uint8_t>::MakeUnfilled(1000, "test");
  parley::SetAllocatorHooks(parley::DefaultAllocatorHooks());
  REQUIRE(zeroed.ok());
  REQUIRE(unfilled.ok());
  CHECK(std::ranges::all_of(*zeroed, [](uint8_t value) { return value == 0; }));
  CHECK(std::ranges::all_of(*unfilled, [](uint8_t value) { return value == kUsed; }));
}

TEST_CASE("an empty buffer allocates nothing") {
  const auto before = parley::GetAllocationCounts().allocations;
  const auto buffer = Buffer<uint64_t>::Make(0, "test");
  REQUIRE(buffer.ok());
  CHECK(buffer->empty());
  CHECK(parley::GetAllocationCounts().allocations == before);
}

TEST_CASE("moving a buffer moves its memory and frees the old one") {
  const auto before = parley::GetAllocationCounts().live_bytes;
  auto first = Buffer<uint8_t>::Make(10, "first");
  auto second = Buffer<uint8_t>::Make(20, "second");
  (*second)[3] = 7;
  const uint8_t* data = second->data();
  *first = std::move(*second);
  CHECK(first->data() == data);
  CHECK((*first)[3] == 7);
  CHECK(first->size() == 20);
  CHECK(second->empty());
  CHECK(parley::GetAllocationCounts().live_bytes == before + 20);
  Buffer<uint8_t>& itself = *first;
  *first = std::move(itself);
  CHECK(first->size() == 20);
}

TEST_CASE("sizes beyond memory are OOM with the bytes needed, not a wrapped size") {
  const auto before = parley::GetAllocationCounts().live_bytes;
  for (const uint64_t count :
       {~uint64_t{0}, uint64_t{1} << 63, uint64_t{1} << 61, uint64_t{SIZE_MAX} / 8 + 1}) {
    const auto buffer = Buffer<uint64_t>::Make(count, "too much");
    REQUIRE_FALSE(buffer.ok());
    CHECK(buffer.error().code == Code::kOom);
    CHECK(buffer.error().message.find("too much") != std::string::npos);
  }
  CHECK(parley::GetAllocationCounts().live_bytes == before);
}

TEST_CASE("hooks replace the allocator, and what they refuse is OOM") {
  const auto before = parley::GetAllocationCounts();
  parley::SetAllocatorHooks({Refuse, parley::DefaultAllocatorHooks().release});
  const auto refused = Buffer<uint16_t>::Make(21, "a little");
  parley::SetAllocatorHooks(parley::DefaultAllocatorHooks());
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().code == Code::kOom);
  CHECK(refused.error().message == "no memory for a little: 42 bytes");
  CHECK(parley::GetAllocationCounts().allocations == before.allocations);
  CHECK(parley::GetAllocationCounts().live_bytes == before.live_bytes);
}

TEST_CASE("the peak is the highest sum since it was reset") {
  parley::ResetAllocationPeak();
  const uint64_t before = parley::GetAllocationCounts().peak_bytes;
  CHECK(before == parley::GetAllocationCounts().live_bytes);
  {
    const auto large = Buffer<uint8_t>::Make(5000, "large");
  }
  {
    const auto small = Buffer<uint8_t>::Make(100, "small");
  }
  CHECK(parley::GetAllocationCounts().peak_bytes == before + 5000);
}
