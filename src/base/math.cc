// Exponential, logarithm, power, hyperbolic tangent, sine and cosine from additions,
// multiplications and divisions in a fixed order, so that every processor and compiler gives the
// same bits. Accuracy: the comment of each; speed is not the aim here.
#include "base/math.h"

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include "base/exp_f32.h"

namespace parley {
namespace {

constexpr double kDoubleLn2High =
    0x1.62e42fefa38p-1;  // ln 2 to 42 bits: n times it is exact for |n| < 2^11
constexpr double kDoubleLn2Low = 0x1.ef35793c7673p-45;  // the next 53 bits
constexpr double kDoubleLog2E = 0x1.71547652b82fep+0;
constexpr double kRoundDouble = 0x1.8p52;  // adding it rounds to an integer
constexpr double kInfinity = std::numeric_limits<double>::infinity();

// 2^n for n in the range of normal numbers.
float PowerOfTwo(int32_t n) { return std::bit_cast<float>(static_cast<uint32_t>(n + 127) << 23); }
double PowerOfTwoDouble(int64_t n) {
  return std::bit_cast<double>(static_cast<uint64_t>(n + 1023) << 52);
}

// A sum of two doubles of which the second is below half a unit in the last place of the first.
struct Pair {
  double high;
  double low;
};
// Exact sum and product as pairs (Knuth 1969; Dekker 1971), without fused multiply-add.
Pair TwoSum(double a, double b) {
  const double sum = a + b;
  const double rounded_b = sum - a;
  return {sum, (a - (sum - rounded_b)) + (b - rounded_b)};
}
Pair Split(double a) {
  const double scaled = a * 134217729.0;  // 2^27 + 1
  const double high = scaled - (scaled - a);
  return {high, a - high};
}
Pair TwoProduct(double a, double b) {
  const double product = a * b;
  const Pair as = Split(a);
  const Pair bs = Split(b);
  const double error =
      ((as.high * bs.high - product) + as.high * bs.low + as.low * bs.high) + as.low * bs.low;
  return {product, error};
}
Pair Add(Pair a, Pair b) {
  const Pair sum = TwoSum(a.high, b.high);
  return TwoSum(sum.high, sum.low + (a.low + b.low));
}
Pair Multiply(Pair a, Pair b) {
  const Pair product = TwoProduct(a.high, b.high);
  return TwoSum(product.high, product.low + (a.high * b.low + a.low * b.high));
}

// x = mantissa * 2^exponent with the mantissa in [sqrt(1/2), sqrt(2)); x positive and finite.
struct Decomposed {
  double mantissa;
  double exponent;
};
Decomposed Decompose(double x) {
  int64_t exponent = 0;
  if (x < std::numeric_limits<double>::min()) {
    x *= 0x1p54;
    exponent = -54;
  }
  uint64_t bits = std::bit_cast<uint64_t>(x);
  exponent += static_cast<int64_t>(bits >> 52) - 1023;
  bits = (bits & 0xfffffffffffffULL) | 0x3ff0000000000000ULL;
  double mantissa = std::bit_cast<double>(bits);
  if (mantissa > 1.4142135623730951) {
    mantissa *= 0.5;
    ++exponent;
  }
  return {mantissa, static_cast<double>(exponent)};
}

// The logarithm with about 66 bits: 2 atanh(s) = 2 (s + s^3/3 + s^5/5 + ...), s = (m - 1) / (m +
// 1), plus e ln 2. The first two terms are pairs; the rest is below 2^-12 of the whole, so that
// doubles suffice.
Pair LogPair(double x) {
  const Decomposed parts = Decompose(x);
  const double f = parts.mantissa - 1;  // exact
  const Pair denominator = TwoSum(2, f);
  const double quotient = f / denominator.high;
  const Pair back = TwoProduct(quotient, denominator.high);
  const double remainder = ((f - back.high) - back.low) - quotient * denominator.low;
  const Pair s = TwoSum(quotient, remainder / denominator.high);
  const Pair square = Multiply(s, s);
  const double z = square.high;
  double tail = 1.0 / 25;
  for (int n = 23; n >= 5; n -= 2) tail = tail * z + 1.0 / n;
  constexpr Pair kThird = {0x1.5555555555555p-2, 0x1.5555555555555p-56};
  Pair series = Multiply(square, kThird);         // s^2 / 3
  series = Add(series, TwoProduct(z * z, tail));  // + s^4 / 5 + ...
  const Pair product = Multiply(s, series);
  const Pair log_mantissa = Add(s, product);
  const Pair doubled = {2 * log_mantissa.high, 2 * log_mantissa.low};
  const Pair scale = TwoSum(parts.exponent * kDoubleLn2High, parts.exponent * kDoubleLn2Low);
  return Add(scale, doubled);
}

// x = quadrant * pi/2 + rest, |rest| <= pi/4 and a little.
struct Reduced {
  double rest;
  uint32_t quadrant;
};
// Cody & Waite 1980: pi/2 in three parts, of which the first two have 33 bits, so that their
// products with up to 20 bits are exact, and so is the first difference (Sterbenz). The two
// roundings that remain are of numbers below 1: 2^-53 in all.
Reduced Reduce(double x) {
  constexpr double kTwoOverPi = 0x1.45f306dc9c883p-1;
  constexpr double kFirst = 0x1.921fb544p+0;
  constexpr double kSecond = 0x1.0b4611a6p-34;
  constexpr double kThird = 0x1.3198a2e037073p-69;
  const double n = (x * kTwoOverPi + kRoundDouble) - kRoundDouble;
  const double rest = ((x - n * kFirst) - n * kSecond) - n * kThird;
  return {rest, static_cast<uint32_t>(static_cast<int64_t>(n)) & 3};
}

// Taylor's series on [-pi/4, pi/4]: what is left out is below 2^-62 (r^19 / 19!) and 2^-58 (r^18 /
// 18!).
double SinOfRest(double r) {
  const double z = r * r;
  double p = 1.0 / 355687428096000;  // 1 / 17!
  constexpr double kCoefficients[] = {
      -1.0 / 1307674368000, 1.0 / 6227020800, -1.0 / 39916800, 1.0 / 362880,
      -1.0 / 5040,          1.0 / 120,        -1.0 / 6};
  for (const double c : kCoefficients) p = p * z + c;
  return r + r * (z * p);
}
double CosOfRest(double r) {
  const double z = r * r;
  double p = 1.0 / 20922789888000;  // 1 / 16!
  constexpr double kCoefficients[] = {-1.0 / 87178291200, 1.0 / 479001600, -1.0 / 3628800,
                                      1.0 / 40320,        -1.0 / 720,      1.0 / 24};
  for (const double c : kCoefficients) p = p * z + c;
  const double half = 0.5 * z;
  const double w = 1 - half;
  return w + (((1 - w) - half) + z * z * p);  // what 1 - z/2 lost, and the series from z^2 on
}

// Sine of x a quarter turn at a time: quadrant 0 is the sine, 1 the cosine, 2 and 3 their
// negatives.
double SinOfQuadrant(double rest, uint32_t quadrant) {
  const double magnitude = (quadrant & 1) == 0 ? SinOfRest(rest) : CosOfRest(rest);
  return (quadrant & 2) == 0 ? magnitude : -magnitude;
}
bool TooLarge(double x) { return !(x >= -0x1p20 && x <= 0x1p20); }  // also NaN

}  // namespace

// Error below 1 unit in the last place for normal results; results below 2^-126 are rounded once
// more.
float Exp(float x) {
  using namespace exp_f32;
  if (x != x) return x;
  x = kHighest < x ? kHighest : x;
  x = x < kLowest ? kLowest : x;
  const float shifted = x * kLog2E + kRound;
  const int32_t n = std::bit_cast<int32_t>(shifted) - std::bit_cast<int32_t>(kRound);
  const float n_float = shifted - kRound;
  const float r = (x - n_float * kLn2High) - n_float * kLn2Low;
  float p = kC5;
  p = p * r + kC4;
  p = p * r + kC3;
  p = p * r + kC2;
  p = p * r + kC1;
  p = p * r + kC0;
  const float y = (p * (r * r) + r) + 1.0f;
  const int32_t half = n >> 1;  // in two factors: 2^n alone may be no normal number
  return y * PowerOfTwo(half) * PowerOfTwo(n - half);
}

// Taylor's series to r^13 on [-0.347, 0.347] leaves 4e-18; r is kept in two parts, so that the
// error stays below 1 unit in the last place for normal results.
double Exp(double x) {
  if (x != x) return x;
  if (x > 709.8) return kInfinity;
  if (x < -745.2) return 0;
  const double n = (x * kDoubleLog2E + kRoundDouble) - kRoundDouble;
  const double high = x - n * kDoubleLn2High;  // exact
  const double low = n * kDoubleLn2Low;
  const double r = high - low;
  double p = 1.0 / 6227020800;  // 1 / 13!
  constexpr double kInverseFactorials[] = {
      1.0 / 479001600, 1.0 / 39916800, 1.0 / 3628800, 1.0 / 362880, 1.0 / 40320, 1.0 / 5040,
      1.0 / 720,       1.0 / 120,      1.0 / 24,      1.0 / 6,      1.0 / 2};
  for (const double c : kInverseFactorials) p = p * r + c;
  const double rest = ((high - r) - low) + p * (r * r);  // what r lost, and the series from r^2 on
  const double y = 1 + (r + rest);
  const int64_t exponent = static_cast<int64_t>(n);
  const int64_t half = exponent >> 1;
  return y * PowerOfTwoDouble(half) * PowerOfTwoDouble(exponent - half);
}

// The pair's rounding to double: below 1 unit in the last place.
double Log(double x) {
  if (x != x) return x;
  if (x < 0) return std::numeric_limits<double>::quiet_NaN();
  if (x == 0) return -kInfinity;
  if (x == kInfinity) return kInfinity;
  return LogPair(x).high;
}

// exp(exponent * log(base)): the logarithm's 2^-66 times at most 745 is below 2^-56, so that the
// error is that of Exp and of one more rounding, below 2 units in the last place for normal
// results.
double Pow(double base, double exponent) {
  if (exponent == 0 || base == 1) return 1;
  if (base != base || exponent != exponent) return base + exponent;
  if (base < 0) return std::numeric_limits<double>::quiet_NaN();
  if (base == 0) return exponent > 0 ? 0 : kInfinity;
  if (base == kInfinity) return exponent > 0 ? kInfinity : 0;
  const Pair log_base = LogPair(base);
  const double magnitude = exponent * log_base.high;
  if (magnitude > 710) return kInfinity;
  if (magnitude < -746) return 0;
  const Pair product = TwoProduct(exponent, log_base.high);
  const double low = product.low + exponent * log_base.low;
  const double y = Exp(product.high);
  return y == kInfinity ? y : y + y * low;
}

// In double, then rounded once: 1 - 2 / (exp(2x) + 1), and x - x^3/3 where that would cancel.
float Tanh(float x) {
  if (x != x || x == 0) return x;
  const double magnitude = x < 0 ? -static_cast<double>(x) : static_cast<double>(x);
  if (magnitude > 20) return x < 0 ? -1.0f : 1.0f;
  double result = magnitude - magnitude * magnitude * magnitude / 3;
  if (magnitude > 1e-4) result = 1 - 2 / (Exp(2 * magnitude) + 1);
  return static_cast<float>(x < 0 ? -result : result);
}

double Sin(double x) {
  if (TooLarge(x)) return std::numeric_limits<double>::quiet_NaN();
  const Reduced reduced = Reduce(x);
  return SinOfQuadrant(reduced.rest, reduced.quadrant);
}

double Cos(double x) {
  if (TooLarge(x)) return std::numeric_limits<double>::quiet_NaN();
  const Reduced reduced = Reduce(x);
  return SinOfQuadrant(reduced.rest, reduced.quadrant + 1);
}

}  // namespace parley
