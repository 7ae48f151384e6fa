// A pool of threads that split rows of one operation and meet at barriers. The caller is thread 0;
// with one thread nothing is started. Threads spin for a moment when they wait, then sleep.
#pragma once

#include <cstdint>
#include <memory>

#include "base/result.h"

namespace parley {

inline constexpr uint32_t kMaxThreads = 64;

class ThreadPool {
 public:
  // Starts `threads - 1` threads. kBadArg unless 1 <= threads <= kMaxThreads; kUnsupportedOption
  // for more than one in a build without threads; kIo when the system refuses them or they do not
  // begin within some seconds (a browser whose workers were not made beforehand): then use one.
  static Result<std::unique_ptr<ThreadPool>> Make(uint32_t threads);
  virtual ~ThreadPool() = default;

  virtual uint32_t threads() const = 0;
  // From the next Run on the first `active` threads take part; the others sleep until they are
  // wanted again. 1 <= active <= threads(); all of them to begin with.
  virtual void Use(uint32_t active) = 0;
  virtual uint32_t active() const = 0;
  using Body = void (*)(void* context, uint32_t thread, uint32_t threads);
  // Runs body(context, thread, threads) on every active thread and returns when all have.
  void Run(Body body, void* context) {
    Begin(body, context);
    End();
  }
  // The same in two halves, for a caller with something else to do: Begin lets the other threads
  // go and returns, End runs the caller's share and returns when all have. Nothing else runs in
  // between.
  virtual void Begin(Body body, void* context) = 0;
  virtual void End() = 0;
  // Called by every active thread inside Run: returns when all have arrived.
  virtual void Barrier() = 0;
};

// The part [begin, end) of `count` items that belongs to `thread`.
struct Range {
  uint32_t begin;
  uint32_t end;
};
inline Range SplitRange(uint32_t count, uint32_t thread, uint32_t threads) {
  return {static_cast<uint32_t>(uint64_t{count} * thread / threads),
          static_cast<uint32_t>(uint64_t{count} * (thread + 1) / threads)};
}

}  // namespace parley
