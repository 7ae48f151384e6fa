// Matrix products over quantized weights and activations, and the packing that they read, once for
// every Simd type. Instructions are in simd_*.h; rows that are not products in generic_rows.h.
//
// Every build computes the same bits: with isum the exact integer sum of code products of one
// block,
//   y[t, o] = bias[o];  then for each block b, ascending:  y = y + float(isum) * (w_scale[o, b] *
//   x_scale[t, b]).
// |isum| <= 32 * 128 * 127 < 2^24, so float(isum) is exact as well.
//
// A Simd type S has S::Columns, lanes over a panel's columns (8 or 4), and two weight policies,
// S::Q8 and S::Q4. A policy says how a chunk of a panel's codes becomes vectors of weights
// (LoadWeights), what the integer accumulators start from (Start: codes are stored with kBias
// added, which costs kBias times the sum of the activations' codes), and how one step is summed
// into them (Dot, Finish).
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "base/half.h"
#include "base/result.h"
#include "kernels/blocks.h"
#include "kernels/kernels.h"
#include "kernels/unroll.h"

namespace parley {
namespace {

template <typename S, DType kType>
using WeightPolicy = std::conditional_t<kType == DType::kQ8_0, typename S::Q8, typename S::Q4>;

// As many f16 scales as S has lanes, as f32: the 15 low bits moved to where f32 has them, then the
// exponent's bias corrected by a multiplication, which is exact for subnormals as well. Finite
// scales only; files with others are refused.
template <typename S>
inline typename S::F LoadScales(const uint8_t* p) {
  constexpr int32_t kSignAndMagnitude = std::bit_cast<int32_t>(0x8fffe000u);
  constexpr int32_t kTwoTo112 = std::bit_cast<int32_t>(0x1p112f);
  const auto shifted = S::template ShiftLeft<13>(S::LoadSigned16(p));
  const auto bits = S::And(shifted, S::template Constant<kSignAndMagnitude>());
  return S::Mul(S::AsFloat(bits), S::AsFloat(S::template Constant<kTwoTo112>()));
}

// What a tile of kTokens rows and one panel reads and writes.
template <typename Code>
struct TileArgs {
  const Code* codes;    // first row; rows are `width` apart
  const float* scales;  // first row; rows are `blocks` apart
  const int32_t* sums;  // likewise
  size_t width;
  size_t blocks;
  const uint8_t* panel;
  float* y;  // [kTokens, 8], read and written
};

// Adds the products of one panel block to `totals` [kTokens, 8].
template <typename S, DType kType, int kTokens, typename Code>
[[gnu::always_inline]] inline void TileBlock(const TileArgs<Code>& args, size_t block,
                                             float* totals) {
  using Policy = WeightPolicy<S, kType>;
  using Columns = typename S::Columns;
  constexpr int kChunks = CodeBytes(kType) / Policy::kChunkBytes;
  constexpr int kUnroll =
      kTokens == 1 ? 2 : 1;  // a single row leaves registers for two chunks; more would spill
  constexpr int kVectors = kPanelColumns / Columns::kLanes;

  typename Policy::Acc acc[kTokens][kVectors];
  PARLEY_UNROLL
  for (int t = 0; t < kTokens; ++t) {
    const auto start = Policy::Start(args.sums[t * args.blocks + block]);
    PARLEY_UNROLL
    for (int v = 0; v < kVectors; ++v) acc[t][v] = start;
  }

  const uint8_t* weights = args.panel + block * PanelBlockBytes(kType);
  const Code* codes = args.codes + block * kBlock;
  PARLEY_NO_UNROLL
  for (int chunk = 0; chunk < kChunks; chunk += kUnroll) {
    PARLEY_UNROLL
    for (int u = 0; u < kUnroll; ++u) {
      typename Policy::Weights w[Policy::kStepsPerChunk][kVectors];
      Policy::LoadWeights(weights, w);
      PARLEY_UNROLL
      for (int step = 0; step < Policy::kStepsPerChunk; ++step) {
        PARLEY_UNROLL
        for (int t = 0; t < kTokens; ++t) {
          const auto x = Policy::SplatCodes(codes + t * args.width + step * Policy::kStep);
          PARLEY_UNROLL
          for (int v = 0; v < kVectors; ++v) acc[t][v] = Policy::Dot(acc[t][v], w[step][v], x);
        }
      }
      codes += Policy::kStepsPerChunk * Policy::kStep;
      weights += Policy::kChunkBytes;
    }
  }

  // `weights` has arrived at the scales.
  typename Columns::F w_scales[kVectors];
  PARLEY_UNROLL
  for (int v = 0; v < kVectors; ++v) {
    w_scales[v] = LoadScales<Columns>(weights + v * (kPanelScaleBytes / kVectors));
  }
  PARLEY_UNROLL
  for (int t = 0; t < kTokens; ++t) {
    const size_t row = t * args.blocks + block;
    const auto x_scale = Columns::Splat(args.scales[row]);
    PARLEY_UNROLL
    for (int v = 0; v < kVectors; ++v) {
      float* total = totals + t * kPanelColumns + v * Columns::kLanes;
      const auto sum = Columns::ToFloat(Policy::Finish(acc[t][v], args.sums[row]));
      const auto scales = Columns::Mul(w_scales[v], x_scale);
      Columns::Store(total, Columns::Add(Columns::Load(total), Columns::Mul(sum, scales)));
    }
  }
}

// A small function of its own: browsers compile it well only if it stays small and is called often.
// The totals stay in memory, because the integer accumulators need the registers; a single row's
// totals fit beside them.
template <typename S, DType kType, int kTokens, typename Code>
[[gnu::noinline]] void Tile(const TileArgs<Code>& arguments) {
  const TileArgs<Code> args = arguments;
  if constexpr (kTokens == 1) {
    float totals[kPanelColumns];
    std::memcpy(totals, args.y, sizeof(totals));
    for (size_t block = 0; block < args.blocks; ++block)
      TileBlock<S, kType, kTokens>(args, block, totals);
    std::memcpy(args.y, totals, sizeof(totals));
  } else {
    for (size_t block = 0; block < args.blocks; ++block) {
      TileBlock<S, kType, kTokens>(args, block, args.y);
      PARLEY_FORGET_MEMORY;  // or the compiler would carry the totals from block to block in
                             // registers it has not
    }
  }
}

// Runs Tile<kTokens> for a number of rows known only now, 1 to kTokens.
template <typename S, DType kType, int kTokens, typename Code>
inline void TileOf(uint32_t tokens, const TileArgs<Code>& args) {
  if constexpr (kTokens > 1) {
    if (tokens < kTokens) return TileOf<S, kType, kTokens - 1>(tokens, args);
  }
  Tile<S, kType, kTokens>(args);
}

// Rows of y that one tile computes, with the edge of the matrix taken care of: start from bias,
// keep real columns.
struct TileOutput {
  const float* bias;  // of output 0, or null
  float* y;           // of the tile's first row and output 0
  size_t y_stride;
  uint32_t outputs;

  void Begin(uint32_t tokens, uint32_t first, float* totals) const {
    for (uint32_t c = 0; c < kPanelColumns; ++c) {
      totals[c] = bias != nullptr && first + c < outputs ? bias[first + c] : 0.0f;
    }
    for (uint32_t t = 1; t < tokens; ++t) {
      std::memcpy(totals + t * kPanelColumns, totals, kPanelColumns * sizeof(float));
    }
  }
  void End(uint32_t tokens, uint32_t first, const float* totals) const {
    const uint32_t columns = kPanelColumns < outputs - first ? kPanelColumns : outputs - first;
    for (uint32_t t = 0; t < tokens; ++t) {
      std::memcpy(y + t * y_stride + first, totals + t * kPanelColumns, columns * sizeof(float));
    }
  }
};

// Panels one after the other, so that a decoding thread reads memory as one stream, and within a
// panel tiles of rows, so that the panel stays in the cache.
template <typename S, DType kType>
void MatmulOf(const QuantizedActivations& x, const PackedMatrix& w, const float* bias,
              uint32_t panel_begin, uint32_t panel_end, float* y, size_t y_stride) {
  using Policy = WeightPolicy<S, kType>;
  using Code = typename Policy::Code;
  const Code* codes;
  if constexpr (std::is_same_v<Code, int16_t>) {
    codes = x.wide_codes;
  } else {
    codes = x.codes;
  }
  const size_t blocks = w.inputs / kBlock;
  const size_t panel_bytes = blocks * PanelBlockBytes(kType);
  TileArgs<Code> args = {codes, x.scales, x.sums, w.inputs, blocks, nullptr, nullptr};

  constexpr uint32_t kTileTokens = Policy::kTileTokens;
  alignas(64) float totals[kTileTokens * kPanelColumns];
  args.y = totals;
  for (uint32_t panel = panel_begin; panel < panel_end; ++panel) {
    args.panel = w.data + panel * panel_bytes;
    const uint32_t first = panel * kPanelColumns;
    for (uint32_t t = 0; t < x.tokens;) {
      const uint32_t left = x.tokens - t;
      const uint32_t tiles = (left + kTileTokens - 1) / kTileTokens;
      const uint32_t tokens = (left + tiles - 1) / tiles;  // tiles of nearly equal height
      args.codes = codes + size_t{t} * w.inputs;
      args.scales = x.scales + t * blocks;
      args.sums = x.sums + t * blocks;
      const TileOutput output = {bias, y + t * y_stride, y_stride, w.outputs};
      output.Begin(tokens, first, totals);
      TileOf<S, kType, kTileTokens>(tokens, args);
      output.End(tokens, first, totals);
      t += tokens;
    }
  }
}

template <typename S>
void Matmul(const QuantizedActivations& x, const PackedMatrix& w, const float* bias,
            uint32_t panel_begin, uint32_t panel_end, float* y, size_t y_stride) {
  CHECK(x.width == w.inputs);
  CHECK(panel_end <= w.panels());
  if (w.type == DType::kQ8_0) {
    MatmulOf<S, DType::kQ8_0>(x, w, bias, panel_begin, panel_end, y, y_stride);
  } else {
    MatmulOf<S, DType::kQ4_0>(x, w, bias, panel_begin, panel_end, y, y_stride);
  }
}

// ---- Packing ----

// The codes of one Q8_0 block to their places in a panel block, a step at a time. Adding a bias of
// 128 modulo 256 flips the top bit.
template <uint32_t kStep, uint32_t kBias>
void PackQ8Column(const uint8_t* source, uint32_t column, uint8_t* codes) {
  static_assert(kBias == 0 || kBias == 128);
  using Word = std::conditional_t<kStep == 4, uint32_t, uint16_t>;
  static_assert(sizeof(Word) == kStep);
  for (uint32_t i = 0; i < kBlock; i += kStep) {
    Word word;
    std::memcpy(&word, source + i, kStep);
    word ^= static_cast<Word>(kBias * 0x01010101u);
    std::memcpy(codes + Q8CodeIndex(kStep, column, i), &word, kStep);
  }
}

// Codes of inputs 4 * chunk ... of one Q4_0 block in the order of Q4CodeIndex, a byte each. A
// column that the matrix does not have (null) has codes of weight 0.
template <uint32_t kStep>
uint32_t FourNibbles(const uint8_t* source, uint32_t chunk) {
  if (source == nullptr) return 0x08080808u;
  uint32_t word;
  std::memcpy(&word, source + chunk % 4 * 4, sizeof(word));
  word = (chunk < 4 ? word : word >> 4) & 0x0f0f0f0fu;
  if constexpr (kStep == 2) {  // inputs 0, 2, 1, 3
    word = (word & 0xff0000ffu) | (word >> 8 & 0xff00u) | (word << 8 & 0xff0000u);
  }
  return word;
}

template <typename S, DType kType>
void PackPanelOf(const uint8_t* rows, uint32_t n_rows, uint32_t inputs, uint8_t* panel) {
  using Policy = WeightPolicy<S, kType>;
  constexpr uint32_t kStep = Policy::kStep;
  const uint32_t blocks = inputs / kBlock;
  const size_t row_bytes = size_t{blocks} * GgmlBlockBytes(kType);
  for (uint32_t b = 0; b < blocks; ++b, panel += PanelBlockBytes(kType)) {
    const uint8_t* source[kPanelColumns] = {};  // null: columns that the matrix does not have
    std::memset(panel + CodeBytes(kType), 0, kPanelScaleBytes);
    for (uint32_t column = 0; column < n_rows; ++column) {
      const uint8_t* block = rows + column * row_bytes + b * GgmlBlockBytes(kType);
      source[column] = block + kScaleBytes;
      std::memcpy(panel + CodeBytes(kType) + column * kScaleBytes, block, kScaleBytes);
    }
    if constexpr (kType == DType::kQ8_0) {
      if (n_rows < kPanelColumns) std::memset(panel, Policy::kBias, CodeBytes(kType));
      for (uint32_t column = 0; column < n_rows; ++column) {
        PackQ8Column<kStep, Policy::kBias>(source[column], column, panel);
      }
    } else {
      for (uint32_t chunk = 0; chunk < kBlock / 4; ++chunk) {
        for (uint32_t column = 0; column < 4; ++column) {
          const uint32_t word = FourNibbles<kStep>(source[column], chunk) |
                                FourNibbles<kStep>(source[column + 4], chunk) << 4;
          std::memcpy(panel + chunk * 16 + column * 4, &word, sizeof(word));
        }
      }
    }
  }
}

template <typename S>
void PackPanel(DType type, const uint8_t* rows, uint32_t n_rows, uint32_t inputs, uint8_t* panel) {
  if (type == DType::kQ8_0) {
    PackPanelOf<S, DType::kQ8_0>(rows, n_rows, inputs, panel);
  } else {
    PackPanelOf<S, DType::kQ4_0>(rows, n_rows, inputs, panel);
  }
}

template <typename S, DType kType>
void UnpackRowOf(const PackedMatrix& matrix, uint32_t row, float* out) {
  using Policy = WeightPolicy<S, kType>;
  const uint32_t column = row % kPanelColumns;
  const uint32_t blocks = matrix.inputs / kBlock;
  const uint8_t* panel =
      matrix.data + size_t{row / kPanelColumns} * blocks * PanelBlockBytes(kType);
  for (uint32_t b = 0; b < blocks; ++b, panel += PanelBlockBytes(kType), out += kBlock) {
    uint16_t half;
    std::memcpy(&half, panel + CodeBytes(kType) + column * kScaleBytes, sizeof(half));
    const float scale = F16ToF32(half);
    for (uint32_t i = 0; i < kBlock; ++i) {
      int code;
      if constexpr (kType == DType::kQ8_0) {
        code = static_cast<int8_t>(panel[Q8CodeIndex(Policy::kStep, column, i)] - Policy::kBias);
      } else {
        const NibbleIndex index = Q4CodeIndex(Policy::kStep, column, i);
        code = (panel[index.byte] >> index.shift & 15) - 8;
      }
      out[i] = static_cast<float>(code) * scale;
    }
  }
}

template <typename S>
void UnpackRow(const PackedMatrix& matrix, uint32_t row, float* out) {
  if (matrix.type == DType::kQ8_0) {
    UnpackRowOf<S, DType::kQ8_0>(matrix, row, out);
  } else {
    UnpackRowOf<S, DType::kQ4_0>(matrix, row, out);
  }
}

}  // namespace
}  // namespace parley
