// Byte-pair encoding of one piece: merges its bytes pair by pair, best rank first. Knows ids, not
// text; the tokenizer turns bytes into ids before and owns the tables.
#pragma once

#include <cstdint>
#include <vector>

#include "base/buffer.h"
#include "base/result.h"

namespace parley {

// Of a hash table. Half full and well mixed, runs of 256 occupied slots have a probability below
// 1e-20: only keys chosen to collide reach it, and they must not make loading slow.
inline constexpr uint32_t kMaxProbes = 256;

// Which pairs merge, into what, and how early: an open-addressing hash table of (left, right) ->
// rank.
class MergeTable {
 public:
  static constexpr uint32_t kNone = UINT32_MAX;

  static Result<MergeTable> Make(uint32_t capacity);  // merges that will be added
  // The next merge in rank. BAD_VOCAB: the pair is there already. LIMIT: the pairs collide as no
  // vocabulary's do by chance.
  Status Add(uint32_t left, uint32_t right, uint32_t merged);

  uint32_t Rank(uint32_t left, uint32_t right) const;  // kNone: they do not merge
  uint32_t Merged(uint32_t rank) const { return merged_[rank]; }
  uint64_t memory_bytes() const {
    return slots_.size() * sizeof(Slot) + merged_.size() * sizeof(uint32_t);
  }

 private:
  struct Slot {
    uint32_t left;
    uint32_t right;
    uint32_t rank_plus_one;  // 0: empty
  };
  Buffer<Slot> slots_;       // a power of two, at most half full
  Buffer<uint32_t> merged_;  // by rank
  uint32_t count_ = 0;
};

// Room for encoding one piece after another; grows to the longest.
class BpeWorkspace {
 public:
  // Makes room for `count` ids and returns it, to be filled with the piece's bytes as ids. OOM.
  // `count` < 2^31.
  Result<uint32_t*> Reserve(uint64_t count);
  // Merges the first `count` ids and appends the result. O(count log count): see heap_operations.
  void Merge(const MergeTable& merges, uint32_t count, std::vector<int32_t>* out);

  // Pushes and pops so far. A piece of n bytes takes at most 6(n - 1): n - 1 pushes at the start,
  // two for each of at most n - 1 merges, and a pop for each push.
  uint64_t heap_operations() const { return heap_operations_; }

 private:
  void Push(const MergeTable& merges, uint32_t left);

  Buffer<uint32_t> ids_;       // by position; a merged pair lives at its left position
  Buffer<uint32_t> previous_;  // positions, kNone at the ends
  Buffer<uint32_t> next_;
  Buffer<uint32_t> pair_rank_;  // of a position with its next; kNone when they do not merge or the
                                // position is gone
  Buffer<uint64_t>
      heap_;  // rank << 32 | position, smallest first; entries whose pair has changed are skipped
  uint32_t heap_size_ = 0;
  uint64_t heap_operations_ = 0;
};

}  // namespace parley
