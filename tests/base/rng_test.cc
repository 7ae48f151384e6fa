// The generator against the numbers that the author's own program prints.
#include "base/rng.h"

#include <catch2/catch_test_macros.hpp>

namespace parley {
namespace {

TEST_CASE("PCG32 gives the sequence of the author's demonstration") {
  // pcg32-demo of https://github.com/imneme/pcg-c-basic, round 1: seed 42, stream 54.
  Rng rng(42);
  for (const uint32_t expected :
       {0xa15c02b7u, 0x7b47f409u, 0xba1d3330u, 0x83d2f293u, 0xbfa4784bu, 0xcbed606eu}) {
    CHECK(rng.NextU32() == expected);
  }
}

TEST_CASE("A unit is made of the high 27 and 26 bits of two numbers") {
  Rng rng(42);
  const double expected =
      (static_cast<double>(0xa15c02b7u >> 5) * 67108864.0 + static_cast<double>(0x7b47f409u >> 6)) /
      9007199254740992.0;
  CHECK(rng.NextUnit() == expected);
}

TEST_CASE("Units are from 0 to below 1 and fill it evenly") {
  Rng rng(7);
  int counts[10] = {};
  for (int i = 0; i < 100000; ++i) {
    const double unit = rng.NextUnit();
    REQUIRE(unit >= 0);
    REQUIRE(unit < 1);
    ++counts[static_cast<int>(unit * 10)];
  }
  // A count's standard deviation is 95; five of them.
  for (int count : counts) {
    CHECK(count > 10000 - 475);
    CHECK(count < 10000 + 475);
  }
}

TEST_CASE("Seeds up to 2^53 - 1 differ") {
  CHECK(Rng(0).NextU32() != Rng(1).NextU32());
  CHECK(Rng((uint64_t{1} << 53) - 1).NextU32() != Rng((uint64_t{1} << 21) - 1).NextU32());
}

}  // namespace
}  // namespace parley
