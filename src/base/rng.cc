// PCG32, the XSH-RR variant with 64 bits of state, exactly as the author's C library computes it.
// M. E. O'Neill, "PCG: A Family of Simple Fast Space-Efficient Statistically Good Algorithms for
// Random Number Generation", 2014; https://www.pcg-random.org
#include "base/rng.h"

#include <bit>

namespace parley {
namespace {

constexpr uint64_t kMultiplier = 6364136223846793005u;  // Knuth's, as in the paper
constexpr uint64_t kStream = 54;  // the stream of the author's demonstration program

}  // namespace

// pcg32_srandom_r(seed, kStream)
Rng::Rng(uint64_t seed) : state_(0), increment_((kStream << 1) | 1) {
  NextU32();
  state_ += seed;
  NextU32();
}

uint32_t Rng::NextU32() {
  const uint64_t old = state_;
  state_ = old * kMultiplier + increment_;
  const auto shifted = static_cast<uint32_t>(((old >> 18) ^ old) >> 27);
  return std::rotr(shifted, static_cast<int>(old >> 59));
}

// 27 high bits of one number and 26 of the next make the 53 bits of a double's significand.
double Rng::NextUnit() {
  const uint64_t high = NextU32() >> 5;
  const uint64_t low = NextU32() >> 6;
  return static_cast<double>((high << 26) | low) * 0x1p-53;
}

}  // namespace parley
