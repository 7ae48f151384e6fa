// Where each value of a weight matrix lies: in ggml's blocks, as files have them, and in the panels
// of eight columns that the kernels read. Layout alone; no arithmetic on values.
#pragma once

#include <cstdint>

#include "kernels/kernels.h"

namespace parley {

// ggml's Q8_0 and Q4_0 (ggml-common.h): an f16 scale, then the codes. In Q4_0, byte i holds value i
// in its low and value i + 16 in its high nibble, as code + 8.
inline constexpr uint32_t kQ8BlockBytes = 34;
inline constexpr uint32_t kQ4BlockBytes = 18;
inline constexpr uint32_t kScaleBytes = 2;

// A panel is one panel block after another, 32 inputs each: the codes of 8 columns, then their 8
// f16 scales.
inline constexpr uint32_t kQ8CodeBytes = kBlock * kPanelColumns;      // 256
inline constexpr uint32_t kQ4CodeBytes = kBlock * kPanelColumns / 2;  // 128
inline constexpr uint32_t kPanelScaleBytes = kPanelColumns * kScaleBytes;

constexpr uint32_t CodeBytes(DType type) {
  return type == DType::kQ8_0 ? kQ8CodeBytes : kQ4CodeBytes;
}
constexpr uint32_t PanelBlockBytes(DType type) { return CodeBytes(type) + kPanelScaleBytes; }
constexpr uint32_t GgmlBlockBytes(DType type) {
  return type == DType::kQ8_0 ? kQ8BlockBytes : kQ4BlockBytes;
}

// Inside a panel block the kernels walk the 32 inputs in steps of `step` values (4, or 2 where
// products are summed in pairs); a step has two vectors, columns 0 to 3 and 4 to 7, of `step`
// consecutive inputs a column.
//
// Q8_0: one byte a code, [32 / step][2 vectors][4 columns][step].
constexpr uint32_t Q8CodeIndex(uint32_t step, uint32_t column, uint32_t input) {
  return ((input / step * 2 + column / 4) * 4 + column % 4) * step + input % step;
}

// Q4_0: chunks of 16 bytes. Each of a chunk's 4 * step lanes (one column and input) holds the
// nibbles of 8 / step vectors, the lowest first: two of one step where step is 4, four of two steps
// where it is 2.
struct NibbleIndex {
  uint32_t byte;
  uint32_t shift;  // 0 or 4
};
constexpr NibbleIndex Q4CodeIndex(uint32_t step, uint32_t column, uint32_t input) {
  const uint32_t steps_a_chunk = 4 / step;
  const uint32_t chunk = input / step / steps_a_chunk;
  const uint32_t plane = input / step % steps_a_chunk * 2 + column / 4;
  const uint32_t lane = column % 4 * step + input % step;
  return {chunk * 16 + lane * steps_a_chunk + plane / 2, plane % 2 * 4};
}

}  // namespace parley
