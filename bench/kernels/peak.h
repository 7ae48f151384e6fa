// The fastest that a kernel table's products can go on this processor: loops of them over
// registers, with no weights to fetch and no scales.
#pragma once

#include <cstdint>

#include "kernels/kernels.h"

namespace parley::bench {

struct Peak {
  void (*run)(uint32_t rounds);
  double macs_a_round;
};

struct Peaks {
  const char* table;  // KernelTable::name
  const char* dot;    // KernelTable::dot
  Peak q8;            // dot products with Q8_0
  Peak q4;            // with Q4_0
  Peak f32;           // multiplication and addition in the lanes of attention
};

// null: this program has no loops for the table's instructions.
const Peaks* PeaksOf(const KernelTable& table);

// Compiled for AVX2, whose encoding spares the copies of registers that SSE's needs, and for
// AVX-VNNI.
extern const Peaks kSse41Peaks;
extern const Peaks kAvx2Peaks;
extern const Peaks kAvxVnniPeaks;

}  // namespace parley::bench
