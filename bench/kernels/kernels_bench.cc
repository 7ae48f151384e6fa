// Measures each kernel of each table alone on one thread: products and bytes a second, and their
// shares of what the machine can do with that table's instructions and of what its memory gives,
// which are measured first. Machines are shared and noisy: every figure is the best of many short
// runs, with the median beside it.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <numeric>
#include <string>
#include <vector>

#include "base/half.h"
#include "kernels/kernels.h"
#include "peak.h"

namespace parley::bench {
namespace {

struct Timing {
  double best_s;
  double median_s;
};

double NowSeconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// Times run(slice) for every slice over and over until `seconds` have passed, at least five times.
// The slices are short, so that the best time of each is one in which nobody else had the
// processor; their sum is the best time of the whole.
Timing Measure(double seconds, uint32_t slices, const std::function<void(uint32_t)>& run) {
  std::vector<double> best(slices, 1e9);
  std::vector<double> wholes;
  for (uint32_t slice = 0; slice < slices; ++slice) run(slice);
  const double end = NowSeconds() + seconds;
  while (wholes.size() < 5 || NowSeconds() < end) {
    double whole = 0;
    for (uint32_t slice = 0; slice < slices; ++slice) {
      const double begin = NowSeconds();
      run(slice);
      const double taken = NowSeconds() - begin;
      best[slice] = std::min(best[slice], taken);
      whole += taken;
    }
    wholes.push_back(whole);
  }
  std::sort(wholes.begin(), wholes.end());
  return {std::accumulate(best.begin(), best.end(), 0.0), wholes[wholes.size() / 2]};
}

struct Options {
  bool json = false;
  double seconds = 0.5;  // a measurement
  std::string table;     // only this one
};

class Report {
 public:
  explicit Report(bool json) : json_(json) {
    if (json_) std::printf("[");
  }
  ~Report() { std::printf(json_ ? "\n]\n" : "\n"); }

  // Bytes that a second reads from memory; weights that lie in a cache can be read faster.
  void AddMemory(Timing timing, double bytes) {
    read_gbytes_ = bytes / timing.best_s * 1e-9;
    Add("machine", "memory read", timing, 0, bytes, 0);
  }
  // A loop over registers; returns its GMAC/s.
  double AddPeak(const char* table, const std::string& what, Timing timing, double macs) {
    Add(table, what, timing, macs, 0, 0);
    return macs / timing.best_s * 1e-9;
  }

  // macs and bytes: of one run; either may be 0. peak_gmacs: what macs are a share of; 0: not
  // known.
  void Add(const char* table, const std::string& what, Timing timing, double macs, double bytes,
           double peak_gmacs) {
    const double gmacs = macs / timing.best_s * 1e-9;
    const double gbytes = bytes / timing.best_s * 1e-9;
    const double of_peak = peak_gmacs > 0 ? gmacs / peak_gmacs : 0;
    const double of_read = gbytes / read_gbytes_;
    if (json_) {
      std::printf(
          "%s\n  {\"table\": \"%s\", \"what\": \"%s\", \"best_us\": %.3f, \"median_us\": %.3f, "
          "\"gmac_s\": %.2f, \"gb_s\": %.2f, \"of_peak\": %.3f, \"of_memory_read\": %.3f}",
          first_ ? "" : ",", table, what.c_str(), timing.best_s * 1e6, timing.median_s * 1e6, gmacs,
          gbytes, of_peak, of_read);
    } else {
      std::printf("%-13s %-40s %10.1f us (median %10.1f)", table, what.c_str(), timing.best_s * 1e6,
                  timing.median_s * 1e6);
      if (macs > 0) std::printf("  %7.2f GMAC/s", gmacs);
      if (of_peak > 0) std::printf(" %3.0f%%", of_peak * 100);
      if (bytes > 0) std::printf("  %6.2f GB/s %3.0f%%", gbytes, of_read * 100);
      std::printf("\n");
    }
    std::fflush(stdout);
    first_ = false;
  }

 private:
  bool json_;
  bool first_ = true;
  double read_gbytes_ = 0;
};

uint64_t random_state = 88172645463325252u;
uint64_t RandomBits() {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  random_state ^= random_state << 17;
  return random_state;
}
std::vector<float> RandomFloats(size_t count) {
  std::vector<float> values(count);
  for (float& value : values) value = static_cast<float>(RandomBits() >> 40) / 8388608.0f - 1.0f;
  return values;
}

struct Weights {
  std::vector<uint8_t> memory;
  PackedMatrix matrix;
};

Weights MakeWeights(const KernelTable& table, DType type, uint32_t outputs, uint32_t inputs) {
  const size_t block_bytes = GetDTypeTraits(static_cast<uint32_t>(type))->block_bytes;
  std::vector<uint8_t> rows(inputs / kBlock * block_bytes * kPanelColumns);
  Weights weights = {std::vector<uint8_t>(PackedBytes(type, outputs, inputs) + 64),
                     {type, outputs, inputs, nullptr}};
  uint8_t* data =
      weights.memory.data() + (64 - reinterpret_cast<uintptr_t>(weights.memory.data()) % 64) % 64;
  weights.matrix.data = data;
  for (uint32_t panel = 0; panel < weights.matrix.panels(); ++panel) {
    for (uint8_t& byte : rows) byte = static_cast<uint8_t>(RandomBits() >> 32);
    for (size_t block = 0; block < rows.size(); block += block_bytes) {
      const uint16_t scale = F32ToF16(0.01f);
      std::memcpy(rows.data() + block, &scale, sizeof(scale));
    }
    table.pack_panel(type, rows.data(), kPanelColumns, inputs,
                     data + panel * PackedBytes(type, kPanelColumns, inputs));
  }
  return weights;
}

void MeasureMatmul(const KernelTable& table, DType type, uint32_t outputs, uint32_t inputs,
                   uint32_t tokens, double peak, const Options& options, Report& report) {
  const Weights weights = MakeWeights(table, type, outputs, inputs);
  std::vector<uint8_t> memory(ActivationBytes(tokens, inputs) + 64);
  QuantizedActivations x = BindActivations(
      memory.data() + (64 - reinterpret_cast<uintptr_t>(memory.data()) % 64) % 64, tokens, inputs);
  const std::vector<float> values = RandomFloats(size_t{tokens} * inputs);
  table.quantize_activations(values.data(), 0, tokens, &x);
  std::vector<float> y(size_t{tokens} * outputs);
  // Slices of at most 4 million products and a megabyte.
  const uint32_t panels = weights.matrix.panels();
  const uint32_t by_products = 4'000'000 / (kPanelColumns * inputs * tokens);
  const auto by_bytes = static_cast<uint32_t>(1'000'000 / PackedBytes(type, kPanelColumns, inputs));
  const uint32_t step = std::max(3u, std::min({by_products, by_bytes, panels}));
  const Timing timing = Measure(options.seconds, (panels + step - 1) / step, [&](uint32_t slice) {
    table.matmul(x, weights.matrix, nullptr, slice * step, std::min(panels, (slice + 1) * step),
                 y.data(), outputs);
  });
  const char* type_name = GetDTypeTraits(static_cast<uint32_t>(type))->name;
  const std::string what = std::string(type_name) + " " + std::to_string(inputs) + " -> " +
                           std::to_string(outputs) + ", " + std::to_string(tokens) +
                           (tokens == 1 ? " token" : " tokens");
  report.Add(table.name, what, timing, double{1} * tokens * outputs * inputs,
             static_cast<double>(PackedBytes(type, outputs, inputs)), peak);
}

void MeasureAttention(const KernelTable& table, uint32_t rows, uint32_t queries, double peak,
                      const Options& options, Report& report) {
  const AttentionShape shape = {.n_heads = 12,
                                .n_kv_heads = 12,
                                .head_size = 64,
                                .context = rows,
                                .first_position = rows - queries,
                                .queries = queries};
  const std::vector<float> qkv = RandomFloats(size_t{queries} * 3 * 768);
  const std::vector<float> k = RandomFloats(KvCacheFloats(12, 64, rows));
  const std::vector<float> v = RandomFloats(KvCacheFloats(12, 64, rows));
  std::vector<float> scores(AttentionScratchFloats(rows));
  std::vector<float> out(size_t{queries} * 768);
  const Timing timing = Measure(options.seconds, 12, [&](uint32_t head) {
    table.attention(shape, qkv.data(), k.data(), v.data(), head, head + 1, scores.data(),
                    out.data());
  });
  const double seen = (rows - queries + 1 + rows) / 2.0;
  report.Add(table.name,
             "attention, 12 x 64, " + std::to_string(rows) + " rows, " + std::to_string(queries) +
                 " queries",
             timing, 2.0 * 768 * seen * queries, 2.0 * 768 * 4 * rows, peak);
}

void MeasureRows(const KernelTable& table, const Options& options, Report& report) {
  constexpr uint32_t kTokens = 64;
  constexpr uint32_t kWidth = 768;
  const std::vector<float> x = RandomFloats(kTokens * kWidth);
  const std::vector<float> gain = RandomFloats(kWidth);
  std::vector<float> y = x;
  const double bytes = kTokens * kWidth * 4.0;
  report.Add(table.name, "layer_norm, 64 x 768",
             Measure(options.seconds / 4, 1,
                     [&](uint32_t) {
                       table.layer_norm(x.data(), gain.data(), gain.data(), 1e-5f, kTokens, kWidth,
                                        y.data());
                     }),
             0, bytes, 0);
  report.Add(table.name, "gelu, 64 x 768",
             Measure(options.seconds / 4, 1,
                     [&](uint32_t) {
                       y = x;
                       table.gelu(y.data(), y.size());
                     }),
             0, bytes, 0);
  std::vector<uint8_t> memory(ActivationBytes(kTokens, kWidth) + 64);
  QuantizedActivations out = BindActivations(
      memory.data() + (64 - reinterpret_cast<uintptr_t>(memory.data()) % 64) % 64, kTokens, kWidth);
  report.Add(table.name, "quantize_activations, 64 x 768",
             Measure(options.seconds / 4, 1,
                     [&](uint32_t) { table.quantize_activations(x.data(), 0, kTokens, &out); }),
             0, bytes, 0);
}

void MeasureMemory(const Options& options, Report& report) {
  // Eight sums over 64-bit words, the fastest plain read that every build has; filled, or it would
  // read the zero page.
  std::vector<uint64_t> memory(size_t{64} << 17);  // 64 MiB
  for (uint64_t& word : memory) word = RandomBits();
  static volatile uint64_t sink;
  const Timing read = Measure(options.seconds, 64, [&](uint32_t slice) {
    const size_t words = memory.size() / 64;
    uint64_t sums[8] = {};
    for (size_t i = slice * words; i < (slice + 1) * words; i += 8) {
      for (int lane = 0; lane < 8; ++lane) sums[lane] += memory[i + lane];
    }
    for (const uint64_t sum : sums) sink = sink + sum;
  });
  report.AddMemory(read, static_cast<double>(memory.size()) * 8);
}

// In GMAC/s.
double MeasurePeak(const char* table, const char* what, const Peak& peak, const Options& options,
                   Report& report) {
  constexpr uint32_t kRounds = 100000;
  const Timing timing = Measure(options.seconds / 4, 1, [&](uint32_t) { peak.run(kRounds); });
  return report.AddPeak(table, what, timing, peak.macs_a_round * kRounds);
}

void MeasureTable(const KernelTable& table, const Options& options, Report& report) {
  double q8_peak = 0;
  double q4_peak = 0;
  double f32_peak = 0;
  if (const Peaks* peaks = PeaksOf(table)) {
    q8_peak = MeasurePeak(table.name, "peak of Q8_0's products", peaks->q8, options, report);
    q4_peak = MeasurePeak(table.name, "peak of Q4_0's products", peaks->q4, options, report);
    f32_peak = MeasurePeak(table.name, "peak of f32 products", peaks->f32, options, report);
  }
  for (const DType type : {DType::kQ8_0, DType::kQ4_0}) {
    const double peak = type == DType::kQ8_0 ? q8_peak : q4_peak;
    // In the second-level cache, from memory, one tile, prefill.
    MeasureMatmul(table, type, 768, 768, 1, peak, options, report);
    MeasureMatmul(table, type, 50257, 768, 1, peak, options, report);
    MeasureMatmul(table, type, 768, 3072, 6, peak, options, report);
    MeasureMatmul(table, type, 3072, 768, 64, peak, options, report);
    MeasureMatmul(table, type, 768, 3072, 64, peak, options, report);
  }
  MeasureAttention(table, 512, 1, f32_peak, options, report);
  MeasureAttention(table, 512, 64, f32_peak, options, report);
  MeasureRows(table, options, report);
}

int Main(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "--json") {
      options.json = true;
    } else if (argument == "--seconds" && i + 1 < argc) {
      options.seconds = std::atof(argv[++i]);
    } else if (argument == "--table" && i + 1 < argc) {
      options.table = argv[++i];
    } else {
      std::fprintf(stderr, "usage: kernels_bench [--json] [--seconds S] [--table NAME]\n");
      return 2;
    }
  }
  Report report(options.json);
  MeasureMemory(options, report);
  for (const KernelTable* table : AllKernels()) {
    if (options.table.empty() || options.table == table->name) {
      MeasureTable(*table, options, report);
    }
  }
  return 0;
}

}  // namespace
}  // namespace parley::bench

int main(int argc, char** argv) { return parley::bench::Main(argc, argv); }
