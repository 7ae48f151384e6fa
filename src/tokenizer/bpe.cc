// See bpe.h.
#include "tokenizer/bpe.h"

#include <algorithm>
#include <bit>
#include <functional>
#include <string>

namespace parley {
namespace {

constexpr uint32_t kNone = MergeTable::kNone;

// Stafford's variant 13 of the finaliser of MurmurHash3.
uint64_t HashPair(uint32_t left, uint32_t right) {
  uint64_t x = uint64_t{left} << 32 | right;
  x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
  x = (x ^ x >> 27) * 0x94D049BB133111EBu;
  return x ^ x >> 31;
}

}  // namespace

Result<MergeTable> MergeTable::Make(uint32_t capacity) {
  MergeTable table;
  const uint64_t slots = std::bit_ceil(uint64_t{capacity} * 2 + 2);
  TRY_ASSIGN(table.slots_, Buffer<Slot>::Make(slots, "merge table"));
  TRY_ASSIGN(table.merged_, Buffer<uint32_t>::Make(capacity, "merged tokens"));
  return table;
}

Status MergeTable::Add(uint32_t left, uint32_t right, uint32_t merged) {
  CHECK(count_ < merged_.size());
  const size_t mask = slots_.size() - 1;
  size_t at = static_cast<size_t>(HashPair(left, right)) & mask;
  for (uint32_t probe = 0; probe < kMaxProbes; ++probe, at = (at + 1) & mask) {
    Slot& slot = slots_[at];
    if (slot.rank_plus_one == 0) {
      merged_[count_] = merged;
      slot = {left, right, ++count_};
      return {};
    }
    if (slot.left == left && slot.right == right) {
      return MakeError(Code::kBadVocab,
                       "the same pair as merge " + std::to_string(slot.rank_plus_one));
    }
  }
  return MakeError(Code::kLimit, "pairs that collide in the merge table");
}

uint32_t MergeTable::Rank(uint32_t left, uint32_t right) const {
  const size_t mask = slots_.size() - 1;
  size_t at = static_cast<size_t>(HashPair(left, right)) & mask;
  while (slots_[at].rank_plus_one != 0) {
    if (slots_[at].left == left && slots_[at].right == right) return slots_[at].rank_plus_one - 1;
    at = (at + 1) & mask;
  }
  return kNone;
}

Result<uint32_t*> BpeWorkspace::Reserve(uint64_t count) {
  CHECK(count < uint64_t{1} << 31);
  if (count > ids_.size()) {
    const uint64_t room = std::bit_ceil(std::max<uint64_t>(count, 64));
    const char* what = "encoding one piece of text";
    TRY_ASSIGN(previous_, Buffer<uint32_t>::Make(room, what));
    TRY_ASSIGN(next_, Buffer<uint32_t>::Make(room, what));
    TRY_ASSIGN(pair_rank_, Buffer<uint32_t>::Make(room, what));
    TRY_ASSIGN(heap_, Buffer<uint64_t>::Make(room * 2, what));
    TRY_ASSIGN(ids_, Buffer<uint32_t>::Make(room, what));  // last: its size says that all have room
  }
  return ids_.data();
}

void BpeWorkspace::Push(const MergeTable& merges, uint32_t left) {
  const uint32_t right = next_[left];
  pair_rank_[left] = right == kNone ? kNone : merges.Rank(ids_[left], ids_[right]);
  if (pair_rank_[left] == kNone) return;
  heap_[heap_size_++] = uint64_t{pair_rank_[left]} << 32 | left;
  std::push_heap(heap_.data(), heap_.data() + heap_size_, std::greater<uint64_t>());
  ++heap_operations_;
}

void BpeWorkspace::Merge(const MergeTable& merges, uint32_t count, std::vector<int32_t>* out) {
  heap_size_ = 0;
  for (uint32_t i = 0; i < count; ++i) {
    previous_[i] = i == 0 ? kNone : i - 1;
    next_[i] = i + 1 == count ? kNone : i + 1;
  }
  for (uint32_t i = 0; i < count; ++i) Push(merges, i);
  while (heap_size_ > 0) {
    std::pop_heap(heap_.data(), heap_.data() + heap_size_, std::greater<uint64_t>());
    const uint64_t entry = heap_[--heap_size_];
    ++heap_operations_;
    const auto rank = static_cast<uint32_t>(entry >> 32);
    const auto left = static_cast<uint32_t>(entry);
    // Pairs only grow, so a rank that still stands at this position is still the same pair.
    if (pair_rank_[left] != rank) continue;
    const uint32_t right = next_[left];
    ids_[left] = merges.Merged(rank);
    pair_rank_[right] = kNone;
    next_[left] = next_[right];
    if (next_[left] != kNone) previous_[next_[left]] = left;
    Push(merges, left);
    if (previous_[left] != kNone) Push(merges, previous_[left]);
  }
  for (uint32_t i = 0; count > 0 && i != kNone; i = next_[i]) {
    out->push_back(static_cast<int32_t>(ids_[i]));
  }
}

}  // namespace parley
