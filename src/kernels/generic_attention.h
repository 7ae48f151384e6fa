// Causal attention over the cached keys and values of one layer, once for every Simd type; and
// storing into the cache.
//
//   Attention(Q, K, V) = softmax(Q K^T / sqrt(d)) V        (Vaswani et al. 2017, equation 1), a
//   head at a time. Several heads of Q may share one of K and V (Ainslie et al. 2023).
//
// Layouts, with R the context rounded up to a multiple of 4:
//   k_cache  [key heads][R / 4][d][4 rows]   four rows' values of one dimension make a vector
//   v_cache  [key heads][R][d]
//   scores   [kQueryTile][R]
//
// A row's bits depend on that row and the rows before it alone, however many queries come in one
// call:
//   score[r] = (sum over the dimensions, ascending, of q[i] * k[r][i]) * (1 / sqrt(d))
//   weight[r] = Exp(score[r] - largest score), their sum in the lane order of generic_rows.h
//   out[i] = (sum over rows r, ascending, of weight[r] * v[r][i]) * (1 / sum of weights)
// Keys of rows after the query's are loaded where they share a vector with earlier ones, and their
// scores dropped.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>

#include "kernels/generic_rows.h"
#include "kernels/kernels.h"
#include "kernels/unroll.h"

namespace parley {
namespace {

constexpr uint32_t kQueryTile = 4;  // queries that share a pass over the cache
constexpr uint32_t kRowGroup = 4;   // cache rows in a vector

constexpr size_t PaddedRows(size_t rows) { return (rows + kRowGroup - 1) / kRowGroup * kRowGroup; }

// q . k for kQueries rows q (`q_stride` floats apart) and kGroups groups of four cache rows.
template <typename S, int kQueries, int kGroups>
inline void ScoreTile(const float* q, size_t q_stride, const float* k, uint32_t head_size,
                      float scale, float* scores, size_t scores_stride) {
  typename S::F acc[kQueries][kGroups];
  PARLEY_UNROLL
  for (int i = 0; i < kQueries; ++i) {
    PARLEY_UNROLL
    for (int g = 0; g < kGroups; ++g) acc[i][g] = S::Splat(0.0f);
  }
  const size_t group_stride = size_t{head_size} * kRowGroup;
  PARLEY_NO_UNROLL
  for (uint32_t d = 0; d < head_size; ++d) {
    typename S::F keys[kGroups];
    PARLEY_UNROLL
    for (int g = 0; g < kGroups; ++g) keys[g] = S::Load(k + g * group_stride + d * kRowGroup);
    PARLEY_UNROLL
    for (int i = 0; i < kQueries; ++i) {
      const auto query = S::Splat(q[i * q_stride + d]);
      PARLEY_UNROLL
      for (int g = 0; g < kGroups; ++g) acc[i][g] = S::Add(acc[i][g], S::Mul(query, keys[g]));
    }
  }
  PARLEY_UNROLL
  for (int i = 0; i < kQueries; ++i) {
    PARLEY_UNROLL
    for (int g = 0; g < kGroups; ++g) {
      S::Store(scores + i * scores_stride + g * kRowGroup, S::Mul(acc[i][g], S::Splat(scale)));
    }
  }
}

// Scores of kQueries queries against the first `groups` groups of rows.
template <typename S, int kQueries>
[[gnu::noinline]] void Scores(const float* q, size_t q_stride, const float* k, uint32_t head_size,
                              uint32_t groups, float* scores, size_t scores_stride) {
  constexpr int kGroups = kQueries == 1 ? 8 : 2;
  const float scale = 1.0f / std::sqrt(static_cast<float>(head_size));
  const size_t group_stride = size_t{head_size} * kRowGroup;
  uint32_t g = 0;
  for (; g + kGroups <= groups; g += kGroups) {
    ScoreTile<S, kQueries, kGroups>(q, q_stride, k + g * group_stride, head_size, scale,
                                    scores + g * kRowGroup, scores_stride);
  }
  for (; g < groups; ++g) {
    ScoreTile<S, kQueries, 1>(q, q_stride, k + g * group_stride, head_size, scale,
                              scores + g * kRowGroup, scores_stride);
  }
}

// Turns `rows` scores into weights (not yet divided by their sum) and returns 1 / sum. Scores have
// room for a multiple of four; those past `rows` become weight 0.
template <typename S>
[[gnu::noinline]] float Softmax(float* scores, uint32_t rows) {
  const size_t padded = PaddedRows(rows);
  for (size_t r = rows; r < padded; ++r) scores[r] = -std::numeric_limits<float>::infinity();
  auto largest = S::Splat(-std::numeric_limits<float>::infinity());
  for (size_t r = 0; r < padded; r += 4) largest = S::AtLeast(largest, S::Load(scores + r));
  float lanes[4];
  S::Store(lanes, largest);
  for (int lane = 1; lane < 4; ++lane) lanes[0] = lanes[0] < lanes[lane] ? lanes[lane] : lanes[0];
  largest = S::Splat(lanes[0]);
  auto sum = S::Splat(0.0f);
  for (size_t r = 0; r < padded; r += 4) {
    const auto weight = VectorExp<S>(S::Sub(S::Load(scores + r), largest));
    S::Store(scores + r, weight);
    sum = S::Add(sum, weight);
  }
  S::Store(lanes, sum);
  return 1.0f / ((lanes[0] + lanes[1]) + (lanes[2] + lanes[3]));
}

// out[i] += sum over rows [begin, end) of weight[i][r] * v[r], for kVectors * 4 dimensions.
template <typename S, int kQueries, int kVectors>
inline void AddValuesTile(const float* weights, size_t weights_stride, const float* v,
                          uint32_t head_size, uint32_t begin, uint32_t end, float* out,
                          size_t out_stride) {
  typename S::F acc[kQueries][kVectors];
  PARLEY_UNROLL
  for (int i = 0; i < kQueries; ++i) {
    PARLEY_UNROLL
    for (int j = 0; j < kVectors; ++j) acc[i][j] = S::Load(out + i * out_stride + j * 4);
  }
  PARLEY_NO_UNROLL
  for (uint32_t r = begin; r < end; ++r) {
    const float* row = v + size_t{r} * head_size;
    typename S::F values[kVectors];
    PARLEY_UNROLL
    for (int j = 0; j < kVectors; ++j) values[j] = S::Load(row + j * 4);
    PARLEY_UNROLL
    for (int i = 0; i < kQueries; ++i) {
      const auto weight = S::Splat(weights[i * weights_stride + r]);
      PARLEY_UNROLL
      for (int j = 0; j < kVectors; ++j) acc[i][j] = S::Add(acc[i][j], S::Mul(weight, values[j]));
    }
  }
  PARLEY_UNROLL
  for (int i = 0; i < kQueries; ++i) {
    PARLEY_UNROLL
    for (int j = 0; j < kVectors; ++j) S::Store(out + i * out_stride + j * 4, acc[i][j]);
  }
}

template <typename S, int kQueries>
[[gnu::noinline]] void AddValues(const float* weights, size_t weights_stride, const float* v,
                                 uint32_t head_size, uint32_t begin, uint32_t end, float* out,
                                 size_t out_stride) {
  constexpr uint32_t kVectors = kQueries == 1 ? 8 : 2;
  uint32_t d = 0;
  for (; d + kVectors * 4 <= head_size; d += kVectors * 4) {
    AddValuesTile<S, kQueries, kVectors>(weights, weights_stride, v + d, head_size, begin, end,
                                         out + d, out_stride);
  }
  for (; d + 4 <= head_size; d += 4) {
    AddValuesTile<S, kQueries, 1>(weights, weights_stride, v + d, head_size, begin, end, out + d,
                                  out_stride);
  }
  for (; d < head_size; ++d) {
    for (int i = 0; i < kQueries; ++i) {
      float sum = out[i * out_stride + d];
      for (uint32_t r = begin; r < end; ++r)
        sum += weights[i * weights_stride + r] * v[size_t{r} * head_size + d];
      out[i * out_stride + d] = sum;
    }
  }
}

// One head of kQueries consecutive queries, the first of which sees `rows` cache rows, the next one
// more, and so on. q and out point at the head in the first query's row.
template <typename S, int kQueries>
inline void AttendHead(const float* q, size_t q_stride, const float* k, const float* v,
                       uint32_t head_size, uint32_t rows, float* scores, size_t scores_stride,
                       float* out, size_t out_stride) {
  const uint32_t last_rows = rows + kQueries - 1;
  Scores<S, kQueries>(q, q_stride, k, head_size,
                      static_cast<uint32_t>(PaddedRows(last_rows) / kRowGroup), scores,
                      scores_stride);
  float inverse[kQueries];
  for (int i = 0; i < kQueries; ++i) {
    inverse[i] = Softmax<S>(scores + i * scores_stride, rows + i);
    std::memset(out + i * out_stride, 0, head_size * sizeof(float));
  }
  AddValues<S, kQueries>(scores, scores_stride, v, head_size, 0, rows, out, out_stride);
  for (int i = 0; i < kQueries; ++i) {
    float* row = out + i * out_stride;
    if (i > 0) AddValues<S, 1>(scores + i * scores_stride, 0, v, head_size, rows, rows + i, row, 0);
    const auto factor = S::Splat(inverse[i]);
    Map<S>(row, head_size, [factor](auto x) { return S::Mul(x, factor); });
  }
}

template <typename S>
void Attention(const AttentionShape& shape, const float* qkv, const float* k_cache,
               const float* v_cache, uint32_t head_begin, uint32_t head_end, float* scores,
               float* out) {
  const size_t width = shape.width();
  const size_t qkv_width = shape.qkv_width();
  const size_t padded = PaddedRows(shape.context);
  const size_t head_floats = padded * shape.head_size;
  const uint32_t group = shape.n_heads / shape.n_kv_heads;  // heads that share keys and values
  for (uint32_t head = head_begin; head < head_end; ++head) {
    const size_t offset = size_t{head} * shape.head_size;
    const float* k = k_cache + head / group * head_floats;
    const float* v = v_cache + head / group * head_floats;
    for (uint32_t i = 0; i < shape.queries;) {
      const float* q = qkv + i * qkv_width + offset;
      const uint32_t rows = shape.first_position + i + 1;
      float* o = out + i * width + offset;
      if (shape.queries - i >= kQueryTile) {
        AttendHead<S, kQueryTile>(q, qkv_width, k, v, shape.head_size, rows, scores, padded, o,
                                  width);
        i += kQueryTile;
      } else {
        AttendHead<S, 1>(q, qkv_width, k, v, shape.head_size, rows, scores, padded, o, width);
        ++i;
      }
    }
  }
}

template <typename S>
void AttentionWeights(const AttentionShape& shape, const float* qkv, const float* k_cache,
                      uint32_t head_begin, uint32_t head_end, float* scores, float* weights) {
  const size_t padded = PaddedRows(shape.context);
  const uint32_t rows = shape.first_position + shape.queries;
  const float* last = qkv + (shape.queries - 1) * shape.qkv_width();
  const uint32_t group = shape.n_heads / shape.n_kv_heads;
  for (uint32_t head = head_begin; head < head_end; ++head) {
    Scores<S, 1>(last + size_t{head} * shape.head_size, 0,
                 k_cache + head / group * padded * shape.head_size, shape.head_size,
                 static_cast<uint32_t>(PaddedRows(rows) / kRowGroup), scores, padded);
    const float inverse = Softmax<S>(scores, rows);
    for (uint32_t r = 0; r < rows; ++r) weights[size_t{head} * rows + r] = scores[r] * inverse;
  }
}

inline void StoreKv(const AttentionShape& shape, const float* qkv, uint32_t head_begin,
                    uint32_t head_end, float* k_cache, float* v_cache) {
  const size_t padded = PaddedRows(shape.context);
  for (uint32_t head = head_begin; head < head_end; ++head) {
    const size_t offset = size_t{head} * shape.head_size;
    for (uint32_t i = 0; i < shape.queries; ++i) {
      const size_t row = size_t{shape.first_position} + i;
      const float* k = qkv + i * shape.qkv_width() + shape.width() + offset;
      float* group = k_cache + offset * padded + row / kRowGroup * kRowGroup * shape.head_size +
                     row % kRowGroup;
      for (uint32_t d = 0; d < shape.head_size; ++d) group[d * kRowGroup] = k[d];
      std::memcpy(v_cache + (offset * padded + row * shape.head_size), k + shape.kv_width(),
                  shape.head_size * sizeof(float));
    }
  }
}

}  // namespace
}  // namespace parley
