// Chooses the table of kernels that this processor runs best, and sizes what callers allocate for
// kernels.
#include <array>
#if defined(PARLEY_X86_KERNELS)
#include <cpuid.h>
#endif

#include "base/result.h"
#include "kernels/blocks.h"
#include "kernels/kernels.h"
#include "kernels/tables.h"

namespace parley {
namespace {

constexpr uint64_t kAlignment = 64;
constexpr uint64_t Pad(uint64_t bytes) {
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

struct TableList {
  std::array<const KernelTable*, 6> tables = {};
  size_t count = 0;
  RelaxedDot relaxed_dot =
      RelaxedDot::kNone;  // what the probe found, where there is anything to probe
  void Append(const KernelTable& table) { tables[count++] = &table; }
};

#if defined(PARLEY_X86_KERNELS)
// CPUID leaf 7, subleaf 1, EAX bit 4 (Intel's Software Developer's Manual, volume 2A). That the
// system keeps the registers is what __builtin_cpu_supports("avx2") says.
bool HasAvxVnni() {
  unsigned eax = 0;
  unsigned ebx = 0;
  unsigned ecx = 0;
  unsigned edx = 0;
  return __get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx) != 0 && (eax >> 4 & 1) != 0;
}
#endif

// Slowest first.
TableList FindTables() {
  TableList list;
  list.Append(kScalarKernels);
#if defined(PARLEY_X86_KERNELS)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("sse4.1")) list.Append(kSse41Kernels);
  if (__builtin_cpu_supports("avx2")) list.Append(kAvx2Kernels);
  if (__builtin_cpu_supports("avx2") && HasAvxVnni()) list.Append(kAvxVnniKernels);
#elif defined(PARLEY_WASM_KERNELS)
  list.Append(kWasmSimd128Kernels);
#if defined(__wasm_relaxed_simd__)
  list.relaxed_dot = ProbeRelaxedDot();
  if (const KernelTable* relaxed = WasmRelaxedKernels(list.relaxed_dot)) list.Append(*relaxed);
#endif
#endif
  return list;
}

const TableList& Tables() {
  static const TableList tables = FindTables();
  return tables;
}

}  // namespace

const KernelTable& Kernels() { return *Tables().tables[Tables().count - 1]; }

std::span<const KernelTable* const> AllKernels() {
  return {Tables().tables.data(), Tables().count};
}

bool KernelsStillHold() {
#if defined(PARLEY_WASM_KERNELS) && defined(__wasm_relaxed_simd__)
  return ProbeRelaxedDot() == Tables().relaxed_dot;
#else
  return true;
#endif
}

uint64_t PackedBytes(DType type, uint64_t outputs, uint64_t inputs) {
  return (outputs + kPanelColumns - 1) / kPanelColumns * (inputs / kBlock) * PanelBlockBytes(type);
}

uint64_t ActivationBytes(uint64_t tokens, uint64_t width) {
  const uint64_t values = tokens * width;
  return Pad(values) + Pad(values * sizeof(int16_t)) + 2 * Pad(values / kBlock * sizeof(float));
}

QuantizedActivations BindActivations(uint8_t* memory, uint32_t tokens, uint32_t width) {
  const uint64_t values = uint64_t{tokens} * width;
  QuantizedActivations x;
  x.tokens = tokens;
  x.width = width;
  x.codes = reinterpret_cast<int8_t*>(memory);
  memory += Pad(values);
  x.wide_codes = reinterpret_cast<int16_t*>(memory);
  memory += Pad(values * sizeof(int16_t));
  x.scales = reinterpret_cast<float*>(memory);
  memory += Pad(values / kBlock * sizeof(float));
  x.sums = reinterpret_cast<int32_t*>(memory);
  return x;
}

uint64_t KvCacheFloats(uint64_t n_kv_heads, uint64_t head_size, uint64_t context) {
  return n_kv_heads * head_size * ((context + 3) / 4 * 4);
}

uint64_t AttentionScratchFloats(uint64_t context) { return 4 * ((context + 3) / 4 * 4); }

}  // namespace parley
