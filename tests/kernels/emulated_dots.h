// The dot products of other processors in plain C++, with a count of the products that each has
// summed, so that a test sees that they ran. Sources: Intel's Software Developer's Manual
// (VPDPBUSD, PMADDUBSW), Arm's A64 reference (SDOT, SMULL, ADDP, SADALP), and how V8 emits the
// relaxed dot on each.
#pragma once

#include <algorithm>
#include <cstdint>

namespace parley::test {

inline uint64_t unsigned_products = 0;
inline uint64_t no_dotprod_products = 0;
inline uint64_t nibble_products = 0;
inline uint64_t pair_products = 0;
inline uint64_t vnni_products = 0;

inline int16_t Saturate16(int sum) { return static_cast<int16_t>(std::clamp(sum, -32768, 32767)); }
inline int16_t Wrap16(int sum) { return static_cast<int16_t>(static_cast<uint16_t>(sum)); }

// vpdpbusd: weights unsigned, four products, exact.
struct UnsignedProduct {
  static constexpr bool kSigned = false;
  static int32_t Sum(const uint8_t* w, const int8_t* x) {
    unsigned_products += 4;
    int32_t sum = 0;
    for (int i = 0; i < 4; ++i) sum += w[i] * x[i];
    return sum;
  }
};

// Arm without DOTPROD: products in 16 bits, neighbours added in 16 bits that wrap, then widened.
struct NoDotprodProduct {
  static constexpr bool kSigned = true;
  static int32_t Sum(const uint8_t* w, const int8_t* x) {
    no_dotprod_products += 4;
    int16_t products[4];
    for (int i = 0; i < 4; ++i) products[i] = Wrap16(static_cast<int8_t>(w[i]) * x[i]);
    return Wrap16(products[0] + products[1]) + Wrap16(products[2] + products[3]);
  }
};

// pmaddubsw: weights unsigned, two products, saturated to 16 bits.
inline int16_t SaturatingPair(const uint8_t* w, const int8_t* x) {
  return Saturate16(w[0] * x[0] + w[1] * x[1]);
}

}  // namespace parley::test
