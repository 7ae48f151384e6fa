// GPT-2's layers, formula by formula.
#include "reference/gpt2.h"

#include <cmath>

namespace parley::reference {
namespace {

// 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) (Hendrycks & Gimpel 2016, as GPT-2 has it)
float Gelu(float x) {
  constexpr float kSqrt2OverPi = 0.7978845608028654f;
  return 0.5f * x * (1 + std::tanh(kSqrt2OverPi * (x + 0.044715f * x * x * x)));
}

}  // namespace

void Gpt2::AddPositions(Matrix* x) const {
  const ConstMatrixView positions(weights_.position_embedding.data(), config_.context_length,
                                  config_.width);
  *x += positions.middleRows(length(), x->rows());
}

// y = (x - mean) / sqrt(variance + epsilon) * gain + bias, row by row (Ba et al. 2016)
Matrix Gpt2::Normalize(const Matrix& x, const Norm& norm) const {
  Matrix y(x.rows(), x.cols());
  for (Eigen::Index i = 0; i < x.rows(); ++i) {
    const Eigen::RowVectorXf centered = x.row(i).array() - x.row(i).mean();
    const float variance = centered.squaredNorm() / static_cast<float>(x.cols());
    y.row(i) =
        (centered / std::sqrt(variance + config_.norm_epsilon)).cwiseProduct(Row(norm.gain)) +
        Row(norm.bias);
  }
  return y;
}

void Gpt2::AddLayer(const Layer& layer, Cache cache, Matrix* x) const {
  const auto width = static_cast<Eigen::Index>(config_.width);
  const Matrix qkv = Apply(layer.qkv, Normalize(*x, layer.attention_norm));
  *x += Apply(layer.attention_output, Attend(qkv.leftCols(width), qkv.middleCols(width, width),
                                             qkv.rightCols(width), cache));
  *x += Apply(layer.mlp_down, Apply(layer.mlp_up, Normalize(*x, layer.mlp_norm)).unaryExpr(&Gelu));
}

}  // namespace parley::reference
