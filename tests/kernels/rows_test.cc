// Operations on rows of every table: bit for bit those of the scalar table, and near what double
// precision gives.
#include <bit>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <limits>

#include "base/math.h"
#include "kernels/oracle.h"

namespace parley {
namespace {

using test::BitsOf;
using test::Random;

const KernelTable& Scalar() { return *AllKernels()[0]; }

std::vector<float> RandomValues(size_t count, float spread, uint64_t seed) {
  Random random(seed);
  std::vector<float> values(count);
  for (float& value : values) value = random.Uniform(-spread, spread);
  return values;
}

constexpr size_t kCounts[] = {0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 100};

// Compares a table's in-place function with the scalar table's at every count and misalignment,
// borders included.
void CheckInPlace(void (*function)(const KernelTable&, float*, size_t), const KernelTable& table,
                  float spread) {
  for (const size_t count : kCounts) {
    for (size_t misalign = 0; misalign < 4; ++misalign) {
      const std::vector<float> before = RandomValues(misalign + count + 5, spread, count + 1);
      std::vector<float> expected = before;
      std::vector<float> actual = before;
      function(Scalar(), expected.data() + misalign, count);
      function(table, actual.data() + misalign, count);
      REQUIRE(BitsOf(actual) == BitsOf(expected));
      for (size_t i = 0; i < misalign; ++i) REQUIRE(actual[i] == before[i]);
      for (size_t i = misalign + count; i < before.size(); ++i) REQUIRE(actual[i] == before[i]);
    }
  }
}

TEST_CASE("rows: gelu, add and exp give the scalar table's bits at every length") {
  for (const KernelTable* table : test::TablesUnderTest()) {
    INFO(table->name);
    CheckInPlace([](const KernelTable& t, float* x, size_t n) { t.gelu(x, n); }, *table, 8);
    CheckInPlace([](const KernelTable& t, float* x, size_t n) { t.exp(x, n); }, *table, 90);
    CheckInPlace(
        [](const KernelTable& t, float* x, size_t n) {
          const std::vector<float> y = RandomValues(n + 1, 5, 77);
          t.add(x, y.data() + 1, n);
        },
        *table, 5);
  }
}

// Exp of every `stride`th bit pattern against base/math.h.
void CheckExpBits(const KernelTable& table, uint64_t stride) {
  constexpr size_t kBatch = 4096;
  std::vector<float> x(kBatch);
  std::vector<float> y(kBatch);
  for (uint64_t first = 0; first < 0x100000000u; first += kBatch * stride) {
    for (size_t i = 0; i < kBatch; ++i)
      x[i] = std::bit_cast<float>(static_cast<uint32_t>(first + i * stride));
    y = x;
    table.exp(y.data(), kBatch);
    for (size_t i = 0; i < kBatch; ++i) {
      const float expected = Exp(x[i]);
      const bool same = std::bit_cast<uint32_t>(y[i]) == std::bit_cast<uint32_t>(expected);
      if (!same && !(std::isnan(y[i]) && std::isnan(expected))) {
        FAIL("exp(" << x[i] << ") is " << y[i] << ", not " << expected);
      }
    }
  }
}

TEST_CASE("rows: the vector exponential is Exp, over all floats in steps") {
  for (const KernelTable* table : test::TablesUnderTest()) {
    INFO(table->name);
#if defined(NDEBUG) && !defined(__EMSCRIPTEN__)
    CheckExpBits(*table, 257);
#else
    CheckExpBits(*table, 8191);
#endif
  }
}
TEST_CASE("rows: the vector exponential is Exp, for every float there is", "[.exhaustive]") {
  for (const KernelTable* table : AllKernels()) {
    INFO(table->name);
    CheckExpBits(*table, 1);
  }
}

TEST_CASE("rows: gelu is the tanh form") {
  for (const KernelTable* table : test::TablesUnderTest()) {
    INFO(table->name);
    for (double x = -12; x <= 12; x += 1.0 / 512) {
      float y = static_cast<float>(x);
      table->gelu(&y, 1);
      // x / (1 + e^t) with e^t off by 2 units plus |t| roundings of t, three roundings elsewhere;
      // where e^t dominates, its error is the result's, so 2^-22 (4 + |t|) relative. Where e^t
      // overflows, 0 stands for less than 12 / 2^128.
      const double t = -2 * std::sqrt(2 / std::acos(-1.0)) * (x + 0.044715 * x * x * x);
      const double exact = x / (1 + std::exp(t));
      const double bound = 0x1p-22 * (4 + std::abs(t)) * std::abs(exact) + 12 * 0x1p-128;
      REQUIRE(std::abs(y - exact) <= bound);
      REQUIRE(std::abs(exact - x / 2 * (1 + std::tanh(-t / 2))) < 1e-12);
    }
    float special[] = {0.0f, 1e30f, -1e30f, std::numeric_limits<float>::infinity(), std::nanf("")};
    table->gelu(special, 5);
    CHECK(special[0] == 0.0f);
    CHECK(special[1] == 1e30f);
    CHECK(special[2] == 0.0f);
    CHECK(std::isinf(special[3]));
    CHECK(std::isnan(special[4]));
  }
}

TEST_CASE("rows: layer_norm gives the scalar table's bits and is near the formula") {
  for (const KernelTable* table : test::TablesUnderTest()) {
    INFO(table->name);
    for (const uint32_t width : {1u, 2u, 3u, 4u, 5u, 31u, 32u, 33u, 96u, 768u}) {
      constexpr uint32_t kTokens = 3;
      const std::vector<float> x = RandomValues(kTokens * width, 4, width);
      const std::vector<float> gain = RandomValues(width, 2, width + 1);
      const std::vector<float> bias = RandomValues(width, 1, width + 2);
      std::vector<float> y(kTokens * width + 1, 9.0f);
      std::vector<float> expected = y;
      Scalar().layer_norm(x.data(), gain.data(), bias.data(), 1e-5f, kTokens, width,
                          expected.data());
      table->layer_norm(x.data(), gain.data(), bias.data(), 1e-5f, kTokens, width, y.data());
      REQUIRE(BitsOf(y) == BitsOf(expected));
      REQUIRE(y.back() == 9.0f);
      for (uint32_t t = 0; t < kTokens; ++t) {
        double mean = 0;
        double squares = 0;
        for (uint32_t i = 0; i < width; ++i) mean += x[t * width + i];
        mean /= width;
        for (uint32_t i = 0; i < width; ++i) squares += std::pow(x[t * width + i] - mean, 2);
        const double inverse = 1 / std::sqrt(squares / width + 1e-5);
        for (uint32_t i = 0; i < width; ++i) {
          const double exact = (x[t * width + i] - mean) * inverse * gain[i] + bias[i];
          // A sum of `width` values of magnitude 4 in four lanes: width / 4 + 2 roundings; as much
          // again in the variance; divided by the deviation, at least 1e-5 where all values are
          // alike (width 1).
          const double bound =
              (width / 4.0 + 8) * 0x1p-23 * 4 * inverse * std::abs(gain[i]) + 0x1p-22;
          REQUIRE(std::abs(y[t * width + i] - exact) <= bound);
        }
      }
    }
  }
}

TEST_CASE("rows: rms_norm gives the scalar table's bits and is near the formula") {
  for (const KernelTable* table : test::TablesUnderTest()) {
    INFO(table->name);
    for (const uint32_t width : {1u, 2u, 3u, 4u, 5u, 31u, 32u, 33u, 96u, 576u}) {
      constexpr uint32_t kTokens = 3;
      const std::vector<float> x = RandomValues(kTokens * width, 4, width);
      const std::vector<float> gain = RandomValues(width, 2, width + 1);
      std::vector<float> y(kTokens * width + 1, 9.0f);
      std::vector<float> expected = y;
      Scalar().rms_norm(x.data(), gain.data(), 1e-5f, kTokens, width, expected.data());
      table->rms_norm(x.data(), gain.data(), 1e-5f, kTokens, width, y.data());
      REQUIRE(BitsOf(y) == BitsOf(expected));
      REQUIRE(y.back() == 9.0f);
      for (uint32_t t = 0; t < kTokens; ++t) {
        double squares = 0;
        for (uint32_t i = 0; i < width; ++i) squares += std::pow(x[t * width + i], 2);
        const double inverse = 1 / std::sqrt(squares / width + 1e-5);
        for (uint32_t i = 0; i < width; ++i) {
          const double exact = x[t * width + i] * inverse * gain[i];
          // A sum of positive squares in four lanes: width / 4 + 3 roundings, halved by the root;
          // six more of it, of the products and of epsilon.
          const double bound = (width / 8.0 + 8) * 0x1p-24 * std::abs(exact);
          REQUIRE(std::abs(y[t * width + i] - exact) <= bound);
        }
      }
    }
  }
}

TEST_CASE("rows: swiglu gives the scalar table's bits and is near the formula") {
  for (const KernelTable* table : test::TablesUnderTest()) {
    INFO(table->name);
    CheckInPlace(
        [](const KernelTable& t, float* x, size_t n) {
          const std::vector<float> gate = RandomValues(n + 1, 20, 78);
          t.swiglu(x, gate.data() + 1, n);
        },
        *table, 5);
    for (double g = -20; g <= 20; g += 1.0 / 256) {
      const auto gate = static_cast<float>(g);
      float up = 1.7f;
      table->swiglu(&up, &gate, 1);
      // 1 + e^-g within 2 units of the exponential and a rounding, then a quotient and a product.
      const double exact = g / (1 + std::exp(-g)) * double{1.7f};
      REQUIRE(std::abs(up - exact) <= 5 * 0x1p-23 * std::abs(exact));
    }
    const float gates[] = {0.0f, 1e30f, -1e30f, -std::numeric_limits<float>::infinity(),
                           std::nanf("")};
    float ups[] = {3.0f, 1.0f, 1.0f, 1.0f, 1.0f};
    table->swiglu(ups, gates, 5);
    CHECK(ups[0] == 0.0f);
    CHECK(ups[1] == 1e30f);
    CHECK(ups[2] == 0.0f);
    CHECK(std::isnan(ups[3]));  // infinity over infinity: found by all_finite
    CHECK(std::isnan(ups[4]));
  }
}

TEST_CASE("rows: rotate_pairs turns each pair by its own angle") {
  for (const KernelTable* table : test::TablesUnderTest()) {
    INFO(table->name);
    for (const size_t pairs : {size_t{0}, size_t{1}, size_t{4}, size_t{5}, size_t{32}}) {
      const std::vector<float> before = RandomValues(2 * pairs + 1, 3, pairs + 1);
      const std::vector<float> angles = RandomValues(pairs + 1, 9, pairs + 50);
      std::vector<float> turns;
      for (size_t i = 0; i < pairs; ++i) {
        turns.push_back(std::cos(angles[i]));
        turns.push_back(std::sin(angles[i]));
      }
      std::vector<float> x = before;
      std::vector<float> expected = before;
      table->rotate_pairs(x.data(), turns.data(), pairs);
      Scalar().rotate_pairs(expected.data(), turns.data(), pairs);
      REQUIRE(BitsOf(x) == BitsOf(expected));
      REQUIRE(x.back() == before.back());
      for (size_t i = 0; i < pairs; ++i) {
        const double c = turns[2 * i];
        const double s = turns[2 * i + 1];
        const double even = before[2 * i];
        const double odd = before[2 * i + 1];
        // Two products and a sum of magnitude up to 3 each: three roundings of at most 6.
        REQUIRE(std::abs(x[2 * i] - (even * c - odd * s)) <= 3 * 6 * 0x1p-24);
        REQUIRE(std::abs(x[2 * i + 1] - (even * s + odd * c)) <= 3 * 6 * 0x1p-24);
      }
    }
  }
}

TEST_CASE("rows: quantized activations are the nearest codes, and the same in every table") {
  for (const KernelTable* table : test::TablesUnderTest()) {
    INFO(table->name);
    for (const uint32_t width : {32u, 64u, 96u, 320u}) {
      constexpr uint32_t kTokens = 3;
      std::vector<float> x = RandomValues(kTokens * width, 50, width);
      test::Activations expected(kTokens, width);
      test::Activations actual(kTokens, width);
      expected.Quantize(Scalar(), x);
      // In two calls, the second first: rows are independent.
      table->quantize_activations(x.data() + width, 1, 2, &actual.get());
      table->quantize_activations(x.data(), 0, 1, &actual.get());
      for (uint32_t t = 0; t < kTokens; ++t) {
        const std::vector<int> codes = test::CodesOf(actual.get(), t);
        REQUIRE(codes == test::CodesOf(expected.get(), t));
        for (uint32_t b = 0; b < width / 32; ++b) {
          const size_t block = t * width / 32 + b;
          const float* values = x.data() + block * 32;
          float amax = 0;
          int sum = 0;
          for (uint32_t i = 0; i < 32; ++i) amax = std::max(amax, std::abs(values[i]));
          for (uint32_t i = 0; i < 32; ++i) {
            const int code = codes[b * 32 + i];
            sum += code;
            REQUIRE(std::abs(code) <= 127);
            // Half a step, and two roundings of a number up to 127.
            REQUIRE(std::abs(values[i] * 127.0 / amax - code) <= 0.5 + 127 * 0x1p-23);
          }
          REQUIRE(actual.get().sums[block] == sum);
          REQUIRE(actual.get().scales[block] == amax / 127.0f);
          REQUIRE(expected.get().sums[block] == sum);
          REQUIRE(expected.get().scales[block] == amax / 127.0f);
        }
      }
    }
  }
}

TEST_CASE(
    "rows: ties round to even, tiny blocks are zero, and a block that is not finite has scale "
    "NaN") {
  for (const KernelTable* table : test::TablesUnderTest()) {
    INFO(table->name);
    const auto quantize = [&](std::vector<float> x) {
      test::Activations activations(1, 32);
      activations.Quantize(*table, x);
      return activations;
    };
    std::vector<float> x(32, 0.0f);
    CHECK(test::CodesOf(quantize(x).get(), 0) == std::vector<int>(32, 0));
    CHECK(quantize(x).get().scales[0] == 0.0f);
    for (int i = 0; i < 31; ++i)
      x[i] = static_cast<float>(i) - 15.5f;  // with amax 127 the factor is 1
    x[31] = -127;
    const test::Activations ties = quantize(x);
    const std::vector<int> codes = test::CodesOf(ties.get(), 0);
    for (int i = 0; i < 31; ++i)
      CHECK(codes[i] == static_cast<int>(2 * std::floor((i - 15) / 2.0)));
    CHECK(codes[31] == -127);
    CHECK(ties.get().scales[0] == 1.0f);
    CHECK(test::CodesOf(quantize(std::vector<float>(32, 1e-38f)).get(), 0) ==
          std::vector<int>(32, 0));
    CHECK(quantize(std::vector<float>(32, 1e-38f)).get().scales[0] == 0.0f);
    const float largest = std::numeric_limits<float>::max();
    CHECK(test::CodesOf(quantize(std::vector<float>(32, -largest)).get(), 0) ==
          std::vector<int>(32, -127));
    for (const float poison : {std::nanf(""), std::numeric_limits<float>::infinity()}) {
      x[20] = poison;
      CHECK(std::isnan(quantize(x).get().scales[0]));
      CHECK(test::CodesOf(quantize(x).get(), 0) == std::vector<int>(32, 0));
      CHECK(quantize(x).get().sums[0] == 0);
      x[20] = -poison;
      CHECK(std::isnan(quantize(x).get().scales[0]));
    }
  }
}

TEST_CASE("rows: all_finite finds one value that is not, wherever it stands") {
  for (const KernelTable* table : test::TablesUnderTest()) {
    INFO(table->name);
    for (const size_t count : kCounts) {
      std::vector<float> x(count + 1, std::numeric_limits<float>::max());
      x[count] = std::nanf("");  // beyond the end
      REQUIRE(table->all_finite(x.data(), count));
      for (size_t i = 0; i < count; ++i) {
        const float kept = x[i];
        for (const float poison : {std::nanf(""), -std::nanf(""), HUGE_VALF, -HUGE_VALF}) {
          x[i] = poison;
          REQUIRE_FALSE(table->all_finite(x.data(), count));
        }
        x[i] = kept;
      }
    }
  }
}

}  // namespace
}  // namespace parley
