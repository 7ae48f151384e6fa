// GPT-2's layers, top to bottom: attention and MLP, each read through a layer norm and added to the
// residual stream. What the operations compute is in kernels/, what calls these is decoder.cc.
//
// Shapes: [rows, width] is row-major; rows are the batch's tokens, at most 64; a row of width
// values is n_heads heads of head_size.
#include "model/gpt2.h"

#include <new>

namespace parley {

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

void Gpt2::Layer(uint32_t layer, const Batch& batch, const ThreadOps& ops) {
  Attention(weights_.layers[layer], cache_.keys(layer), cache_.values(layer), batch, ops);
  Mlp(weights_.layers[layer], batch, ops);
}

// residual += Attention(LayerNorm(residual)): what this token takes from those before it.
void Gpt2::Attention(const LayerWeights& w, float* keys, float* values, const Batch& batch,
                     const ThreadOps& ops) {
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
  const AttentionShape shape = ShapeOf(batch);
  const Range heads = ops.Mine(config_.n_heads);
  if (heads.begin < heads.end) {
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
void Gpt2::Mlp(const LayerWeights& w, const Batch& batch, const ThreadOps& ops) {
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

QuantizedActivations Gpt2::Output(const float* residual, uint32_t rows, const ThreadOps& ops) {
  return ops.NormAndQuantize(residual, weights_.output_norm_gain, weights_.output_norm_bias,
                             config_.norm_epsilon, rows, config_.width);
}

Result<std::unique_ptr<Decoder>> Gpt2::Make(const ModelConfig& config, const KernelTable& kernels,
                                            ThreadPool* pool) {
  std::unique_ptr<Decoder> model(new (std::nothrow) Gpt2(config, kernels, pool));
  if (model == nullptr) return MakeError(Code::kOom, "no memory for the model");
  return model;
}

}  // namespace parley
