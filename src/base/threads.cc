// The pool over POSIX threads: numbers that change start jobs and open barriers; waiting spins for
// a bounded time, then sleeps on the number. What the threads compute is the caller's.
#include "base/threads.h"

#include <atomic>
#include <string>
#include <thread>

#if PARLEY_THREADS
#include <pthread.h>
#include <time.h>
#endif

namespace parley {
namespace {

class SingleThread final : public ThreadPool {
 public:
  uint32_t threads() const override { return 1; }
  void Use(uint32_t active) override { CHECK(active == 1); }
  uint32_t active() const override { return 1; }
  void Begin(Body body, void* context) override {
    body_ = body;
    context_ = context;
  }
  void End() override { body_(context_, 0, 1); }
  void Barrier() override {}

 private:
  Body body_ = nullptr;
  void* context_ = nullptr;
};

#if PARLEY_THREADS

// Rounds of looking at a number before sleeping on it. About half a millisecond: longer than
// threads wait for one another inside a token, and longer than a page takes from one token to the
// next, since waking a virtual processor that went to sleep can cost more than that. Where there
// are more threads than processors, some tens of microseconds: whoever is waited for needs the
// processor.
#if defined(__EMSCRIPTEN__)
constexpr uint32_t kPatientRounds = 600000;  // no pause instruction: a round is a load and a branch
constexpr uint32_t kCrowdedRounds = 30000;
#else
constexpr uint32_t kPatientRounds = 15000;
constexpr uint32_t kCrowdedRounds = 1500;
#endif
constexpr int64_t kStartTimeoutNs = 5'000'000'000;

inline void Pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// A number that one thread changes and others wait for.
class alignas(64) Signal {
 public:
  uint32_t Get() const { return value_.load(std::memory_order_acquire); }

  // Returns once the number differs from `seen`; spins for so many rounds, then sleeps.
  void WaitWhile(uint32_t seen, uint32_t rounds) {
    for (uint32_t round = 0; round < rounds; ++round) {
      if (Get() != seen) return;
      Pause();
    }
    SleepWhile(seen);
  }

  // The same without spinning, for a wait that will be long.
  void SleepWhile(uint32_t seen) {
    // The changing thread looks at sleepers_ after it changed value_, the sleeper at value_ after
    // it changed sleepers_, all in one order: one of the two sees the other, so that no wake-up is
    // lost.
    sleepers_.fetch_add(1, std::memory_order_seq_cst);
    while (value_.load(std::memory_order_seq_cst) == seen) Sleep(seen);
    sleepers_.fetch_sub(1, std::memory_order_relaxed);
  }

  void Set(uint32_t value) {
    value_.store(value, std::memory_order_seq_cst);
    if (sleepers_.load(std::memory_order_seq_cst) != 0) WakeAll();
  }

 private:
#if defined(__EMSCRIPTEN__)
  void Sleep(uint32_t seen) {
    __builtin_wasm_memory_atomic_wait32(reinterpret_cast<int*>(&value_), static_cast<int>(seen),
                                        -1);
  }
  void WakeAll() { __builtin_wasm_memory_atomic_notify(reinterpret_cast<int*>(&value_), ~0u); }
#else
  void Sleep(uint32_t seen) { value_.wait(seen, std::memory_order_seq_cst); }
  void WakeAll() { value_.notify_all(); }
#endif
  std::atomic<uint32_t> value_{0};
  std::atomic<uint32_t> sleepers_{0};
};

int64_t NowNs() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

// A job's number and how many threads take part, in one word, so that a thread which looks late
// never mixes two jobs up: 25 bits that wrap, then 7.
constexpr uint32_t kActiveBits = 7;
static_assert(kMaxThreads < 1u << kActiveBits);
constexpr uint32_t ActiveOf(uint32_t job) { return job & ((1u << kActiveBits) - 1); }
constexpr uint32_t NextJob(uint32_t job, uint32_t active) {
  return ((job >> kActiveBits) + 1) << kActiveBits | active;
}

// What the threads share. It outlives the pool if some thread never began, because that thread may
// still do so.
struct Shared {
  explicit Shared(uint32_t n_threads)
      : threads(n_threads),
        rounds(n_threads <= std::thread::hardware_concurrency() ? kPatientRounds : kCrowdedRounds),
        active(n_threads) {}

  // Central barrier: the last to arrive opens it.
  void Barrier() {
    const uint32_t round = barrier.Get();
    const uint32_t all = active;  // read before arriving: when all have, it may change
    if (arrived.fetch_add(1, std::memory_order_acq_rel) + 1 == all) {
      arrived.store(0, std::memory_order_relaxed);
      barrier.Set(round + 1);
    } else {
      barrier.WaitWhile(round, rounds);
    }
  }

  // The caller's thread: lets the active ones go.
  void StartJob() {
    const bool more = active > ActiveOf(job.Get());
    job.Set(NextJob(job.Get(), active));
    if (more) recalled.Set(recalled.Get() + 1);
  }

  // Any other thread: returns once there is a job after `seen` in which it takes part. A job ends
  // only when all its threads have run it, so that none is missed.
  uint32_t WaitForJob(uint32_t thread, uint32_t seen) {
    for (;;) {
      job.WaitWhile(seen, rounds);
      // Read before the job: whoever recalls sets the job first, so that one of the two is news.
      const uint32_t recall = recalled.Get();
      seen = job.Get();
      if (thread < ActiveOf(seen)) return seen;
      recalled.SleepWhile(recall);
    }
  }

  const uint32_t threads;
  const uint32_t rounds;  // of spinning
  uint32_t active;        // changed between jobs, read by those who take part
  Signal job;             // the newest job
  Signal recalled;        // changes when a job has more threads than the one before
  Signal barrier;
  alignas(64) std::atomic<uint32_t> arrived{0};
  std::atomic<uint32_t> started{1};  // the caller's thread counts
  ThreadPool::Body body = nullptr;   // null: end
  void* context = nullptr;
};

struct Start {
  Shared* shared;
  uint32_t thread;
};

void* ThreadMain(void* argument) {
  const std::unique_ptr<Start> start(static_cast<Start*>(argument));
  Shared& shared = *start->shared;
  shared.started.fetch_add(1, std::memory_order_acq_rel);
  for (uint32_t job = 0;;) {
    job = shared.WaitForJob(start->thread, job);
    if (shared.body == nullptr) return nullptr;
    shared.body(shared.context, start->thread, ActiveOf(job));
    shared.Barrier();
  }
}

class PosixPool final : public ThreadPool {
 public:
  explicit PosixPool(uint32_t threads) : shared_(new Shared(threads)) {}

  ~PosixPool() override {
    shared_->body = nullptr;
    shared_->active = shared_->threads;
    shared_->StartJob();
    for (uint32_t i = 0; i < n_handles_; ++i) {
      if (all_began_) {
        pthread_join(handles_[i], nullptr);
      } else {
        pthread_detach(handles_[i]);
      }
    }
    if (all_began_) delete shared_;
  }

  Status StartThreads() {
    for (uint32_t thread = 1; thread < shared_->threads; ++thread) {
      auto start = std::make_unique<Start>(Start{shared_, thread});
      const int error = pthread_create(&handles_[n_handles_], nullptr, ThreadMain, start.get());
      if (error != 0) {
        all_began_ = WaitForStart(n_handles_ + 1);
        return MakeError(Code::kIo, "thread " + std::to_string(thread + 1) + " of " +
                                        std::to_string(shared_->threads) + " was refused: error " +
                                        std::to_string(error));
      }
      (void)start.release();  // now the thread's
      ++n_handles_;
    }
    all_began_ = WaitForStart(shared_->threads);
    if (!all_began_) return MakeError(Code::kIo, "threads were made but did not begin");
    return {};
  }

  uint32_t threads() const override { return shared_->threads; }
  uint32_t active() const override { return shared_->active; }
  void Use(uint32_t active) override {
    CHECK(active >= 1 && active <= shared_->threads);
    shared_->active = active;
  }

  void Begin(Body body, void* context) override {
    shared_->body = body;
    shared_->context = context;
    shared_->StartJob();
  }
  void End() override {
    shared_->body(shared_->context, 0, shared_->active);
    shared_->Barrier();
  }

  void Barrier() override { shared_->Barrier(); }

 private:
  bool WaitForStart(uint32_t count) const {
    const int64_t deadline = NowNs() + kStartTimeoutNs;
    while (shared_->started.load(std::memory_order_acquire) != count) {
      if (NowNs() > deadline) return false;
      constexpr timespec kPause = {0, 200'000};
      nanosleep(&kPause, nullptr);
    }
    return true;
  }

  Shared* shared_;
  pthread_t handles_[kMaxThreads] = {};
  uint32_t n_handles_ = 0;
  bool all_began_ = false;
};

#endif  // PARLEY_THREADS

}  // namespace

Result<std::unique_ptr<ThreadPool>> ThreadPool::Make(uint32_t threads) {
  if (threads == 0 || threads > kMaxThreads) {
    return MakeError(Code::kBadArg, "threads must be 1 to " + std::to_string(kMaxThreads) +
                                        ", not " + std::to_string(threads));
  }
  if (threads == 1) return std::unique_ptr<ThreadPool>(std::make_unique<SingleThread>());
#if PARLEY_THREADS
  auto pool = std::make_unique<PosixPool>(threads);
  TRY(pool->StartThreads());
  return std::unique_ptr<ThreadPool>(std::move(pool));
#else
  return MakeError(Code::kUnsupportedOption,
                   "this build runs on one thread, not " + std::to_string(threads));
#endif
}

}  // namespace parley
