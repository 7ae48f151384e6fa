// Finds how many threads are fastest by trying numbers in turn on the work itself. Who measures,
// and with which clock, is the caller's; what is computed does not depend on the number.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/threads.h"

namespace parley {

class ThreadTuner {
 public:
  // Uses `threads` always.
  static ThreadTuner Fixed(uint32_t threads) { return ThreadTuner(threads, 1); }
  // Tries `most`, its halves and 1, each kRounds times in turn, then keeps the fastest; of equals
  // the fewest.
  static ThreadTuner UpTo(uint32_t most) {
    uint32_t candidates = 1;
    while (most >> candidates != 0) ++candidates;
    return ThreadTuner(most, candidates);
  }

  // For the next piece of work.
  uint32_t threads() const { return done() ? chosen_ : Candidate(trials_ % n_candidates_); }
  bool done() const { return trials_ == kRounds * n_candidates_; }

  // How long a piece of work took with threads(), in any unit; every piece is as much work as the
  // others.
  void Record(double duration) {
    if (done()) return;
    const uint32_t candidate = trials_ % n_candidates_;
    // The first round does not count: a browser has not optimised the code yet.
    double& least = least_[candidate];
    if (trials_ / n_candidates_ == 1) least = duration;
    least = std::min(least, duration);
    ++trials_;
    if (!done()) return;
    uint32_t best = n_candidates_ - 1;
    for (uint32_t i = best; i-- > 0;) {
      if (least_[i] < least_[best]) best = i;
    }
    chosen_ = Candidate(best);
  }

 private:
  static constexpr uint32_t kRounds = 4;
  static constexpr uint32_t kMaxCandidates = 7;  // 64, 32, ... 1
  static_assert(kMaxThreads >> kMaxCandidates == 0);

  ThreadTuner(uint32_t most, uint32_t candidates)
      : most_(most), n_candidates_(candidates), chosen_(most) {
    if (candidates == 1) trials_ = kRounds;
  }
  uint32_t Candidate(uint32_t index) const { return most_ >> index; }

  uint32_t most_;
  uint32_t n_candidates_;
  uint32_t trials_ = 0;
  uint32_t chosen_;
  double least_[kMaxCandidates] = {};  // by candidate, since the second round
};

// A pool, and how many of its threads each kind of work uses: many tokens at a time keep more
// processors busy than one, whose weights come from memory no faster for more of them.
struct TunedThreads {
  ThreadPool* pool = nullptr;
  ThreadTuner prefill = ThreadTuner::Fixed(1);
  ThreadTuner decode = ThreadTuner::Fixed(1);
};

}  // namespace parley
