// The elementary functions against the C library in wider precision, and their special values.
#include "base/math.h"

#include <bit>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <cstdint>
#include <limits>

namespace parley {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr float kInfFloat = std::numeric_limits<float>::infinity();

// |actual - exact| in units in the last place of the exact value's binade; `exact` is a good deal
// more precise than T.
template <typename T>
double UlpError(T actual, long double exact) {
  if (std::isinf(actual) || std::isinf(static_cast<T>(exact)))
    return actual == static_cast<T>(exact) ? 0 : kInf;
  int exponent = 0;
  std::frexp(exact, &exponent);
  const int lowest = std::numeric_limits<T>::min_exponent;
  const long double ulp =
      std::ldexp(1.0L, (exponent < lowest ? lowest : exponent) - std::numeric_limits<T>::digits);
  return static_cast<double>(std::abs(static_cast<long double>(actual) - exact) / ulp);
}

// Numbers spread over [low, high] by the golden ratio, so that no step favours any bits.
template <typename Fn>
void ForMany(double low, double high, int count, Fn fn) {
  double fraction = 0;
  for (int i = 0; i < count; ++i) {
    fraction += 0.6180339887498949;
    if (fraction >= 1) fraction -= 1;
    fn(low + (high - low) * fraction);
  }
}

#if defined(NDEBUG) && !defined(__EMSCRIPTEN__)
constexpr uint32_t kFloatStride = 61;
constexpr int kDoubles = 1'000'000;
#else
constexpr uint32_t kFloatStride = 9973;
constexpr int kDoubles = 20'000;
#endif

double WorstExpFloat(uint32_t stride) {
  double worst = 0;
  for (uint64_t bits = 0; bits <= 0xffffffffu; bits += stride) {
    const auto x = std::bit_cast<float>(static_cast<uint32_t>(bits));
    if (std::isnan(x)) continue;
    if (x < -110 || x > 100) {
      if (Exp(x) != (x < 0 ? 0.0f : kInfFloat)) return kInf;
      continue;
    }
    const double error = UlpError(Exp(x), std::exp(static_cast<double>(x)));
    worst = error > worst ? error : worst;
  }
  return worst;
}

TEST_CASE("math: Exp in f32 is within 2 units of the last place, over all floats in steps") {
  CHECK(WorstExpFloat(kFloatStride) < 2);
}
TEST_CASE("math: Exp in f32 is within 2 units of the last place, for every float",
          "[.exhaustive]") {
  const double worst = WorstExpFloat(1);
  WARN("worst error: " << worst << " units in the last place");
  CHECK(worst < 2);
}

TEST_CASE("math: Exp in f32 at its ends") {
  CHECK(Exp(0.0f) == 1.0f);
  CHECK(Exp(-0.0f) == 1.0f);
  CHECK(Exp(kInfFloat) == kInfFloat);
  CHECK(Exp(-kInfFloat) == 0.0f);
  CHECK(std::isnan(Exp(std::nanf(""))));
  CHECK(Exp(88.72283f) < kInfFloat);  // the largest that is finite
  CHECK(Exp(88.72284f) == kInfFloat);
  CHECK(Exp(-103.97f) == 0x1p-149f);  // the smallest that is not zero, nearly
  CHECK(Exp(-104.0f) == 0.0f);
}

// The C library's double functions are within 1 unit; long double is wider where the machine has
// it, so the bound of 2 is asked of the difference alone where it has not.
TEST_CASE("math: Exp, Log and Pow in f64 are within 2 units of the last place") {
  double exp_worst = 0;
  double log_worst = 0;
  double pow_worst = 0;
  ForMany(-700, 709, kDoubles, [&](double x) {
    exp_worst = std::max(exp_worst, UlpError(Exp(x), std::exp(static_cast<long double>(x))));
  });
  ForMany(-1, 1, kDoubles, [&](double x) {
    exp_worst = std::max(exp_worst, UlpError(Exp(x), std::exp(static_cast<long double>(x))));
    const double near_one = 1 + x * 0.3;
    log_worst =
        std::max(log_worst, UlpError(Log(near_one), std::log(static_cast<long double>(near_one))));
  });
  ForMany(-1074, 1023, kDoubles, [&](double x) {
    const double y = std::exp2(x);
    log_worst = std::max(log_worst, UlpError(Log(y), std::log(static_cast<long double>(y))));
  });
  ForMany(-20, 20, kDoubles, [&](double x) {
    const double base = std::exp2(x * 2.37);
    const double exponent = 7 * std::sin(x * 1e4);
    const long double exact =
        std::pow(static_cast<long double>(base), static_cast<long double>(exponent));
    pow_worst = std::max(pow_worst, UlpError(Pow(base, exponent), exact));
    const double rope = std::pow(10000.0, -(x + 20) / 40);  // as rotary embeddings ask
    pow_worst =
        std::max(pow_worst, UlpError(Pow(10000.0, -(x + 20) / 40), static_cast<long double>(rope)));
  });
  ForMany(0.9, 1.1, kDoubles,
          [&](double base) {  // large exponents: the logarithm's error is multiplied
            const long double exact = std::pow(static_cast<long double>(base), 3000.0L);
            pow_worst = std::max(pow_worst, UlpError(Pow(base, 3000), exact));
          });
  CHECK(exp_worst < 2);
  CHECK(log_worst < 2);
  CHECK(pow_worst < 2);
}

TEST_CASE("math: special values in f64") {
  CHECK(Exp(0.0) == 1);
  CHECK(Exp(kInf) == kInf);
  CHECK(Exp(-kInf) == 0);
  CHECK(Exp(710.0) == kInf);
  CHECK(Exp(-746.0) == 0);
  CHECK(Exp(-745.0) == 0x1p-1074);
  CHECK(std::isnan(Exp(std::nan(""))));
  CHECK(Log(1.0) == 0);
  CHECK(Log(0.0) == -kInf);
  CHECK(Log(kInf) == kInf);
  CHECK(std::isnan(Log(-1.0)));
  CHECK(std::isnan(Log(std::nan(""))));
  CHECK(Pow(2, 10) == 1024);
  CHECK(Pow(0, 0) == 1);
  CHECK(Pow(0, 2) == 0);
  CHECK(Pow(0, -1) == kInf);
  CHECK(Pow(1, kInf) == 1);
  CHECK(Pow(7, 0) == 1);
  CHECK(Pow(kInf, -1) == 0);
  CHECK(Pow(10, 400) == kInf);
  CHECK(Pow(10, -400) == 0);
  CHECK(Pow(0.5, 1074) == 0x1p-1074);
  CHECK(std::isnan(Pow(-1, 2)));
  CHECK(std::isnan(Pow(std::nan(""), 2)));
}

TEST_CASE("math: Tanh is within 2 units of the last place, odd, and saturates") {
  double worst = 0;
  for (uint64_t bits = 0; bits < 0x7f800000u; bits += kFloatStride) {
    const auto x = std::bit_cast<float>(static_cast<uint32_t>(bits));
    const float y = Tanh(x);
    worst = std::max(worst, UlpError(y, std::tanh(static_cast<double>(x))));
    if (Tanh(-x) != -y) FAIL("Tanh(" << -x << ") is not -" << y);
  }
  CHECK(worst < 2);
  CHECK(Tanh(kInfFloat) == 1);
  CHECK(Tanh(-kInfFloat) == -1);
  CHECK(std::signbit(Tanh(-0.0f)));
  CHECK(std::isnan(Tanh(std::nanf(""))));
}

// The C library's sine is within 1 unit, 2^-53 at most for doubles, and closer in long double where
// that is wider: what is added to our 2^-52 is at most that.
TEST_CASE("math: Sin and Cos are within 2^-52 of the exact value up to 2^20") {
  constexpr double kLibrary = std::numeric_limits<long double>::digits > 53 ? 0 : 0x1p-53;
  double worst = 0;
  const auto check = [&](double x) {
    const auto exact = static_cast<long double>(x);
    worst = std::max(worst, std::abs(static_cast<double>(Sin(x) - std::sin(exact))));
    worst = std::max(worst, std::abs(static_cast<double>(Cos(x) - std::cos(exact))));
  };
  ForMany(-4, 4, kDoubles, check);
  ForMany(-0x1p20, 0x1p20, kDoubles, check);
  for (int position = 0; position <= 1 << 20; position += 97) check(position);
  // Near multiples of pi/2, where all but the last bits cancel.
  for (int n = -667544; n <= 667544; n += 61) check(n * 1.5707963267948966);
  CHECK(worst <= 0x1p-52 + kLibrary);
}

TEST_CASE("math: Sin and Cos at special values") {
  CHECK(Sin(0.0) == 0);
  CHECK(Cos(0.0) == 1);
  CHECK(Sin(-0x1p-30) == -Sin(0x1p-30));
  CHECK(std::abs(Sin(0x1p20)) <= 1);
  CHECK(std::isnan(Sin(0x1.0000000000001p20)));
  CHECK(std::isnan(Cos(-0x1.0000000000001p20)));
  CHECK(std::isnan(Sin(kInf)));
  CHECK(std::isnan(Cos(std::nan(""))));
}

}  // namespace
}  // namespace parley
