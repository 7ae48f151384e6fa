// The row of logits that predicts a position is the one of the token before it.
#include "chat/review.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

namespace parley {
namespace {

constexpr size_t kStepTokens = 8;  // tokens a forward pass, and rows of logits that are held

}  // namespace

Result<Review> Review::Make(CachedModel* cache, TunedThreads* threads, const Tokenizer* tokenizer,
                            ReviewedText reviewed) {
  const uint32_t vocab_size = cache->config().vocab_size;
  TRY(ValidateOptions(reviewed.options, vocab_size));
  for (const int32_t id : reviewed.ids) {
    if (id >= 0 && static_cast<uint32_t>(id) < tokenizer->size()) continue;
    return MakeError(Code::kBadArg, "token id " + std::to_string(id) + " is not below " +
                                        std::to_string(tokenizer->size()));
  }
  Review review(cache, threads, tokenizer, std::move(reviewed));
  TRY_ASSIGN(review.logits_,
             Buffer<float>::Make(kStepTokens * uint64_t{vocab_size}, "logits of a review's step"));
  return review;
}

Status Review::Forward(std::span<const int32_t> ids, LogitsOf which, std::span<float> logits) {
  if (threads_ != nullptr) threads_->pool->Use(threads_->prefill.threads());
  return cache_->Forward(ids, which, logits);
}

Result<bool> Review::Approach(size_t position) {
  const size_t begin = WindowOf(position);
  const auto before = std::span<const int32_t>(reviewed_.ids).subspan(begin, position - begin);
  cache_->Keep(before);
  const auto rest = before.subspan(cache_->length());
  if (rest.empty()) return true;
  TRY(Forward(rest.first(std::min(rest.size(), kStepTokens)), LogitsOf::kNone, {}));
  return false;
}

Result<std::span<const TokenScore>> Review::Next() {
  scores_.clear();
  if (done()) return std::span<const TokenScore>();
  const auto ids = std::span<const int32_t>(reviewed_.ids);
  if (next_ % cache_->context() == 0) {
    scores_.push_back({.id = ids[next_++]});
    return std::span<const TokenScore>(scores_);
  }
  TRY_ASSIGN(const bool there, Approach(next_ - 1));
  if (!there) return std::span<const TokenScore>();
  const size_t window_end = std::min<size_t>(WindowOf(next_) + cache_->context(), ids.size());
  const size_t count = std::min(kStepTokens, window_end - next_);
  const size_t vocab_size = cache_->config().vocab_size;
  TRY(Forward(ids.subspan(next_ - 1, count), LogitsOf::kAll,
              logits_.span().first(count * vocab_size)));
  for (size_t row = 0; row < count; ++row) {
    scores_.push_back(ScoreToken(logits_.span().subspan(row * vocab_size, vocab_size), ids[next_]));
    ++next_;
  }
  return std::span<const TokenScore>(scores_);
}

Status Review::CheckPosition(size_t position) const {
  if (position < reviewed_.begin || position > reviewed_.ids.size()) {
    return MakeError(Code::kBadArg, "position " + std::to_string(position) + " is not between " +
                                        std::to_string(reviewed_.begin) + " and " +
                                        std::to_string(reviewed_.ids.size()));
  }
  if (position % cache_->context() != 0) return {};
  return MakeError(Code::kBadArg, "nothing stands before position " + std::to_string(position));
}

Result<std::optional<SamplerTrace>> Review::Inspect(size_t position) {
  TRY(CheckPosition(position));
  TRY_ASSIGN(const bool there, Approach(position - 1));
  if (!there) return std::optional<SamplerTrace>();
  const auto ids = std::span<const int32_t>(reviewed_.ids);
  const auto logits = logits_.span().first(cache_->config().vocab_size);
  TRY(Forward(ids.subspan(position - 1, 1), LogitsOf::kLast, logits));

  std::vector<int32_t> history = reviewed_.words;
  for (const int32_t id : ids.subspan(reviewed_.begin, position - reviewed_.begin)) {
    if (!tokenizer_->IsSpecial(id)) history.push_back(id);
  }
  TRY_ASSIGN(Sampler sampler, Sampler::Make(reviewed_.options, cache_->config().vocab_size));
  TRY_ASSIGN(SamplerTrace trace,
             sampler.Trace(logits, history, static_cast<uint32_t>(position - reviewed_.begin),
                           reviewed_.end_ids, position < ids.size() ? ids[position] : -1));
  return std::optional(std::move(trace));
}

Result<std::span<const float>> Review::Trace(size_t position) {
  TRY(CheckPosition(position));
  residual_ = {};
  TRY_ASSIGN(const bool there, Approach(position - 1));
  if (!there) return std::span<const float>();
  const ModelConfig& config = cache_->config();
  const uint64_t weights = uint64_t{config.n_layers} * config.n_heads * (cache_->length() + 1);
  attention_ = {};  // before the next one is taken
  TRY_ASSIGN(attention_, Buffer<float>::Make(weights, "attention weights"));
  TRY_ASSIGN(Buffer<float> residual,
             Buffer<float>::Make((uint64_t{config.n_layers} + 1) * config.width,
                                 "a token's residual stream"));
  const auto ids = std::span<const int32_t>(reviewed_.ids);
  if (threads_ != nullptr) threads_->pool->Use(threads_->prefill.threads());
  TRY(cache_->ForwardTraced(ids[position - 1], {attention_.span(), residual.span()}));
  residual_ = std::move(residual);
  chosen_ = position < ids.size() ? ids[position] : -1;
  return std::span<const float>(attention_.span());
}

Result<LayerView> Review::Layer(uint32_t layers) {
  const ModelConfig& config = cache_->config();
  if (residual_.empty()) return MakeError(Code::kBadState, "no pass was traced");
  if (layers > config.n_layers) {
    return MakeError(Code::kBadArg,
                     "layer " + std::to_string(layers) + " of " + std::to_string(config.n_layers));
  }
  const auto row = residual_.span().subspan(size_t{layers} * config.width, config.width);
  LayerView view;
  std::copy_n(row.begin(), std::min(LayerView::kValues, row.size()), view.values.begin());
  const float* before = layers == 0 ? row.data() : row.data() - config.width;
  double squares = 0;
  double changes = 0;
  for (size_t i = 0; i < row.size(); ++i) {
    const double change = double{row[i]} - before[i];
    squares += double{row[i]} * row[i];
    changes += change * change;
  }
  view.norm = std::sqrt(squares);
  view.change = std::sqrt(changes);
  const auto logits = logits_.span().first(config.vocab_size);
  TRY(cache_->Unembed(row, logits));
  int32_t best[LayerView::kBest];
  const size_t count = BestTokens(logits, best);
  for (size_t i = 0; i < count; ++i) view.best[i] = ScoreToken(logits, best[i]);
  if (chosen_ >= 0) view.chosen = ScoreToken(logits, chosen_);
  return view;
}

}  // namespace parley
