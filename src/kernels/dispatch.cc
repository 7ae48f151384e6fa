// Chooses the table of kernels that this processor runs best, and sizes what callers allocate for
// kernels.
#include <array>

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
  void Append(const KernelTable& table) { tables[count++] = &table; }
};

// Slowest first.
TableList FindTables() {
  TableList list;
  list.Append(kScalarKernels);
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

uint64_t KvCacheFloats(uint64_t n_heads, uint64_t head_size, uint64_t context) {
  return n_heads * head_size * ((context + 3) / 4 * 4);
}

uint64_t AttentionScratchFloats(uint64_t context) { return 4 * ((context + 3) / 4 * 4); }

}  // namespace parley
