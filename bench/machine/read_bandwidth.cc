// Measures how fast threads together read memory that is much larger than the caches, in GB/s: the
// least time that decoding a token can take is the bytes of the weights over this.
//
//   read_bandwidth [THREADS]      1 unless given
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

namespace {

constexpr size_t kWordsAThread = size_t{32} << 20;  // 256 MiB
constexpr int kRounds = 15;

double NowSeconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// Filled by the thread that reads it: pages never written to are all one page of zeros, which the
// caches hold.
std::vector<uint64_t> FilledMemory() {
  std::vector<uint64_t> memory(kWordsAThread);
  uint64_t state = 88172645463325252u;
  for (uint64_t& word : memory) word = state = state * 6364136223846793005u + 1442695040888963407u;
  return memory;
}

// Eight sums, which the compiler keeps in vector registers: more than enough to wait for memory
// alone.
uint64_t Read(const std::vector<uint64_t>& memory) {
  uint64_t sums[8] = {};
  for (size_t i = 0; i < memory.size(); i += 8) {
    for (int lane = 0; lane < 8; ++lane) sums[lane] += memory[i + lane];
  }
  uint64_t sum = 0;
  for (const uint64_t lane : sums) sum += lane;
  return sum;
}

// GB/s of `threads` threads together, the best of the rounds: anything else is somebody else's
// work.
double Measure(int threads) {
  std::atomic<int> ready{0};
  std::atomic<int> round{-1};
  std::atomic<int> finished{0};
  std::atomic<uint64_t> sink{0};
  std::vector<std::thread> pool;
  for (int i = 0; i < threads; ++i) {
    pool.emplace_back([&] {
      const std::vector<uint64_t> memory = FilledMemory();
      ready.fetch_add(1);
      for (int mine = 0; mine < kRounds; ++mine) {
        while (round.load() < mine) std::this_thread::yield();
        sink.fetch_add(Read(memory));
        finished.fetch_add(1);
      }
    });
  }
  while (ready.load() < threads) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  double best_s = 1e9;
  for (int mine = 0; mine < kRounds; ++mine) {
    const double begin_s = NowSeconds();
    round.store(mine);
    while (finished.load() < (mine + 1) * threads) {
      std::this_thread::sleep_for(std::chrono::microseconds(50));
    }
    best_s = std::min(best_s, NowSeconds() - begin_s);
  }
  for (std::thread& thread : pool) thread.join();
  return static_cast<double>(threads) * kWordsAThread * sizeof(uint64_t) / best_s * 1e-9;
}

}  // namespace

int main(int argc, char** argv) {
  const int threads = argc > 1 ? std::atoi(argv[1]) : 1;
  if (threads < 1 || threads > 1024) {
    std::fprintf(stderr, "usage: read_bandwidth [THREADS]\n");
    return 2;
  }
  std::printf("%.2f\n", Measure(threads));
  return 0;
}
