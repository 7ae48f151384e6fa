// Fuzzes the tables of kernels: any shapes and values, and every table gives the scalar one's bits.
// Where a result is not a number, which of them it is may differ. Aborts and names the operation.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <span>
#include <utility>
#include <vector>

#include "kernels/kernels.h"
#include "kernels/oracle.h"
#include "support/fuzz_require.h"

namespace parley {

// The emulated dot products that the kernels' tests have stand for other processors; what is
// compared here runs here.
std::vector<test::EmulatedTable> test::EmulatedTables() { return {}; }

namespace {

using test::Require;

const KernelTable& Scalar() { return *AllKernels()[0]; }

void RequireSame(const std::vector<float>& expected, const std::vector<float>& actual,
                 const char* operation) {
  for (size_t i = 0; i < expected.size(); ++i) {
    const bool same = std::bit_cast<uint32_t>(expected[i]) == std::bit_cast<uint32_t>(actual[i]);
    Require(same || (std::isnan(expected[i]) && std::isnan(actual[i])), operation);
  }
}

// Shapes from the first bytes; values from the rest, as they are in turn with ones of usual size,
// and once that is used up from a generator that all of the input seeds: the kernels are not
// instrumented, so that nothing but chance leads to new ones.
class Input {
 public:
  Input(const uint8_t* data, size_t size) : data_(data), size_(size), random_(Hash({data, size})) {}
  uint32_t Below(uint32_t limit) { return Byte() % limit; }
  std::vector<float> Values(size_t count, bool any_bits) {
    std::vector<float> values(count);
    for (float& value : values) {
      value = random_.Uniform(-4, 4);
      if (size_ >= sizeof(float) && any_bits) {
        std::memcpy(&value, data_, sizeof(float));
        Skip(sizeof(float));
      } else if (size_ > 0) {
        value = static_cast<float>(static_cast<int8_t>(Byte())) / 16;
      }
    }
    return values;
  }
  uint64_t Seed() { return uint64_t{Byte()} << 8 | Byte(); }

 private:
  static uint64_t Hash(std::span<const uint8_t> bytes) {  // FNV-1a
    uint64_t hash = 0xcbf29ce484222325;
    for (const uint8_t byte : bytes) hash = (hash ^ byte) * 0x100000001b3;
    return hash;
  }
  uint8_t Byte() {
    if (size_ == 0) return static_cast<uint8_t>(random_.Bits());
    const uint8_t byte = *data_;
    Skip(1);
    return byte;
  }
  void Skip(size_t bytes) {
    data_ += bytes;
    size_ -= bytes;
  }
  const uint8_t* data_;
  size_t size_;
  test::Random random_;
};

// Operations on any values whatever, in place or with a second operand.
void Elements(const KernelTable& table, Input input) {
  const size_t count = input.Below(70);
  const std::vector<float> x = input.Values(count, true);
  const std::vector<float> y = input.Values(count, true);
  const auto compare = [&](auto operation, const char* name) {
    std::vector<float> expected = x;
    std::vector<float> actual = x;
    operation(Scalar(), expected.data());
    operation(table, actual.data());
    RequireSame(expected, actual, name);
  };
  compare([&](const KernelTable& t, float* out) { t.exp(out, count); }, "exp");
  compare([&](const KernelTable& t, float* out) { t.gelu(out, count); }, "gelu");
  compare([&](const KernelTable& t, float* out) { t.add(out, y.data(), count); }, "add");
  compare([&](const KernelTable& t, float* out) { t.swiglu(out, y.data(), count); }, "swiglu");
  compare([&](const KernelTable& t, float* out) { t.rotate_pairs(out, y.data(), count / 2); },
          "rotate_pairs");
  Require(table.all_finite(x.data(), count) == Scalar().all_finite(x.data(), count), "all_finite");
}

void Norms(const KernelTable& table, Input input) {
  const uint32_t rows = 1 + input.Below(4);
  const uint32_t width = 1 + input.Below(90);
  const std::vector<float> x = input.Values(size_t{rows} * width, false);
  const std::vector<float> gain = input.Values(width, false);
  const std::vector<float> bias = input.Values(width, false);
  std::vector<float> expected(x.size());
  std::vector<float> actual(x.size());
  Scalar().layer_norm(x.data(), gain.data(), bias.data(), 1e-5f, rows, width, expected.data());
  table.layer_norm(x.data(), gain.data(), bias.data(), 1e-5f, rows, width, actual.data());
  RequireSame(expected, actual, "layer_norm");
  Scalar().rms_norm(x.data(), gain.data(), 1e-5f, rows, width, expected.data());
  table.rms_norm(x.data(), gain.data(), 1e-5f, rows, width, actual.data());
  RequireSame(expected, actual, "rms_norm");
}

void Matmul(const KernelTable& table, Input input) {
  const DType type = input.Below(2) == 0 ? DType::kQ8_0 : DType::kQ4_0;
  const uint32_t tokens = 1 + input.Below(9);
  const uint32_t inputs = kBlock * (1 + input.Below(4));
  const uint32_t outputs = 1 + input.Below(40);
  const test::Matrix matrix = test::RandomMatrix(type, outputs, inputs, input.Seed());
  const std::vector<float> x = input.Values(size_t{tokens} * inputs, false);
  const std::vector<float> bias = input.Values(outputs, false);
  const auto multiply = [&](const KernelTable& t) {
    const test::Packed packed(t, matrix);
    test::Activations activations(tokens, inputs);
    activations.Quantize(t, x);
    std::vector<float> y(size_t{tokens} * outputs + inputs);
    t.matmul(activations.get(), packed.matrix(), bias.data(), 0, packed.matrix().panels(), y.data(),
             outputs);
    t.unpack_row(packed.matrix(), outputs - 1, y.data() + size_t{tokens} * outputs);
    return y;
  };
  RequireSame(multiply(Scalar()), multiply(table), "matmul and unpack_row");
}

void Attention(const KernelTable& table, Input input) {
  AttentionShape shape;
  shape.n_kv_heads = 1 + input.Below(3);
  shape.n_heads = shape.n_kv_heads * (1 + input.Below(3));
  shape.head_size = 1 + input.Below(40);
  const uint32_t rows = 1 + input.Below(20);
  shape.context = rows + input.Below(5);
  const uint32_t first = input.Below(rows);
  const std::vector<float> qkv = input.Values(rows * shape.qkv_width(), false);
  const auto attend = [&](const KernelTable& t) {
    const uint64_t floats = KvCacheFloats(shape.n_kv_heads, shape.head_size, shape.context);
    std::vector<float> k(floats), v(floats), out(rows * shape.width());
    std::vector<float> memory(AttentionScratchFloats(shape.context) + 16);
    float* scores = memory.data();
    while (reinterpret_cast<uintptr_t>(scores) % 64 != 0) ++scores;
    // A first step up to row `first`, then the rest.
    for (const auto& [begin, end] : {std::pair{0u, first}, std::pair{first, rows}}) {
      AttentionShape step = shape;
      step.first_position = begin;
      step.queries = end - begin;
      if (step.queries == 0) continue;
      const float* in = qkv.data() + begin * shape.qkv_width();
      t.store_kv(step, in, 0, shape.n_kv_heads, k.data(), v.data());
      t.attention(step, in, k.data(), v.data(), 0, shape.n_heads, scores,
                  out.data() + begin * shape.width());
    }
    return out;
  };
  RequireSame(attend(Scalar()), attend(table), "attention");
}

}  // namespace
}  // namespace parley

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  constexpr void (*kOperations[])(const parley::KernelTable&, parley::Input) = {
      parley::Elements, parley::Norms, parley::Matmul, parley::Attention};
  for (const parley::KernelTable* table : parley::AllKernels().subspan(1)) {
    kOperations[data[0] % std::size(kOperations)](*table, {data + 1, size - 1});
  }
  return 0;
}
