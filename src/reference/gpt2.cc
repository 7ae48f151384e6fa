// The forward pass, formula by formula, over row-major f32 matrices: one row a token.
#include "reference/gpt2.h"

#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>

namespace parley::reference {
namespace {

using Matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using MatrixView = Eigen::Map<Matrix>;
using ConstMatrixView = Eigen::Map<const Matrix>;
using ConstRowView = Eigen::Map<const Eigen::RowVectorXf>;

ConstRowView Row(const Buffer<float>& values) {
  return {values.data(), static_cast<Eigen::Index>(values.size())};
}

// y = (x - mean) / sqrt(variance + epsilon) * gain + bias, row by row (Ba et al. 2016)
Matrix LayerNorm(const Matrix& x, const Norm& norm, float epsilon) {
  Matrix y(x.rows(), x.cols());
  for (Eigen::Index i = 0; i < x.rows(); ++i) {
    const Eigen::RowVectorXf centered = x.row(i).array() - x.row(i).mean();
    const float variance = centered.squaredNorm() / static_cast<float>(x.cols());
    y.row(i) =
        (centered / std::sqrt(variance + epsilon)).cwiseProduct(Row(norm.gain)) + Row(norm.bias);
  }
  return y;
}

// y = x W^T + b
Matrix Apply(const Linear& linear, const Matrix& x) {
  const ConstMatrixView weight(linear.weight.data(), linear.outputs, linear.inputs);
  Matrix y = x * weight.transpose();
  y.rowwise() += Row(linear.bias);
  return y;
}

// 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) (Hendrycks & Gimpel 2016, as GPT-2 has it)
float Gelu(float x) {
  constexpr float kSqrt2OverPi = 0.7978845608028654f;
  return 0.5f * x * (1 + std::tanh(kSqrt2OverPi * (x + 0.044715f * x * x * x)));
}

// Causal attention of one head. Row i of the queries is at position first + i and sees keys 0 ...
// first + i.
//   softmax(Q K^T / sqrt(head_size)) V    (Vaswani et al. 2017, equation 1)
template <typename Queries, typename Keys, typename Values>
Matrix AttendHead(const Queries& queries, const Keys& keys, const Values& values, uint32_t first) {
  Matrix scores = queries * keys.transpose();
  scores /= std::sqrt(static_cast<float>(queries.cols()));
  for (Eigen::Index i = 0; i < scores.rows(); ++i) {
    const Eigen::Index visible = first + i + 1;
    auto seen = scores.row(i).head(visible);
    seen = (seen.array() - seen.maxCoeff()).exp();
    seen /= seen.sum();
    scores.row(i).tail(scores.cols() - visible).setZero();
  }
  return scores * values;
}

}  // namespace

Result<std::unique_ptr<Gpt2>> Gpt2::Make(const ModelConfig& config, Weights weights,
                                         uint32_t context, uint32_t usable_ids) {
  if (context > config.context_length) {
    return MakeError(Code::kBadArg, "context must be at most the model's " +
                                        std::to_string(config.context_length) + ", not " +
                                        std::to_string(context));
  }
  std::unique_ptr<Gpt2> model(new Gpt2(config, std::move(weights)));
  model->context_ = context == 0 ? config.context_length : context;
  model->usable_ids_ = usable_ids == 0 ? config.vocab_size : usable_ids;
  const uint64_t cache = uint64_t{config.n_layers} * model->context_ * config.width;
  TRY_ASSIGN(model->keys_, Buffer<float>::Make(cache, "the reference's keys"));
  TRY_ASSIGN(model->values_, Buffer<float>::Make(cache, "the reference's values"));
  return model;
}

void Gpt2::Truncate(uint32_t length) {
  CHECK(length <= length_);
  length_ = length;
}

Status Gpt2::CheckArguments(std::span<const int32_t> tokens, LogitsOf which,
                            size_t n_logits) const {
  if (tokens.empty() || tokens.size() > context_ - length_) {
    return MakeError(Code::kBadArg, std::to_string(tokens.size()) + " tokens do not fit after " +
                                        std::to_string(length_) + " of " +
                                        std::to_string(context_));
  }
  for (int32_t id : tokens) {
    if (id >= 0 && static_cast<uint32_t>(id) < config_.vocab_size) continue;
    return MakeError(Code::kBadArg,
                     "token id " + std::to_string(id) + " is outside the vocabulary");
  }
  const size_t rows = which == LogitsOf::kNone ? 0 : which == LogitsOf::kLast ? 1 : tokens.size();
  if (n_logits != rows * config_.vocab_size) {
    return MakeError(Code::kBadArg, "room for " + std::to_string(rows * config_.vocab_size) +
                                        " logits is needed, not " + std::to_string(n_logits));
  }
  return {};
}

Status Gpt2::Forward(std::span<const int32_t> tokens, LogitsOf which, std::span<float> logits) {
  TRY(CheckArguments(tokens, which, logits.size()));
  const auto count = static_cast<Eigen::Index>(tokens.size());
  const auto width = static_cast<Eigen::Index>(config_.width);
  const auto head_size = static_cast<Eigen::Index>(config_.head_size());
  const auto length = static_cast<Eigen::Index>(length_);

  const ConstMatrixView embedding(weights_.token_embedding.data(), config_.vocab_size, width);
  const ConstMatrixView positions(weights_.position_embedding.data(), config_.context_length,
                                  width);
  Matrix x(count, width);
  for (Eigen::Index i = 0; i < count; ++i) {
    x.row(i) = embedding.row(tokens[static_cast<size_t>(i)]) + positions.row(length + i);
  }
  for (size_t l = 0; l < weights_.layers.size(); ++l) {
    const Layer& layer = weights_.layers[l];
    const size_t cache = l * context_ * config_.width;
    MatrixView keys(keys_.data() + cache, context_, width);
    MatrixView values(values_.data() + cache, context_, width);

    const Matrix qkv = Apply(layer.qkv, LayerNorm(x, layer.attention_norm, config_.norm_epsilon));
    keys.middleRows(length, count) = qkv.middleCols(width, width);
    values.middleRows(length, count) = qkv.middleCols(2 * width, width);
    Matrix attended(count, width);
    for (Eigen::Index column = 0; column < width; column += head_size) {
      attended.middleCols(column, head_size) = AttendHead(
          qkv.middleCols(column, head_size), keys.block(0, column, length + count, head_size),
          values.block(0, column, length + count, head_size), length_);
    }
    x += Apply(layer.attention_output, attended);

    const Matrix normed = LayerNorm(x, layer.mlp_norm, config_.norm_epsilon);
    x += Apply(layer.mlp_down, Apply(layer.mlp_up, normed).unaryExpr(&Gelu));
  }
  if (!x.allFinite())
    return MakeError(Code::kNonfinite, "the model computed a number that is none");

  if (which != LogitsOf::kNone) {
    const Eigen::Index rows = which == LogitsOf::kLast ? 1 : count;
    const Matrix hidden = LayerNorm(x.bottomRows(rows), weights_.output_norm, config_.norm_epsilon);
    const float* head = config_.tied_head ? weights_.token_embedding.data() : weights_.head.data();
    MatrixView out(logits.data(), rows, config_.vocab_size);
    out.noalias() = hidden * ConstMatrixView(head, config_.vocab_size, width).transpose();
    if (!out.allFinite()) return MakeError(Code::kNonfinite, "a logit is not a finite number");
    out.rightCols(config_.vocab_size - usable_ids_)
        .setConstant(-std::numeric_limits<float>::infinity());
  }
  length_ += static_cast<uint32_t>(tokens.size());
  return {};
}

}  // namespace parley::reference
