// What the kernel tests compare with: weights made and decoded here, value by value in plain loops,
// and the tables to test, emulated dot products included. Shares nothing with src/kernels/ but the
// interface.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "kernels/kernels.h"

namespace parley::test {

// Every table that runs here and, after them, scalar emulations of the dot products that other
// processors have.
std::vector<const KernelTable*> TablesUnderTest();
// The emulations alone, each with the number of products its dot has summed so far.
struct EmulatedTable {
  const KernelTable* table;
  const uint64_t* products;
};
std::vector<EmulatedTable> EmulatedTables();

// Uniform bits from xorshift64* (Vigna 2016), so that tests do not depend on the generator under
// test elsewhere.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed * 2685821657736338717u + 1) {}
  uint64_t Bits();
  float Uniform(float low, float high);

 private:
  uint64_t state_;
};

// binary16 by its definition: (-1)^s 2^(e-15) (1 + m/1024), and m 2^-24 for e = 0.
double HalfValue(uint16_t half);

// A matrix [outputs, inputs] as codes and scales, made before any packing.
struct Matrix {
  DType type;
  uint32_t outputs;
  uint32_t inputs;
  std::vector<int> codes;        // [outputs, inputs]
  std::vector<uint16_t> scales;  // [outputs, inputs / 32], f16
};
// Random codes over the type's whole range and random scales of either sign.
Matrix RandomMatrix(DType type, uint32_t outputs, uint32_t inputs, uint64_t seed);
// The matrix in ggml's blocks, row after row.
std::vector<uint8_t> GgmlBytes(const Matrix& matrix);

// A matrix packed by one table, 64-byte aligned or, to show that nothing depends on it, `misalign`
// bytes further.
class Packed {
 public:
  Packed(const KernelTable& table, const Matrix& matrix, size_t misalign = 0);
  const PackedMatrix& matrix() const { return packed_; }

 private:
  std::vector<uint8_t> memory_;
  PackedMatrix packed_;
};

// Room for activations.
class Activations {
 public:
  Activations(uint32_t tokens, uint32_t width);
  // The same codes in both forms, their sums, and one scale for every block.
  void Fill(std::span<const int8_t> codes, float scale);
  void Quantize(const KernelTable& table, std::span<const float> x);
  QuantizedActivations& get() { return x_; }
  const QuantizedActivations& get() const { return x_; }

 private:
  std::vector<uint8_t> memory_;
  QuantizedActivations x_;
};

// The codes of row t, block b, whichever form the table wrote; found by looking which of the two is
// not all zero.
std::vector<int> CodesOf(const QuantizedActivations& x, uint32_t token);

// y by the definition in generic_matmul.h: exact integer sums, then f32 in ascending blocks.
std::vector<float> MatmulByDefinition(const QuantizedActivations& x, const Matrix& w,
                                      const float* bias);

// For "equal bit for bit" in messages and comparisons.
std::vector<uint32_t> BitsOf(std::span<const float> values);

}  // namespace parley::test
