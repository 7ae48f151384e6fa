// Llama's layers, formula by formula.
#include "reference/llama.h"

#include <cmath>

namespace parley::reference {

// The positions turn queries and keys instead.
void Llama::AddPositions(Matrix* /*x*/) const {}

// y = x / sqrt(mean of x^2 + epsilon) * gain, row by row (Zhang & Sennrich 2019)
Matrix Llama::Normalize(const Matrix& x, const Norm& norm) const {
  Matrix y(x.rows(), x.cols());
  for (Eigen::Index i = 0; i < x.rows(); ++i) {
    const float mean_square = x.row(i).squaredNorm() / static_cast<float>(x.cols());
    y.row(i) =
        (x.row(i) / std::sqrt(mean_square + config_.norm_epsilon)).cwiseProduct(Row(norm.gain));
  }
  return y;
}

// RoPE (Su et al. 2021, equation 34): the pair of dimensions 2i and 2i + 1 as a complex number,
// times e^(i m theta_i) at position m, with theta_i = base^(-2i / d), divided by the pair's factor
// where a model is stretched beyond the context it was trained for (Llama 3.1 and later).
Matrix Llama::Rotate(Matrix x) const {
  const auto head_size = static_cast<Eigen::Index>(config_.head_size());
  for (Eigen::Index row = 0; row < x.rows(); ++row) {
    for (Eigen::Index column = 0; column < x.cols(); column += 2) {
      const double exponent =
          -static_cast<double>(column % head_size) / static_cast<double>(head_size);
      const Buffer<float>& factors = weights_.rope_factors;
      const auto pair = static_cast<size_t>(column % head_size / 2);
      const double factor = factors.empty() ? 1 : static_cast<double>(factors[pair]);
      const double angle = (static_cast<double>(length()) + static_cast<double>(row)) *
                           std::pow(config_.rope_base, exponent) / factor;
      const double even = x(row, column);
      const double odd = x(row, column + 1);
      x(row, column) = static_cast<float>(even * std::cos(angle) - odd * std::sin(angle));
      x(row, column + 1) = static_cast<float>(even * std::sin(angle) + odd * std::cos(angle));
    }
  }
  return x;
}

void Llama::AddLayer(const Layer& layer, Cache cache, Matrix* x) const {
  const Matrix to_attention = Normalize(*x, layer.attention_norm);
  *x += Apply(layer.attention_output, Attend(Rotate(Apply(layer.query, to_attention)),
                                             Rotate(Apply(layer.key, to_attention)),
                                             Apply(layer.value, to_attention), cache));

  // W_down (silu(W_gate h) * W_up h), silu(g) = g / (1 + e^-g) (Shazeer 2020)
  const Matrix to_mlp = Normalize(*x, layer.mlp_norm);
  const Matrix gate =
      Apply(layer.mlp_gate, to_mlp).unaryExpr([](float g) { return g / (1 + std::exp(-g)); });
  *x += Apply(layer.mlp_down, gate.cwiseProduct(Apply(layer.mlp_up, to_mlp)));
}

}  // namespace parley::reference
