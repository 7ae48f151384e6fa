// Matrix products of every table: bit for bit what the definition gives, and near what double
// precision gives.
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <string>

#include "kernels/oracle.h"

namespace parley {
namespace {

using test::Activations;
using test::BitsOf;
using test::Matrix;
using test::Packed;
using test::Random;

constexpr DType kTypes[] = {DType::kQ8_0, DType::kQ4_0};
constexpr float kUntouched = 12345.0f;

std::vector<float> RandomValues(size_t count, uint64_t seed) {
  Random random(seed);
  std::vector<float> values(count);
  for (float& value : values) value = random.Uniform(-3, 3);
  return values;
}

// Runs panels [begin, end) into rows with three spare columns, which must stay untouched, and drops
// the spare columns.
std::vector<float> Run(const KernelTable& table, const Activations& x, const PackedMatrix& w,
                       const float* bias, uint32_t begin, uint32_t end, size_t misalign = 0) {
  const size_t stride = w.outputs + 3;
  std::vector<float> y(x.get().tokens * stride + misalign, kUntouched);
  table.matmul(x.get(), w, bias, begin, end, y.data() + misalign, stride);
  std::vector<float> rows;
  for (uint32_t t = 0; t < x.get().tokens; ++t) {
    const float* row = y.data() + misalign + t * stride;
    rows.insert(rows.end(), row, row + w.outputs);
    for (uint32_t i = 0; i < 3; ++i) REQUIRE(row[w.outputs + i] == kUntouched);
  }
  return rows;
}

TEST_CASE("matmul: every table gives the bits of the definition, at every shape around its tiles") {
  for (const KernelTable* table : test::TablesUnderTest()) {
    INFO(table->name);
    for (const DType type : kTypes) {
      for (const uint32_t outputs : {1u, 7u, 8u, 9u, 15u, 16u, 17u, 24u, 25u, 41u}) {
        for (const uint32_t inputs : {32u, 64u, 160u}) {
          const Matrix w = test::RandomMatrix(type, outputs, inputs, outputs * 1000 + inputs);
          const Packed packed(*table, w, outputs % 3);
          const std::vector<float> bias = RandomValues(outputs, 7);
          for (const uint32_t tokens : {1u, 2u, 3u, 4u, 5u, 6u, 7u, 8u, 11u, 12u, 13u, 19u}) {
            INFO("outputs " << outputs << " inputs " << inputs << " tokens " << tokens);
            Activations x(tokens, inputs);
            x.Quantize(*table, RandomValues(size_t{tokens} * inputs, tokens));
            const float* b = tokens % 2 == 0 ? bias.data() : nullptr;
            const auto y =
                Run(*table, x, packed.matrix(), b, 0, packed.matrix().panels(), tokens % 4);
            REQUIRE(BitsOf(y) == BitsOf(test::MatmulByDefinition(x.get(), w, b)));
          }
        }
      }
    }
  }
}

TEST_CASE(
    "matmul: a row's bits do not depend on the rows computed with it, nor on the split into "
    "panels") {
  for (const KernelTable* table : test::TablesUnderTest()) {
    INFO(table->name);
    for (const DType type : kTypes) {
      constexpr uint32_t kTokens = 17;
      constexpr uint32_t kInputs = 96;
      const Matrix w = test::RandomMatrix(type, 61, kInputs, 3);
      const Packed packed(*table, w);
      const std::vector<float> values = RandomValues(kTokens * kInputs, 4);
      Activations all(kTokens, kInputs);
      all.Quantize(*table, values);
      const auto together = Run(*table, all, packed.matrix(), nullptr, 0, 8);
      for (uint32_t t = 0; t < kTokens; ++t) {
        Activations one(1, kInputs);
        one.Quantize(*table, std::span(values).subspan(size_t{t} * kInputs, kInputs));
        const auto alone = Run(*table, one, packed.matrix(), nullptr, 0, 8);
        REQUIRE(BitsOf(alone) == BitsOf(std::span(together).subspan(t * 61, 61)));
      }
      for (uint32_t split = 0; split <= 8; ++split) {
        auto first = Run(*table, all, packed.matrix(), nullptr, 0, split);
        const auto second = Run(*table, all, packed.matrix(), nullptr, split, 8);
        for (size_t i = 0; i < first.size(); ++i) {
          const bool in_first = i % 61 < split * kPanelColumns;
          REQUIRE((in_first ? second[i] : first[i]) == kUntouched);
          if (!in_first) first[i] = second[i];
        }
        REQUIRE(BitsOf(first) == BitsOf(together));
      }
    }
  }
}

TEST_CASE("matmul: products of all weight codes and all activation codes are exact") {
  for (const KernelTable* table : test::TablesUnderTest()) {
    INFO(table->name);
    for (const DType type : kTypes) {
      const int lowest = type == DType::kQ8_0 ? -128 : -8;
      const uint32_t n_codes = type == DType::kQ8_0 ? 256 : 16;
      // Row w: one weight code everywhere, scale 1. Row x: one activation code everywhere, or
      // alternating signs.
      Matrix w = {type, n_codes, 32, {}, std::vector<uint16_t>(n_codes, 0x3c00)};
      for (uint32_t o = 0; o < n_codes; ++o)
        w.codes.insert(w.codes.end(), 32, lowest + static_cast<int>(o));
      const Packed packed(*table, w);
      for (const bool alternating : {false, true}) {
        std::vector<int8_t> codes;
        for (int x = -127; x <= 127; ++x) {
          for (int i = 0; i < 32; ++i)
            codes.push_back(static_cast<int8_t>(alternating && i % 3 == 0 ? -x : x));
        }
        const int multiple = alternating ? 32 - 2 * 11 : 32;
        for (const uint32_t tokens : {255u, 1u}) {  // as tiles, and row by row
          for (uint32_t first = 0; first < 255; first += tokens) {
            Activations x(tokens, 32);
            x.Fill(std::span(codes).subspan(size_t{first} * 32, size_t{tokens} * 32), 1.0f);
            const auto y = Run(*table, x, packed.matrix(), nullptr, 0, packed.matrix().panels());
            for (uint32_t t = 0; t < tokens; ++t) {
              for (uint32_t o = 0; o < n_codes; ++o) {
                const int expected =
                    multiple * (lowest + static_cast<int>(o)) * (static_cast<int>(first + t) - 127);
                if (y[t * n_codes + o] != static_cast<float>(expected)) {
                  FAIL("weight " << lowest + static_cast<int>(o) << " code " << first + t << ": "
                                 << y[t * n_codes + o]);
                }
              }
            }
          }
        }
      }
    }
  }
}

TEST_CASE("matmul: every finite f16 scale has its value, in products and in unpacked rows") {
  std::vector<uint16_t> halves;
  for (uint32_t half = 0; half < 65536; ++half) {
    if ((half & 0x7c00) != 0x7c00) halves.push_back(static_cast<uint16_t>(half));
  }
  const auto outputs = static_cast<uint32_t>(halves.size());
  for (const KernelTable* table : test::TablesUnderTest()) {
    INFO(table->name);
    for (const DType type : kTypes) {
      Matrix w = {type, outputs, 32, std::vector<int>(size_t{outputs} * 32, 1), halves};
      const Packed packed(*table, w);
      Activations x(1, 32);
      std::vector<int8_t> codes(32, 0);
      codes[5] = 1;
      x.Fill(codes, 1.0f);
      const auto y = Run(*table, x, packed.matrix(), nullptr, 0, packed.matrix().panels());
      std::vector<float> row(32);
      for (uint32_t o = 0; o < outputs; ++o) {
        const auto expected = static_cast<float>(test::HalfValue(halves[o]));
        table->unpack_row(packed.matrix(), o, row.data());
        if (y[o] != expected || row[0] != expected || row[31] != expected) {
          FAIL("half " << halves[o] << ": " << y[o] << " and " << row[0] << ", not " << expected);
        }
      }
    }
  }
}

TEST_CASE("matmul: unpacked rows are codes times scale") {
  for (const KernelTable* table : test::TablesUnderTest()) {
    INFO(table->name);
    for (const DType type : kTypes) {
      const Matrix w = test::RandomMatrix(type, 19, 96, 11);
      const Packed packed(*table, w);
      for (uint32_t o = 0; o < 19; ++o) {
        std::vector<float> row(96);
        table->unpack_row(packed.matrix(), o, row.data());
        for (uint32_t i = 0; i < 96; ++i) {
          const double value = w.codes[o * 96 + i] * test::HalfValue(w.scales[o * 3 + i / 32]);
          REQUIRE(row[i] == static_cast<float>(value));  // 8 bits times 11 bits: exact
        }
      }
    }
  }
}

TEST_CASE("matmul: near the product of the unquantized activations") {
  for (const KernelTable* table : test::TablesUnderTest()) {
    INFO(table->name);
    for (const DType type : kTypes) {
      constexpr uint32_t kInputs = 320;
      constexpr uint32_t kOutputs = 40;
      const Matrix w = test::RandomMatrix(type, kOutputs, kInputs, 21);
      const Packed packed(*table, w);
      const std::vector<float> values = RandomValues(3 * kInputs, 22);
      Activations x(3, kInputs);
      x.Quantize(*table, values);
      const auto y = Run(*table, x, packed.matrix(), nullptr, 0, packed.matrix().panels());
      for (uint32_t t = 0; t < 3; ++t) {
        for (uint32_t o = 0; o < kOutputs; ++o) {
          // A code is off by at most half a step plus a rounding, a step is amax / 127 with amax <=
          // 3; every product and sum in f32 adds at most 2^-24 of the magnitudes: 13 roundings a
          // block.
          double exact = 0;
          double bound = 0;
          for (uint32_t i = 0; i < kInputs; ++i) {
            const double weight =
                w.codes[o * kInputs + i] * test::HalfValue(w.scales[o * kInputs / 32 + i / 32]);
            exact += weight * values[t * kInputs + i];
            bound += std::abs(weight) * (3.0 / 127 * 0.5001 + 3 * 13 * 0x1p-24);
          }
          REQUIRE(std::abs(y[t * kOutputs + o] - exact) <= bound);
        }
      }
    }
  }
}

TEST_CASE("matmul: a row that holds NaN or infinity gives NaN, and its neighbours are untouched") {
  for (const KernelTable* table : test::TablesUnderTest()) {
    INFO(table->name);
    for (const float poison : {std::nanf(""), HUGE_VALF, -HUGE_VALF}) {
      const Matrix w = test::RandomMatrix(DType::kQ8_0, 16, 64, 31);
      const Packed packed(*table, w);
      std::vector<float> values = RandomValues(7 * 64, 32);
      Activations clean(7, 64);
      clean.Quantize(*table, values);
      const auto expected = Run(*table, clean, packed.matrix(), nullptr, 0, 2);
      values[3 * 64 + 40] = poison;
      Activations x(7, 64);
      x.Quantize(*table, values);
      const auto y = Run(*table, x, packed.matrix(), nullptr, 0, 2);
      for (uint32_t t = 0; t < 7; ++t) {
        for (uint32_t o = 0; o < 16; ++o) {
          if (t == 3) {
            REQUIRE(std::isnan(y[t * 16 + o]));
          } else {
            REQUIRE(y[t * 16 + o] == expected[t * 16 + o]);
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace parley
