// The pool: every thread runs every job once, barriers hold, and what one thread wrote the others
// see after them.
#include "base/threads.h"

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <thread>
#include <vector>

namespace parley {
namespace {

#if PARLEY_THREADS
constexpr uint32_t kThreadCounts[] = {1, 2, 3, 5};
#else
constexpr uint32_t kThreadCounts[] = {1};
#endif

std::unique_ptr<ThreadPool> MakePool(uint32_t threads) {
  auto pool = ThreadPool::Make(threads);
  REQUIRE(pool.ok());
  REQUIRE((*pool)->threads() == threads);
  return std::move(*pool);
}

template <typename Fn>
void Run(ThreadPool& pool, Fn fn) {
  pool.Run([](void* context, uint32_t thread,
              uint32_t threads) { (*static_cast<Fn*>(context))(thread, threads); },
           &fn);
}

TEST_CASE("threads: every job runs once on every thread, the caller being thread 0") {
  for (const uint32_t threads : kThreadCounts) {
    const auto pool = MakePool(threads);
    std::vector<uint32_t> runs(threads * 64,
                               0);  // a cache line each; plain, so that a data race would show
    const void* caller = nullptr;
    thread_local int marker = 0;
    bool right_count = true;
    for (int job = 0; job < 500; ++job) {
      Run(*pool, [&](uint32_t thread, uint32_t count) {
        ++runs[thread * 64];
        if (thread == 0) caller = &marker;
        if (count != threads) right_count = false;
      });
      if (caller != &marker) FAIL("thread 0 is not the caller");
    }
    for (uint32_t thread = 0; thread < threads; ++thread) CHECK(runs[thread * 64] == 500);
    CHECK(right_count);
  }
}

TEST_CASE("threads: between Begin and End the others work and the caller goes on") {
  for (const uint32_t threads : kThreadCounts) {
    const auto pool = MakePool(threads);
    std::atomic<uint32_t> others{0};
    std::atomic<uint32_t> callers{0};
    auto body = [&](uint32_t thread, uint32_t) { ++(thread == 0 ? callers : others); };
    for (uint32_t job = 1; job <= 200; ++job) {
      pool->Begin([](void* context, uint32_t thread,
                     uint32_t all) { (*static_cast<decltype(body)*>(context))(thread, all); },
                  &body);
      while (others != job * (threads - 1)) std::this_thread::yield();
      REQUIRE(callers == job - 1);
      pool->End();
      REQUIRE(callers == job);
    }
  }
}

TEST_CASE("threads: after a barrier every thread sees what the others wrote before it") {
  for (const uint32_t threads : kThreadCounts) {
    const auto pool = MakePool(threads);
    std::vector<uint32_t> written(threads * 64, 0);
    std::atomic<uint32_t> wrong{0};
    constexpr uint32_t kRounds = 1000;
    Run(*pool, [&](uint32_t thread, uint32_t count) {
      for (uint32_t round = 1; round <= kRounds; ++round) {
        written[thread * 64] = round;
        pool->Barrier();
        for (uint32_t other = 0; other < count; ++other) {
          if (written[other * 64] != round) ++wrong;
        }
        pool->Barrier();
      }
    });
    CHECK(wrong == 0);
  }
}

TEST_CASE("threads: threads that fell asleep between jobs and at barriers are woken") {
  for (const uint32_t threads : kThreadCounts) {
    const auto pool = MakePool(threads);
    std::atomic<uint32_t> done{0};
    for (int job = 0; job < 5; ++job) {
      Run(*pool, [&](uint32_t thread, uint32_t) {
        // Thread 0 keeps the others waiting far longer than they spin.
        if (thread == 0) {
          volatile uint64_t work = 0;
          for (int i = 0; i < 20'000'000; ++i) work = work + 1;
        }
        pool->Barrier();
        ++done;
      });
      volatile uint64_t pause = 0;
      for (int i = 0; i < 20'000'000; ++i) pause = pause + 1;
    }
    CHECK(done == 5 * threads);
  }
}

TEST_CASE("threads: only the threads in use run, whatever the number was before") {
  for (const uint32_t threads : kThreadCounts) {
    const auto pool = MakePool(threads);
    std::vector<uint32_t> runs(threads * 64, 0);
    std::vector<uint32_t> expected(threads, 0);
    bool right_count = true;
    uint32_t in_use = threads;
    for (uint32_t job = 0; job < 2000; ++job) {
      // Up, down, by one and by many, sometimes twice between two jobs, sometimes not at all.
      if (job % 3 != 0) pool->Use(1 + job * 7 % threads);
      if (job % 3 == 2) pool->Use(1 + job * 5 / 3 % threads);
      in_use = pool->active();
      for (uint32_t thread = 0; thread < in_use; ++thread) ++expected[thread];
      Run(*pool, [&](uint32_t thread, uint32_t count) {
        ++runs[thread * 64];
        if (count != in_use || thread >= count) right_count = false;
        pool->Barrier();
      });
    }
    for (uint32_t thread = 0; thread < threads; ++thread) {
      CHECK(runs[thread * 64] == expected[thread]);
    }
    CHECK(right_count);
  }
}

TEST_CASE("threads: a pool that last used one thread ends") {
  for (const uint32_t threads : kThreadCounts) {
    const auto pool = MakePool(threads);
    pool->Use(1);
    for (int job = 0; job < 3; ++job) Run(*pool, [](uint32_t, uint32_t) {});
  }
}

TEST_CASE("threads: a pool that never ran a job ends, and so do many in turn") {
  for (int i = 0; i < 20; ++i) {
    for (const uint32_t threads : kThreadCounts) MakePool(threads);
  }
}

TEST_CASE("threads: a number that cannot be is refused by name") {
  for (const uint32_t threads : {0u, kMaxThreads + 1, 0xffffffffu}) {
    auto pool = ThreadPool::Make(threads);
    REQUIRE_FALSE(pool.ok());
    CHECK(pool.error().code == Code::kBadArg);
    CHECK(pool.error().message.find(std::to_string(threads)) != std::string::npos);
  }
#if !PARLEY_THREADS
  auto pool = ThreadPool::Make(2);
  REQUIRE_FALSE(pool.ok());
  CHECK(pool.error().code == Code::kUnsupportedOption);
#endif
}

TEST_CASE("threads: SplitRange covers every item once") {
  for (const uint32_t count : {0u, 1u, 2u, 7u, 64u, 50257u, 0xffffffffu}) {
    for (const uint32_t threads : {1u, 2u, 3u, 7u, 64u}) {
      uint32_t next = 0;
      for (uint32_t thread = 0; thread < threads; ++thread) {
        const Range range = SplitRange(count, thread, threads);
        REQUIRE(range.begin == next);
        REQUIRE(range.end >= range.begin);
        REQUIRE(uint64_t{range.end} - range.begin <= uint64_t{count} / threads + 1);
        next = range.end;
      }
      REQUIRE(next == count);
    }
  }
}

}  // namespace
}  // namespace parley
