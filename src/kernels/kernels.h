// The table of kernels: whole operations over row ranges, one table a build and instruction set.
// Everything that is computed for a token is here; model/ only arranges calls. All tables give the
// same bits (law 2 in docs/ARCHITECTURE.md).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "kernels/dtype.h"

namespace parley {

inline constexpr uint32_t kBlock = 32;  // values that share a scale, in weights and activations
inline constexpr uint32_t kPanelColumns = 8;  // output features interleaved in one panel

// A weight matrix [outputs, inputs] repacked into panels of 8 outputs (blocks.h gives the layout).
// Type kQ8_0 or kQ4_0. `inputs` is a multiple of 32; outputs are padded with zero rows to a
// multiple of 8.
struct PackedMatrix {
  DType type = DType::kQ8_0;
  uint32_t outputs = 0;
  uint32_t inputs = 0;
  const uint8_t* data = nullptr;  // PackedBytes(type, outputs, inputs) bytes, 64-byte aligned
  uint32_t panels() const { return (outputs + kPanelColumns - 1) / kPanelColumns; }
};
uint64_t PackedBytes(DType type, uint64_t outputs, uint64_t inputs);
// Repacks one panel: `rows` (1 to 8) consecutive rows of ggml blocks -> the panel's bytes. The
// layout depends on the dot mode that the probe chose, hence a table function as well
// (KernelTable::pack_panel); a matrix is read by the table that packed it.

// Activations as the matmuls read them: codes with one scale a token and block, and the sums of the
// codes. Which of the two forms of the codes a table writes and reads is its own affair.
struct QuantizedActivations {
  uint32_t tokens = 0;
  uint32_t width = 0;             // multiple of 32
  int8_t* codes = nullptr;        // [tokens, width], -127 to 127
  int16_t* wide_codes = nullptr;  // [tokens, width], the same values
  float* scales = nullptr;        // [tokens, width / 32]
  int32_t* sums = nullptr;        // [tokens, width / 32]: sum of the block's codes
};
// Bytes that BindActivations needs for `tokens` rows of `width` values (a multiple of 32).
uint64_t ActivationBytes(uint64_t tokens, uint64_t width);
// Lays the arrays out in `memory`, which is 64-byte aligned and has ActivationBytes(tokens, width)
// bytes. Rebinding with fewer tokens or a smaller width is cheap and keeps nothing.
QuantizedActivations BindActivations(uint8_t* memory, uint32_t tokens, uint32_t width);

// Shapes of one attention call: `queries` new rows at positions first_position... over a cache of
// one layer. A row of qkv holds n_heads queries, then n_kv_heads keys, then n_kv_heads values.
struct AttentionShape {
  uint32_t n_heads = 0;     // of queries; a multiple of n_kv_heads
  uint32_t n_kv_heads = 0;  // of keys and values: head h reads h / (n_heads / n_kv_heads)
  uint32_t head_size = 0;
  uint32_t context = 0;  // rows the cache has room for (strides)
  uint32_t first_position =
      0;  // position of query row 0; row i sees positions 0 ... first_position + i
  uint32_t queries = 0;

  size_t width() const { return size_t{n_heads} * head_size; }
  size_t kv_width() const { return size_t{n_kv_heads} * head_size; }
  size_t qkv_width() const { return width() + 2 * kv_width(); }
};
// Floats that one layer's k_cache, and likewise its v_cache, holds: context rounded up to a
// multiple of four rows.
uint64_t KvCacheFloats(uint64_t n_kv_heads, uint64_t head_size, uint64_t context);
// Floats of scratch that one thread's call of `attention` needs.
uint64_t AttentionScratchFloats(uint64_t context);

struct KernelTable {
  const char* name;  // "scalar", "sse41", "avx2", "avx_vnni", "wasm_simd128", "wasm_relaxed"
  const char* dot;   // how products are summed, for people: "u8 x s8", "s8 x s8", "s16 pairs", ...

  void (*pack_panel)(DType type, const uint8_t* rows, uint32_t n_rows, uint32_t inputs,
                     uint8_t* panel);
  // One row of a packed matrix as f32: the embedding of a token from the tied head. out: [inputs]
  void (*unpack_row)(const PackedMatrix& matrix, uint32_t row, float* out);

  // x: [tokens, width] f32 -> out (its pointers point at room for [first_token, first_token +
  // tokens))
  void (*quantize_activations)(const float* x, uint32_t first_token, uint32_t tokens,
                               QuantizedActivations* out);

  // y[t, o] = bias[o] + sum_k x[t, k] w[o, k] for outputs of panels [panel_begin, panel_end) and
  // all of x's tokens. y: row stride y_stride floats; bias may be null. GEMM for many tokens, GEMV
  // for few; equal row by row.
  void (*matmul)(const QuantizedActivations& x, const PackedMatrix& w, const float* bias,
                 uint32_t panel_begin, uint32_t panel_end, float* y, size_t y_stride);

  // Layer normalisation (Ba et al. 2016) of each row. x, y: [tokens, width]; gain, bias: [width]
  void (*layer_norm)(const float* x, const float* gain, const float* bias, float epsilon,
                     uint32_t tokens, uint32_t width, float* y);
  // Root mean square normalisation (Zhang & Sennrich 2019) of each row. x, y: [tokens, width];
  // gain: [width]
  void (*rms_norm)(const float* x, const float* gain, float epsilon, uint32_t tokens,
                   uint32_t width, float* y);
  void (*gelu)(float* x, size_t count);  // gelu_new, in place (Hendrycks & Gimpel 2016, tanh form)
  void (*add)(float* x, const float* y, size_t count);  // x += y
  // up = gate / (1 + exp(-gate)) * up (SwiGLU, Shazeer 2020)
  void (*swiglu)(float* up, const float* gate, size_t count);
  // Turns each pair (x[2i], x[2i + 1]) by its angle (RoPE, Su et al. 2021); turns: cosine and sine
  // of each pair.
  void (*rotate_pairs)(float* x, const float* turns, size_t pairs);

  // Stores k and v rows of key heads [head_begin, head_end) into one layer's cache; qkv: [queries,
  // qkv_width].
  void (*store_kv)(const AttentionShape& shape, const float* qkv, uint32_t head_begin,
                   uint32_t head_end, float* k_cache, float* v_cache);
  // Causal attention for query heads [head_begin, head_end): out[i, head] = softmax(q k^T /
  // sqrt(head_size)) v, reading k and v from the cache only. out: [queries, width]; scores:
  // AttentionScratchFloats(context) floats of this thread, 64-byte aligned.
  void (*attention)(const AttentionShape& shape, const float* qkv, const float* k_cache,
                    const float* v_cache, uint32_t head_begin, uint32_t head_end, float* scores,
                    float* out);

  // For whoever wants to see them: the weights that `attention` gives the rows before and at its
  // last query, softmax(q k^T / sqrt(head_size)). weights: [n_heads, first_position + queries]
  void (*attention_weights)(const AttentionShape& shape, const float* qkv, const float* k_cache,
                            uint32_t head_begin, uint32_t head_end, float* scores, float* weights);

  void (*exp)(float* x, size_t count);  // x = Exp(x) (base/math.h) in vectors, the same bits
  bool (*all_finite)(const float* x, size_t count);
};

// The best table that this processor and build have, probed once (first call). Every table in
// AllKernels() runs here.
const KernelTable& Kernels();
// Probes again. False: the processor's dot product no longer does what Kernels() was chosen for, as
// a browser whose optimised code differs might show after warming up; then load a build without
// relaxed SIMD.
bool KernelsStillHold();
std::span<const KernelTable* const> AllKernels();

}  // namespace parley
