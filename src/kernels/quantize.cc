// The row encoders; dequantize.cc has the decoders. Scalar and portable: a row is converted once in
// a model's life.
#include "kernels/quantize.h"

#include <cmath>
#include <cstring>

#include "base/half.h"
#include "base/result.h"

namespace parley {
namespace {

constexpr uint32_t kBlockValues = 32;  // of Q8_0 and Q4_0
constexpr uint16_t kF16Infinity = 0x7c00;

template <typename T>
void Store(T value, uint8_t* bytes) {
  std::memcpy(bytes, &value, sizeof(T));
}

bool IsFinite(uint16_t half) { return (half & kF16Infinity) != kF16Infinity; }

// 1 / scale; 0 for a block of zeros and for one so small (below 2^-128) that the inverse is
// infinite: its f16 scale is 0 then, and so are its values.
float Inverse(float scale) {
  const float inverse = scale != 0.0f ? 1.0f / scale : 0.0f;
  return std::isfinite(inverse) ? inverse : 0.0f;
}

// Block: f16 scale = max|x| / 127, then 32 signed codes, x / scale rounded half away from zero.
bool EncodeQ8_0(const float* values, uint8_t* block) {
  float largest = 0.0f;
  for (uint32_t i = 0; i < kBlockValues; ++i) largest = std::fmax(largest, std::fabs(values[i]));
  const float scale = largest / 127.0f;
  const float inverse = Inverse(scale);
  const uint16_t half = F32ToF16(scale);
  Store(half, block);
  for (uint32_t i = 0; i < kBlockValues; ++i) {
    block[2 + i] = static_cast<uint8_t>(static_cast<int8_t>(std::round(values[i] * inverse)));
  }
  return IsFinite(half);
}

// One code of Q4_0: x / scale + 8, rounded half up, 0 to 15. Product and sum are rounded each, as
// in ggml's released builds and PyPI's gguf; a build of ggml that fuses the two differs in a few
// blocks of 10,000.
uint8_t Q4_0Code(float value, float inverse) {
  const float shifted = value * inverse + 8.5f;
  return shifted >= 15.0f ? 15 : static_cast<uint8_t>(shifted);
}

// Block: f16 scale = (the x of largest |x|, the first of equals) / -8, then 16 bytes: codes 0 to 15
// in the low halves, codes 16 to 31 in the high ones.
bool EncodeQ4_0(const float* values, uint8_t* block) {
  // The magnitude is kept beside the value: clang 19 for WebAssembly miscompiles the comparison of
  // fabs(values[i]) with fabs(extreme) when it unrolls this loop.
  float extreme = 0.0f;
  float largest = 0.0f;
  for (uint32_t i = 0; i < kBlockValues; ++i) {
    const float magnitude = std::fabs(values[i]);
    if (magnitude > largest) {
      largest = magnitude;
      extreme = values[i];
    }
  }
  const float scale = extreme / -8.0f;
  const float inverse = Inverse(scale);
  const uint16_t half = F32ToF16(scale);
  Store(half, block);
  for (uint32_t i = 0; i < kBlockValues / 2; ++i) {
    const uint8_t low = Q4_0Code(values[i], inverse);
    const uint8_t high = Q4_0Code(values[i + kBlockValues / 2], inverse);
    block[2 + i] = static_cast<uint8_t>(low | high << 4);
  }
  return IsFinite(half);
}

bool EncodeF16(const float* values, uint64_t count, uint8_t* out) {
  bool finite = true;
  for (uint64_t i = 0; i < count; ++i) {
    const uint16_t half = F32ToF16(values[i]);
    finite = finite && IsFinite(half);
    Store(half, out + 2 * i);
  }
  return finite;
}

}  // namespace

uint64_t RowBytes(DType type, uint64_t count) {
  const DTypeTraits* traits = GetDTypeTraits(static_cast<uint32_t>(type));
  CHECK(traits != nullptr && count % traits->block_values == 0);
  return count / traits->block_values * traits->block_bytes;
}

bool CanEncode(DType type) {
  return type == DType::kF32 || type == DType::kF16 || type == DType::kQ8_0 || type == DType::kQ4_0;
}

bool EncodeRow(DType type, const float* values, uint64_t count, uint8_t* out) {
  CHECK(CanEncode(type));
  if (type == DType::kF16) return EncodeF16(values, count, out);
  if (type == DType::kF32) {
    std::memcpy(out, values, static_cast<size_t>(count) * sizeof(float));
    return true;
  }
  const uint64_t block_bytes = RowBytes(type, kBlockValues);
  bool finite = true;
  for (uint64_t i = 0; i < count / kBlockValues; ++i) {
    const float* block = values + i * kBlockValues;
    uint8_t* encoded = out + i * block_bytes;
    finite =
        (type == DType::kQ8_0 ? EncodeQ8_0(block, encoded) : EncodeQ4_0(block, encoded)) && finite;
  }
  return finite;
}

}  // namespace parley
