// The tuner: what it tries, what it keeps, and that one thread is kept when more are no faster.
#include "base/thread_tuner.h"

#include <catch2/catch_test_macros.hpp>
#include <functional>
#include <set>

namespace parley {
namespace {

// Does work that takes `duration(threads, piece)` until the tuner is done, and returns how much it
// needed.
uint32_t Tune(ThreadTuner* tuner, const std::function<double(uint32_t, uint32_t)>& duration,
              std::set<uint32_t>* tried = nullptr) {
  uint32_t pieces = 0;
  while (!tuner->done()) {
    if (tried != nullptr) tried->insert(tuner->threads());
    tuner->Record(duration(tuner->threads(), pieces++));
  }
  return pieces;
}

TEST_CASE("tuner: tries all, the halves and one, a few times each") {
  const std::pair<uint32_t, std::set<uint32_t>> cases[] = {
      {1, {1}}, {2, {2, 1}}, {3, {3, 1}}, {6, {6, 3, 1}}, {8, {8, 4, 2, 1}}};
  for (const auto& [most, expected] : cases) {
    ThreadTuner tuner = ThreadTuner::UpTo(most);
    std::set<uint32_t> tried;
    const uint32_t pieces = Tune(&tuner, [](uint32_t, uint32_t) { return 1.0; }, &tried);
    tried.insert(tuner.threads());
    CHECK(tried == expected);
    CHECK(pieces <= 4 * expected.size());
  }
  CHECK(ThreadTuner::UpTo(kMaxThreads).threads() == kMaxThreads);
}

TEST_CASE("tuner: keeps the fastest number, and one thread where more are slower or no faster") {
  struct Case {
    double ms[9];  // by threads
    uint32_t best;
  };
  constexpr double kNone = -1;
  const Case cases[] = {
      {{kNone, 8, 4, kNone, 2, kNone, kNone, kNone, 1}, 8},
      {{kNone, 8, 4, kNone, 3, kNone, kNone, kNone, 5}, 4},
      {{kNone, 8, 5, kNone, 7, kNone, kNone, kNone, 6}, 2},
      {{kNone, 8, 9, kNone, 30, kNone, kNone, kNone, 90}, 1},
      {{kNone, 8, 8, kNone, 8, kNone, kNone, kNone, 8}, 1},
  };
  for (const Case& c : cases) {
    ThreadTuner tuner = ThreadTuner::UpTo(8);
    Tune(&tuner, [&](uint32_t threads, uint32_t) { return c.ms[threads]; });
    CHECK(tuner.threads() == c.best);
    tuner.Record(1000);  // what comes later changes nothing
    CHECK(tuner.threads() == c.best);
  }
}

TEST_CASE("tuner: slow first pieces and interruptions do not decide") {
  for (uint32_t interrupted = 2; interrupted < 8; ++interrupted) {
    ThreadTuner tuner = ThreadTuner::UpTo(2);
    Tune(&tuner, [&](uint32_t threads, uint32_t piece) {
      if (piece < 2) return threads == 2 ? 100.0 : 1.0;  // code not yet optimised
      return (threads == 2 ? 5.0 : 9.0) + (piece == interrupted ? 50 : 0);
    });
    CHECK(tuner.threads() == 2);
  }
}

TEST_CASE("tuner: a fixed number is never changed") {
  ThreadTuner tuner = ThreadTuner::Fixed(3);
  CHECK(tuner.done());
  tuner.Record(1);
  CHECK(tuner.threads() == 3);
}

}  // namespace
}  // namespace parley
