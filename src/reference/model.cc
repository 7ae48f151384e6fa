// The frame of a forward pass: embed; every layer, each added to the residual stream; a last norm;
// logits.
#include "reference/model.h"

#include <limits>
#include <string>
#include <utility>

#include "reference/gpt2.h"
#include "reference/llama.h"

namespace parley::reference {

Result<std::unique_ptr<Model>> Model::Make(const ModelConfig& config, Weights weights,
                                           uint32_t context, uint32_t usable_ids) {
  if (context > config.context_length) {
    return MakeError(Code::kBadArg, "context must be at most the model's " +
                                        std::to_string(config.context_length) + ", not " +
                                        std::to_string(context));
  }
  std::unique_ptr<Model> model;
  if (config.architecture == Architecture::kLlama) {
    model = std::make_unique<Llama>(config, std::move(weights));
  } else {
    model = std::make_unique<Gpt2>(config, std::move(weights));
  }
  model->context_ = context == 0 ? config.context_length : context;
  model->usable_ids_ = usable_ids == 0 ? config.vocab_size : usable_ids;
  const uint64_t cache = uint64_t{config.n_layers} * model->context_ * config.kv_width();
  TRY_ASSIGN(model->keys_, Buffer<float>::Make(cache, "the reference's keys"));
  TRY_ASSIGN(model->values_, Buffer<float>::Make(cache, "the reference's values"));
  return model;
}

void Model::Truncate(uint32_t length) {
  CHECK(length <= length_);
  length_ = length;
}

Status Model::CheckArguments(std::span<const int32_t> tokens, LogitsOf which,
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

Model::Cache Model::CacheOf(size_t layer, const PassTrace& trace) {
  const size_t offset = layer * context_ * config_.kv_width();
  float* attention = trace.attention.empty()
                         ? nullptr
                         : trace.attention.data() + layer * config_.n_heads * (length_ + 1);
  return {MatrixView(keys_.data() + offset, context_, config_.kv_width()),
          MatrixView(values_.data() + offset, context_, config_.kv_width()), attention};
}

Matrix Model::Attend(const Matrix& query, const Matrix& key, const Matrix& value,
                     Cache cache) const {
  const Eigen::Index rows = query.rows();
  const auto length = static_cast<Eigen::Index>(length_);
  const auto head_size = static_cast<Eigen::Index>(config_.head_size());
  const auto group = static_cast<Eigen::Index>(config_.n_heads / config_.n_kv_heads);
  cache.keys.middleRows(length, rows) = key;
  cache.values.middleRows(length, rows) = value;
  Matrix attended(rows, query.cols());
  for (Eigen::Index head = 0; head < config_.n_heads; ++head) {
    const Eigen::Index column = head / group * head_size;
    const Matrix weights =
        AttentionWeights(query.middleCols(head * head_size, head_size),
                         cache.keys.block(0, column, length + rows, head_size), length_);
    attended.middleCols(head * head_size, head_size) =
        weights * cache.values.block(0, column, length + rows, head_size);
    if (cache.attention != nullptr) {
      MatrixView(cache.attention + head * (length + 1), 1, length + 1) = weights;
    }
  }
  return attended;
}

Status Model::Forward(std::span<const int32_t> tokens, LogitsOf which, std::span<float> logits) {
  TRY(CheckArguments(tokens, which, logits.size()));
  return Append(tokens, which, logits, {});
}

Status Model::ForwardTraced(int32_t token, const PassTrace& trace) {
  TRY(CheckArguments({&token, 1}, LogitsOf::kNone, 0));
  TRY(CheckTrace(config_, length_, trace));
  return Append({&token, 1}, LogitsOf::kNone, {}, trace);
}

Status Model::Append(std::span<const int32_t> tokens, LogitsOf which, std::span<float> logits,
                     const PassTrace& trace) {
  const auto count = static_cast<Eigen::Index>(tokens.size());
  const auto width = static_cast<Eigen::Index>(config_.width);
  const auto show = [&](size_t layers, const Matrix& x) {
    if (!trace.residual.empty()) {
      MatrixView(trace.residual.data() + layers * config_.width, 1, width) = x.bottomRows(1);
    }
  };

  const ConstMatrixView embedding(weights_.token_embedding.data(), config_.vocab_size, width);
  Matrix x(count, width);
  for (Eigen::Index i = 0; i < count; ++i) x.row(i) = embedding.row(tokens[static_cast<size_t>(i)]);
  AddPositions(&x);
  show(0, x);
  for (size_t l = 0; l < weights_.layers.size(); ++l) {
    AddLayer(weights_.layers[l], CacheOf(l, trace), &x);
    show(l + 1, x);
  }
  if (!x.allFinite())
    return MakeError(Code::kNonfinite, "the model computed a number that is none");
  if (which != LogitsOf::kNone) {
    TRY(Head(x.bottomRows(which == LogitsOf::kLast ? 1 : count), logits.data()));
  }
  length_ += static_cast<uint32_t>(tokens.size());
  return {};
}

Status Model::Head(const Matrix& x, float* logits) const {
  const Matrix hidden = Normalize(x, weights_.output_norm);
  const float* head = config_.tied_head ? weights_.token_embedding.data() : weights_.head.data();
  MatrixView out(logits, x.rows(), config_.vocab_size);
  out.noalias() = hidden * ConstMatrixView(head, config_.vocab_size, config_.width).transpose();
  if (!out.allFinite()) return MakeError(Code::kNonfinite, "a logit is not a finite number");
  out.rightCols(config_.vocab_size - usable_ids_)
      .setConstant(-std::numeric_limits<float>::infinity());
  return {};
}

Status Model::Unembed(std::span<const float> residual, std::span<float> logits) {
  if (residual.size() != config_.width || logits.size() != config_.vocab_size) {
    return MakeError(Code::kBadArg, "wrong sizes of a row or its logits");
  }
  return Head(ConstMatrixView(residual.data(), 1, config_.width), logits.data());
}

}  // namespace parley::reference
