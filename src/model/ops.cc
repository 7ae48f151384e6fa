// What a thread does of each operation: rows where a row is normalised or quantized, panels of
// outputs in a matmul, and after it the columns that these gave.
#include "model/ops.h"

namespace parley {

QuantizedActivations ThreadOps::NormAndQuantize(const float* x, const float* gain,
                                                const float* bias, float epsilon, uint32_t rows,
                                                uint32_t width) const {
  const Part part = PartOf(rows);
  const size_t begin = size_t{part.range.begin} * width;
  if (part.range.begin < part.range.end) {
    kernels_.layer_norm(x + begin, gain, bias, epsilon, part.range.end - part.range.begin, width,
                        part.rows.normed + begin);
  }
  return QuantizePart(part, part.rows.normed, rows, width);
}

QuantizedActivations ThreadOps::RmsNormAndQuantize(const float* x, const float* gain, float epsilon,
                                                   uint32_t rows, uint32_t width) const {
  const Part part = PartOf(rows);
  const size_t begin = size_t{part.range.begin} * width;
  if (part.range.begin < part.range.end) {
    kernels_.rms_norm(x + begin, gain, epsilon, part.range.end - part.range.begin, width,
                      part.rows.normed + begin);
  }
  return QuantizePart(part, part.rows.normed, rows, width);
}

QuantizedActivations ThreadOps::Quantize(const float* x, uint32_t rows, uint32_t width) const {
  return QuantizePart(PartOf(rows), x, rows, width);
}

QuantizedActivations ThreadOps::QuantizePart(const Part& part, const float* x, uint32_t rows,
                                             uint32_t width) const {
  QuantizedActivations out = BindActivations(part.rows.codes, rows, width);
  if (part.range.begin < part.range.end) {
    const float* mine = x + size_t{part.range.begin} * width;
    kernels_.quantize_activations(mine, part.range.begin, part.range.end - part.range.begin, &out);
  }
  if (part.shared) Meet();
  return out;
}

Range ThreadOps::Linear(const QuantizedActivations& x, const PackedMatrix& w, const float* bias,
                        float* y, size_t stride) const {
  const Range panels = Mine(w.panels());
  if (panels.begin < panels.end) {
    kernels_.matmul(x, w, bias, panels.begin, panels.end, y, stride == 0 ? w.outputs : stride);
  }
  return {std::min(panels.begin * kPanelColumns, w.outputs),
          std::min(panels.end * kPanelColumns, w.outputs)};
}

void ThreadOps::Gelu(float* y, uint32_t rows, uint32_t width, Range columns) const {
  for (uint32_t row = 0; row < rows; ++row) {
    kernels_.gelu(y + size_t{row} * width + columns.begin, columns.end - columns.begin);
  }
}

void ThreadOps::SwiGlu(float* y, const float* gate, uint32_t rows, uint32_t width,
                       Range columns) const {
  for (uint32_t row = 0; row < rows; ++row) {
    const size_t at = size_t{row} * width + columns.begin;
    kernels_.swiglu(y + at, gate + at, columns.end - columns.begin);
  }
}

void ThreadOps::Add(float* x, const float* y, uint32_t rows, uint32_t width, Range columns) const {
  for (uint32_t row = 0; row < rows; ++row) {
    const size_t at = size_t{row} * width + columns.begin;
    kernels_.add(x + at, y + at, columns.end - columns.begin);
  }
}

bool ThreadOps::AllFinite(const float* x, uint32_t rows, size_t width, Range columns) const {
  for (uint32_t row = 0; row < rows; ++row) {
    if (!kernels_.all_finite(x + row * width + columns.begin, columns.end - columns.begin))
      return false;
  }
  return true;
}

}  // namespace parley
