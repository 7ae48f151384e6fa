// Finds out what a relaxed dot product does on this processor, by trial. The instructions are a
// parameter, so that tests probe emulations of every kind.
#pragma once

#include <cstdint>

#include "kernels/tables.h"

namespace parley {
namespace {

// Operands of one trial: 16 codes within -127 to 127, 16 weights of any byte, 16 nibbles, 4 sums to
// add to.
struct Trial {
  int8_t codes[16];
  uint8_t weights[16];
  uint8_t nibbles[16];
  int32_t sums[4];
};

// The largest products of each sign first, then bytes of a linear congruential generator (Knuth's
// MMIX constants). The seed is read through a volatile, so that no compiler folds the relaxed
// instructions.
inline Trial MakeTrial(int number) {
  static volatile uint64_t seed = 1;
  uint64_t state = seed + static_cast<uint64_t>(number);
  Trial trial;
  for (int i = 0; i < 16; ++i) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    if (number < 8) {
      trial.codes[i] = (number & 1) != 0 ? 127 : -127;
      trial.weights[i] = (number & 2) != 0 ? 255 : (number & 4) != 0 ? 128 : 127;
      trial.nibbles[i] = 15;
    } else {
      trial.codes[i] = static_cast<int8_t>(static_cast<int>((state >> 33) % 255) - 127);
      trial.weights[i] = static_cast<uint8_t>(state >> 41);
      trial.nibbles[i] = static_cast<uint8_t>(state >> 49 & 15);
    }
  }
  for (int32_t& sum : trial.sums) sum = static_cast<int32_t>(state >> 44);
  return trial;
}

// What remains possible after some trials.
struct Possible {
  bool as_unsigned = true;
  bool as_signed = true;
  bool nibbles = true;
};

// Instructions::DotAdd(codes, weights, sums, out): i32x4.relaxed_dot_i8x16_i7x16_add_s
// Instructions::DotPairs(codes, weights, out): i16x8.relaxed_dot_i8x16_i7x16_s
template <typename Instructions>
[[gnu::noinline]] void RunTrial(const Trial& trial, Possible& possible) {
  int32_t bytes[4];
  int32_t nibbles[4];
  int16_t pairs[8];
  Instructions::DotAdd(trial.codes, trial.weights, trial.sums, bytes);
  Instructions::DotAdd(trial.codes, trial.nibbles, trial.sums, nibbles);
  Instructions::DotPairs(trial.codes, trial.nibbles, pairs);
  for (int lane = 0; lane < 4; ++lane) {
    int32_t unsigned_sum = trial.sums[lane];
    int32_t signed_sum = trial.sums[lane];
    int32_t nibble_sum = trial.sums[lane];
    for (int i = lane * 4; i < lane * 4 + 4; ++i) {
      unsigned_sum += trial.codes[i] * trial.weights[i];
      signed_sum += trial.codes[i] * static_cast<int8_t>(trial.weights[i]);
      nibble_sum += trial.codes[i] * trial.nibbles[i];
    }
    possible.as_unsigned &= bytes[lane] == unsigned_sum;
    possible.as_signed &= bytes[lane] == signed_sum;
    possible.nibbles &= nibbles[lane] == nibble_sum;
    for (int pair = lane * 2; pair < lane * 2 + 2; ++pair) {
      const int i = pair * 2;
      const int exact =
          trial.codes[i] * trial.nibbles[i] + trial.codes[i + 1] * trial.nibbles[i + 1];
      possible.nibbles &= pairs[pair] == exact;
    }
  }
}

// Hundreds of rounds, so that a browser's baseline code and its optimised code both take part.
template <typename Instructions>
RelaxedDot Probe() {
  Possible possible;
  for (int number = 0; number < 400; ++number) RunTrial<Instructions>(MakeTrial(number), possible);
  if (!possible.nibbles) return RelaxedDot::kNone;
  if (possible.as_unsigned) return RelaxedDot::kUnsigned;
  if (possible.as_signed) return RelaxedDot::kSigned;
  return RelaxedDot::kNibbles;
}

}  // namespace
}  // namespace parley
