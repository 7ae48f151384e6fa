// The fastest that dot products can go on this processor: a loop of them over registers, with no
// memory and no scales.
#pragma once

#include <cstdint>
#include <vector>

namespace parley::bench {

struct Peak {
  const char* dot;        // as KernelTable::dot names it, a part for each type
  void (*run)(uint32_t);  // runs this many rounds
  double macs_a_round;
};
std::vector<Peak> Peaks();

}  // namespace parley::bench
