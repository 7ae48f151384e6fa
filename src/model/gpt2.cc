// The forward pass of GPT-2, top to bottom: embed; per layer attention and MLP, each read through a
// layer norm and added to the residual stream; a last norm; logits. Every thread runs the same code
// on its part of each operation and meets the others where one's output is another's input. What
// the operations compute is in kernels/.
//
// Shapes: [rows, width] is row-major; rows are the batch's tokens, at most 64; a row of width
// values is n_heads heads of head_size.

#include "model/gpt2.h"

#include <algorithm>
#include <limits>
#include <new>
#include <string>
#include <utility>

namespace parley {

Status Gpt2::Forward(std::span<const int32_t> tokens, LogitsOf which, std::span<float> logits) {
  TRY(CheckArguments(tokens, which, logits.size()));
  for (ThreadScratch& thread : scratch_.threads) *thread.finite = 1;
  Call call{this, tokens, which, logits.data()};
  pool_->Run(
      [](void* context, uint32_t thread, uint32_t threads) {
        const Call& this_call = *static_cast<const Call*>(context);
        Gpt2* model = this_call.model;
        model->RunThread(this_call,
                         {model->kernels_, model->pool_, &model->scratch_, thread, threads});
      },
      &call);
  for (const ThreadScratch& thread : scratch_.threads) {
    if (*thread.finite == 0) {
      return MakeError(Code::kNonfinite, "the model's output is not finite at position " +
                                             std::to_string(length_ + tokens.size() - 1) +
                                             " or before");
    }
  }
  // Rows of the embedding that the tokenizer has no token for must never be chosen.
  for (size_t row = 0; row < logits.size(); row += config_.vocab_size) {
    const auto begin = logits.begin() + static_cast<ptrdiff_t>(row);
    std::fill(begin + usable_ids_, begin + config_.vocab_size,
              -std::numeric_limits<float>::infinity());
  }
  length_ += static_cast<uint32_t>(tokens.size());
  return {};
}

void Gpt2::RunThread(const Call& call, const ThreadOps& ops) {
  const uint32_t n_tokens = static_cast<uint32_t>(call.tokens.size());
  for (uint32_t done = 0; done < n_tokens; done += kBatchTokens) {
    const Batch batch{call.tokens.data() + done, std::min(kBatchTokens, n_tokens - done),
                      length_ + done};
    Embed(batch, ops);
    for (uint32_t layer = 0; layer < config_.n_layers; ++layer) {
      Attention(layer, batch, ops);
      Mlp(layer, batch, ops);
    }

    const Range mine = ops.Mine(batch.rows);
    const float* my_rows = scratch_.residual + size_t{mine.begin} * config_.width;
    if (!ops.AllFinite(my_rows, mine.end - mine.begin, config_.width, {0, config_.width})) {
      *ops.scratch().finite = 0;
    }
    if (call.which == LogitsOf::kAll) {
      Logits(scratch_.residual, batch.rows, call.logits + size_t{done} * config_.vocab_size, ops);
    } else if (call.which == LogitsOf::kLast && done + batch.rows == n_tokens) {
      Logits(scratch_.residual + size_t{batch.rows - 1} * config_.width, 1, call.logits, ops);
    }
    ops.Meet();  // before the next batch overwrites the residual stream
  }
}

// residual[t] = token_embd[id of t] + position_embd[position of t]
void Gpt2::Embed(const Batch& batch, const ThreadOps& ops) {
  const Range mine = ops.Mine(batch.rows);
  for (uint32_t row = mine.begin; row < mine.end; ++row) {
    float* x = scratch_.residual + size_t{row} * config_.width;  // [width]
    kernels_.unpack_row(weights_.token_embd, static_cast<uint32_t>(batch.ids[row]), x);
    kernels_.add(x, weights_.position_embd + size_t{batch.position + row} * config_.width,
                 config_.width);
  }
  ops.Meet();
}

// residual += Attention(LayerNorm(residual)): what this token takes from those before it.
void Gpt2::Attention(uint32_t layer, const Batch& batch, const ThreadOps& ops) {
  const LayerWeights& w = weights_.layers[layer];
  const uint32_t width = config_.width;

  // qkv = LayerNorm(residual) W_qkv^T + b: a query, key and value a token, each cut into heads.
  // qkv: [rows, 3 * width]
  const QuantizedActivations x =
      ops.NormAndQuantize(scratch_.residual, w.attn_norm_gain, w.attn_norm_bias,
                          config_.norm_epsilon, batch.rows, width);
  ops.Linear(x, w.qkv, w.qkv_bias, scratch_.qkv);
  ops.Meet();

  // Vaswani et al. 2017, equation 1, for each head with d_k = head_size:
  //
  //   Attention(Q, K, V) = softmax(Q K^T / sqrt(d_k)) V
  //
  // Q are this batch's rows, K and V everything in the cache up to each row's own position, which
  // is the causal mask. A thread stores the new keys and values of its heads, then attends with the
  // same heads. attended: [rows, width]
  const AttentionShape shape{config_.n_heads, config_.n_kv_heads, config_.head_size(),
                             context_,        batch.position,     batch.rows};
  const Range heads = ops.Mine(config_.n_heads);
  if (heads.begin < heads.end) {
    float* keys = cache_.keys(layer);
    float* values = cache_.values(layer);
    kernels_.store_kv(shape, scratch_.qkv, heads.begin, heads.end, keys, values);
    kernels_.attention(shape, scratch_.qkv, keys, values, heads.begin, heads.end,
                       ops.scratch().scores, scratch_.attended);
  }
  ops.Meet();

  // residual += attended W_out^T + b: the heads' findings, mixed.
  const QuantizedActivations a = ops.Quantize(scratch_.attended, batch.rows, width);
  const Range mine = ops.Linear(a, w.attn_out, w.attn_out_bias, scratch_.projected);
  ops.Add(scratch_.residual, scratch_.projected, batch.rows, width, mine);
  ops.Meet();
}

// residual += W_down gelu(W_up LayerNorm(residual)): what each token makes of what it has, on its
// own.
void Gpt2::Mlp(uint32_t layer, const Batch& batch, const ThreadOps& ops) {
  const LayerWeights& w = weights_.layers[layer];
  const uint32_t width = config_.width;

  // mlp: [rows, mlp_width]
  const QuantizedActivations x = ops.NormAndQuantize(
      scratch_.residual, w.mlp_norm_gain, w.mlp_norm_bias, config_.norm_epsilon, batch.rows, width);
  const Range features = ops.Linear(x, w.mlp_up, w.mlp_up_bias, scratch_.mlp);
  ops.Gelu(scratch_.mlp, batch.rows, config_.mlp_width, features);
  ops.Meet();

  const QuantizedActivations h = ops.Quantize(scratch_.mlp, batch.rows, config_.mlp_width);
  const Range mine = ops.Linear(h, w.mlp_down, w.mlp_down_bias, scratch_.projected);
  ops.Add(scratch_.residual, scratch_.projected, batch.rows, width, mine);
  ops.Meet();
}

// logits = LayerNorm(residual) W_head^T: a score for every token that could come next. logits:
// [rows, vocab_size]
void Gpt2::Logits(const float* residual, uint32_t rows, float* logits, const ThreadOps& ops) {
  const QuantizedActivations x =
      ops.NormAndQuantize(residual, weights_.output_norm_gain, weights_.output_norm_bias,
                          config_.norm_epsilon, rows, config_.width);
  const Range ids = ops.Linear(x, weights_.head, nullptr, logits);
  if (!ops.AllFinite(logits, rows, config_.vocab_size, ids)) *ops.scratch().finite = 0;
}

Status Gpt2::CheckArguments(std::span<const int32_t> tokens, LogitsOf which,
                            size_t n_logits) const {
  if (tokens.empty() || tokens.size() > context_ - length_) {
    return MakeError(Code::kBadArg, std::to_string(tokens.size()) +
                                        " tokens do not fit: " + std::to_string(length_) + " of " +
                                        std::to_string(context_) + " positions are taken");
  }
  for (int32_t id : tokens) {
    if (id < 0 || static_cast<uint32_t>(id) >= config_.vocab_size) {
      return MakeError(Code::kBadArg, "token id " + std::to_string(id) + " is not below " +
                                          std::to_string(config_.vocab_size));
    }
  }
  const size_t rows = which == LogitsOf::kNone ? 0 : which == LogitsOf::kLast ? 1 : tokens.size();
  if (n_logits != rows * config_.vocab_size) {
    return MakeError(Code::kBadArg, "room for " + std::to_string(n_logits) + " logits where " +
                                        std::to_string(rows * config_.vocab_size) + " are written");
  }
  return {};
}

void Gpt2::Truncate(uint32_t length) {
  CHECK(length <= length_);
  length_ = length;
}

Result<std::unique_ptr<Gpt2>> Gpt2::Make(const ModelConfig& config, Weights weights,
                                         uint32_t context, uint32_t usable_ids,
                                         const KernelTable& kernels, ThreadPool* pool) {
  std::unique_ptr<Gpt2> model(new (std::nothrow) Gpt2(config, kernels, pool));
  if (model == nullptr) return MakeError(Code::kOom, "no memory for the model");
  TRY_ASSIGN(model->cache_, KvCache::Make(config, context));
  TRY_ASSIGN(model->scratch_, Scratch::Make(config, context, pool->threads()));
  model->weights_ = std::move(weights);
  model->context_ = context;
  model->usable_ids_ = std::min(usable_ids, config.vocab_size);
  return model;
}

}  // namespace parley
