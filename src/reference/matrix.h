// The operations that the reference models share, over row-major f32 matrices: one row a token.
#pragma once

#include <Eigen/Core>
#include <cmath>
#include <cstdint>

#include "base/buffer.h"
#include "reference/weights.h"

namespace parley::reference {

using Matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using MatrixView = Eigen::Map<Matrix>;
using ConstMatrixView = Eigen::Map<const Matrix>;
using ConstRowView = Eigen::Map<const Eigen::RowVectorXf>;

inline ConstRowView Row(const Buffer<float>& values) {
  return {values.data(), static_cast<Eigen::Index>(values.size())};
}

// y = x W^T + b, without b where there is none
inline Matrix Apply(const Linear& linear, const Matrix& x) {
  const ConstMatrixView weight(linear.weight.data(), linear.outputs, linear.inputs);
  Matrix y = x * weight.transpose();
  if (!linear.bias.empty()) y.rowwise() += Row(linear.bias);
  return y;
}

// Causal attention of one head. Row i of the queries is at position first + i and sees keys 0 ...
// first + i.
//   softmax(Q K^T / sqrt(head_size)), times V: attention    (Vaswani et al. 2017, equation 1)
template <typename Queries, typename Keys>
Matrix AttentionWeights(const Queries& queries, const Keys& keys, uint32_t first) {
  Matrix scores = queries * keys.transpose();
  scores /= std::sqrt(static_cast<float>(queries.cols()));
  for (Eigen::Index i = 0; i < scores.rows(); ++i) {
    const Eigen::Index visible = first + i + 1;
    auto seen = scores.row(i).head(visible);
    seen = (seen.array() - seen.maxCoeff()).exp();
    seen /= seen.sum();
    scores.row(i).tail(scores.cols() - visible).setZero();
  }
  return scores;
}

}  // namespace parley::reference
