// The random generator behind sampling: PCG32 (O'Neill 2014), seeded so that one seed gives one
// sequence everywhere.
#pragma once

#include <cstdint>

namespace parley {

class Rng {
 public:
  explicit Rng(uint64_t seed);
  uint32_t NextU32();
  double NextUnit();  // uniform in [0, 1), 53 bits

 private:
  uint64_t state_;
  uint64_t increment_;
};

}  // namespace parley
