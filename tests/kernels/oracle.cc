// Weights, activations and products in plain loops; see oracle.h.
#include "kernels/oracle.h"

#include <bit>
#include <cmath>
#include <cstring>

namespace parley::test {
namespace {

size_t AlignmentGap(const uint8_t* pointer) {
  return (64 - reinterpret_cast<uintptr_t>(pointer) % 64) % 64;
}

}  // namespace

std::vector<const KernelTable*> TablesUnderTest() {
  const auto native = AllKernels();
  std::vector<const KernelTable*> tables(native.begin(), native.end());
  for (const EmulatedTable& emulated : EmulatedTables()) tables.push_back(emulated.table);
  return tables;
}

uint64_t Random::Bits() {
  state_ ^= state_ >> 12;
  state_ ^= state_ << 25;
  state_ ^= state_ >> 27;
  return state_ * 2685821657736338717u;
}

float Random::Uniform(float low, float high) {
  return low + (high - low) * (static_cast<float>(Bits() >> 40) / 16777216.0f);
}

double HalfValue(uint16_t half) {
  const int exponent = half >> 10 & 31;
  const int mantissa = half & 1023;
  const double magnitude =
      exponent == 0 ? std::ldexp(mantissa, -24) : std::ldexp(1024 + mantissa, exponent - 25);
  return (half & 0x8000) != 0 ? -magnitude : magnitude;
}

Matrix RandomMatrix(DType type, uint32_t outputs, uint32_t inputs, uint64_t seed) {
  Random random(seed);
  Matrix matrix = {type, outputs, inputs, std::vector<int>(size_t{outputs} * inputs),
                   std::vector<uint16_t>(size_t{outputs} * inputs / kBlock)};
  for (int& code : matrix.codes) {
    const int bits = static_cast<int>(random.Bits() >> 56);
    code = type == DType::kQ8_0 ? bits - 128 : (bits & 15) - 8;
  }
  // Exponents of 2^-12 to 2^-5, as weights have, and now and then zero or a subnormal.
  for (uint16_t& scale : matrix.scales) {
    const uint64_t bits = random.Bits();
    scale = static_cast<uint16_t>((bits & 0x83ff) | (3 + (bits >> 20 & 7)) << 10);
    if ((bits >> 32) % 16 == 0) scale = static_cast<uint16_t>(bits & 0x83ff);
  }
  return matrix;
}

std::vector<uint8_t> GgmlBytes(const Matrix& matrix) {
  std::vector<uint8_t> bytes;
  for (size_t block = 0; block < matrix.scales.size(); ++block) {
    const int* codes = matrix.codes.data() + block * kBlock;
    bytes.push_back(static_cast<uint8_t>(matrix.scales[block] & 255));
    bytes.push_back(static_cast<uint8_t>(matrix.scales[block] >> 8));
    if (matrix.type == DType::kQ8_0) {
      for (uint32_t i = 0; i < kBlock; ++i) bytes.push_back(static_cast<uint8_t>(codes[i]));
    } else {
      for (uint32_t i = 0; i < 16; ++i)
        bytes.push_back(static_cast<uint8_t>((codes[i] + 8) | (codes[i + 16] + 8) << 4));
    }
  }
  return bytes;
}

Packed::Packed(const KernelTable& table, const Matrix& matrix, size_t misalign) {
  const std::vector<uint8_t> ggml = GgmlBytes(matrix);
  const size_t row_bytes = ggml.size() / matrix.outputs;
  const size_t panel_bytes = PackedBytes(matrix.type, kPanelColumns, matrix.inputs);
  const size_t bytes = PackedBytes(matrix.type, matrix.outputs, matrix.inputs);
  memory_.resize(bytes + 64 + misalign, 0xa5);
  uint8_t* data = memory_.data() + AlignmentGap(memory_.data()) + misalign;
  packed_ = {matrix.type, matrix.outputs, matrix.inputs, data};
  for (uint32_t panel = 0; panel < packed_.panels(); ++panel) {
    const uint32_t row = panel * kPanelColumns;
    table.pack_panel(matrix.type, ggml.data() + row * row_bytes,
                     std::min(kPanelColumns, matrix.outputs - row), matrix.inputs,
                     data + panel * panel_bytes);
  }
}

Activations::Activations(uint32_t tokens, uint32_t width)
    : memory_(ActivationBytes(tokens, width) + 64) {
  x_ = BindActivations(memory_.data() + AlignmentGap(memory_.data()), tokens, width);
}

void Activations::Fill(std::span<const int8_t> codes, float scale) {
  for (size_t i = 0; i < codes.size(); ++i) {
    x_.codes[i] = codes[i];
    x_.wide_codes[i] = codes[i];
  }
  for (size_t block = 0; block < codes.size() / kBlock; ++block) {
    x_.scales[block] = scale;
    x_.sums[block] = 0;
    for (uint32_t i = 0; i < kBlock; ++i) x_.sums[block] += codes[block * kBlock + i];
  }
}

void Activations::Quantize(const KernelTable& table, std::span<const float> x) {
  table.quantize_activations(x.data(), 0, x_.tokens, &x_);
}

std::vector<int> CodesOf(const QuantizedActivations& x, uint32_t token) {
  std::vector<int> narrow(x.codes + size_t{token} * x.width, x.codes + size_t{token + 1} * x.width);
  std::vector<int> wide(x.wide_codes + size_t{token} * x.width,
                        x.wide_codes + size_t{token + 1} * x.width);
  return narrow == std::vector<int>(x.width) ? wide : narrow;
}

std::vector<float> MatmulByDefinition(const QuantizedActivations& x, const Matrix& w,
                                      const float* bias) {
  const uint32_t blocks = w.inputs / kBlock;
  std::vector<float> y(size_t{x.tokens} * w.outputs);
  for (uint32_t t = 0; t < x.tokens; ++t) {
    const std::vector<int> codes = CodesOf(x, t);
    for (uint32_t o = 0; o < w.outputs; ++o) {
      float sum = bias == nullptr ? 0.0f : bias[o];
      for (uint32_t b = 0; b < blocks; ++b) {
        int products = 0;
        for (uint32_t i = b * kBlock; i < (b + 1) * kBlock; ++i)
          products += codes[i] * w.codes[size_t{o} * w.inputs + i];
        const float w_scale = static_cast<float>(HalfValue(w.scales[o * blocks + b]));
        const float scale = w_scale * x.scales[t * blocks + b];
        const float product = static_cast<float>(products) * scale;
        sum = sum + product;
      }
      y[size_t{t} * w.outputs + o] = sum;
    }
  }
  return y;
}

std::vector<uint32_t> BitsOf(std::span<const float> values) {
  std::vector<uint32_t> bits(values.size());
  if (!values.empty()) std::memcpy(bits.data(), values.data(), values.size_bytes());
  return bits;
}

}  // namespace parley::test
