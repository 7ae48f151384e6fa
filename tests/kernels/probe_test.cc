// The probe of the relaxed dot, against emulations of what processors and engines do with it.
#include "kernels/probe.h"

#include <catch2/catch_test_macros.hpp>

#include "kernels/emulated_dots.h"

namespace parley {
namespace {

using test::NoDotprodProduct;
using test::SaturatingPair;
using test::UnsignedProduct;
using test::Wrap16;

template <typename Product>
struct FourProducts {
  static void DotAdd(const int8_t* codes, const uint8_t* weights, const int32_t* sums,
                     int32_t* out) {
    for (int lane = 0; lane < 4; ++lane)
      out[lane] = sums[lane] + Product::Sum(weights + lane * 4, codes + lane * 4);
  }
  static void DotPairs(const int8_t* codes, const uint8_t* weights, int16_t* out) {
    for (int i = 0; i < 8; ++i) {
      out[i] = Wrap16(codes[i * 2] * static_cast<int8_t>(weights[i * 2]) +
                      codes[i * 2 + 1] * static_cast<int8_t>(weights[i * 2 + 1]));
    }
  }
};

struct SdotProduct {
  static int32_t Sum(const uint8_t* w, const int8_t* x) {
    int32_t sum = 0;
    for (int i = 0; i < 4; ++i) sum += static_cast<int8_t>(w[i]) * x[i];
    return sum;
  }
};

// pmaddubsw, then pmaddwd with ones.
struct Saturating {
  static void DotAdd(const int8_t* codes, const uint8_t* weights, const int32_t* sums,
                     int32_t* out) {
    for (int lane = 0; lane < 4; ++lane) {
      const int i = lane * 4;
      out[lane] = sums[lane] + SaturatingPair(weights + i, codes + i) +
                  SaturatingPair(weights + i + 2, codes + i + 2);
    }
  }
  static void DotPairs(const int8_t* codes, const uint8_t* weights, int16_t* out) {
    for (int i = 0; i < 8; ++i) out[i] = SaturatingPair(weights + i * 2, codes + i * 2);
  }
};

// Exact sums of four, except that what they are added to is forgotten once the code is "optimised".
struct Inconsistent : FourProducts<UnsignedProduct> {
  static inline int calls = 0;
  static void DotAdd(const int8_t* codes, const uint8_t* weights, const int32_t* sums,
                     int32_t* out) {
    const int32_t zeros[4] = {};
    FourProducts<UnsignedProduct>::DotAdd(codes, weights, ++calls < 500 ? sums : zeros, out);
  }
};

// Right sums of four, wrong pairs.
struct BrokenPairs : FourProducts<SdotProduct> {
  static void DotPairs(const int8_t*, const uint8_t*, int16_t* out) {
    for (int i = 0; i < 8; ++i) out[i] = 0;
  }
};

TEST_CASE("probe: the dot of AVX-VNNI is read as unsigned") {
  CHECK((Probe<FourProducts<UnsignedProduct>>() == RelaxedDot::kUnsigned));
}
TEST_CASE("probe: SDOT and Arm without it are read as signed") {
  CHECK((Probe<FourProducts<SdotProduct>>() == RelaxedDot::kSigned));
  CHECK((Probe<FourProducts<NoDotprodProduct>>() == RelaxedDot::kSigned));
}
TEST_CASE("probe: a saturating dot is used for nibbles only") {
  CHECK((Probe<Saturating>() == RelaxedDot::kNibbles));
}
TEST_CASE("probe: an engine that is wrong somewhere is not used at all") {
  CHECK((Probe<Inconsistent>() == RelaxedDot::kNone));
  CHECK((Probe<BrokenPairs>() == RelaxedDot::kNone));
}

}  // namespace
}  // namespace parley
