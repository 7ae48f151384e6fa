// Llama's layers, top to bottom: attention and MLP, each read through a root mean square norm and
// added to the residual stream. What the operations compute is in kernels/, what calls these is
// decoder.cc.
//
// Shapes: [rows, width] is row-major; rows are the batch's tokens, at most 64; a row of width
// values is n_heads heads of head_size, a row of kv_width values n_kv_heads of them.
#include "model/llama.h"

#include <algorithm>
#include <new>
#include <utility>

namespace parley {

// residual[t] = token_embd[id of t]
void Llama::Embed(const Batch& batch, const ThreadOps& ops) {
  const Range mine = ops.Mine(batch.rows);
  for (uint32_t row = mine.begin; row < mine.end; ++row) {
    float* x = scratch_.residual + size_t{row} * config_.width;  // [width]
    kernels_.unpack_row(weights_.token_embd, static_cast<uint32_t>(batch.ids[row]), x);
  }
  ops.Meet();
}

void Llama::Layer(uint32_t layer, const Batch& batch, const ThreadOps& ops) {
  Attention(weights_.layers[layer], cache_.keys(layer), cache_.values(layer), batch, ops);
  Mlp(weights_.layers[layer], batch, ops);
}

// residual += Attention(RmsNorm(residual)): what this token takes from those before it.
void Llama::Attention(const LayerWeights& w, float* keys, float* values, const Batch& batch,
                      const ThreadOps& ops) {
  const uint32_t width = config_.width;
  const uint32_t qkv_width = config_.qkv_width();

  // A query, key and value a token from RmsNorm(residual), side by side, each cut into heads;
  // queries and keys turned by their position, so that their product depends on how far apart they
  // are. qkv: [rows, width + 2 * kv_width]
  const QuantizedActivations x = ops.RmsNormAndQuantize(scratch_.residual, w.attn_norm_gain,
                                                        config_.norm_epsilon, batch.rows, width);
  float* query = scratch_.qkv;
  float* key = query + width;
  float* value = key + config_.kv_width();
  Rotate(query, batch, ops.Linear(x, w.query, nullptr, query, qkv_width));
  Rotate(key, batch, ops.Linear(x, w.key, nullptr, key, qkv_width));
  ops.Linear(x, w.value, nullptr, value, qkv_width);
  ops.Meet();

  // There are fewer heads of keys and values than of queries: they are shared out apart from them.
  const AttentionShape shape = ShapeOf(batch);
  const Range kv_heads = ops.Mine(config_.n_kv_heads);
  if (kv_heads.begin < kv_heads.end) {
    kernels_.store_kv(shape, scratch_.qkv, kv_heads.begin, kv_heads.end, keys, values);
  }
  ops.Meet();

  // Vaswani et al. 2017, equation 1, for each query head with d_k = head_size:
  //
  //   Attention(Q, K, V) = softmax(Q K^T / sqrt(d_k)) V
  //
  // Q are this batch's rows, K and V, of the head that this one shares (Ainslie et al. 2023),
  // everything in the cache up to each row's own position, which is the causal mask. attended:
  // [rows, width]
  const Range heads = ops.Mine(config_.n_heads);
  if (heads.begin < heads.end) {
    kernels_.attention(shape, scratch_.qkv, keys, values, heads.begin, heads.end,
                       ops.scratch().scores, scratch_.attended);
  }
  ops.Meet();

  // residual += attended W_out^T: the heads' findings, mixed.
  const QuantizedActivations a = ops.Quantize(scratch_.attended, batch.rows, width);
  const Range mine = ops.Linear(a, w.attn_out, nullptr, scratch_.projected);
  ops.Add(scratch_.residual, scratch_.projected, batch.rows, width, mine);
  ops.Meet();
}

void Llama::Rotate(float* x, const Batch& batch, Range columns) const {
  const uint32_t head_size = config_.head_size();
  for (uint32_t row = 0; row < batch.rows; ++row) {
    const float* turns = rope_.turns(batch.position + row);  // [head_size]
    float* values = x + size_t{row} * config_.qkv_width();
    for (uint32_t begin = columns.begin; begin < columns.end;) {
      const uint32_t in_head = begin % head_size;
      const uint32_t count = std::min(head_size - in_head, columns.end - begin);
      kernels_.rotate_pairs(values + begin, turns + in_head, count / 2);
      begin += count;
    }
  }
}

// residual += W_down (silu(W_gate h) * W_up h), h = RmsNorm(residual): what each token makes of
// what it has, on its own.
void Llama::Mlp(const LayerWeights& w, const Batch& batch, const ThreadOps& ops) {
  const uint32_t width = config_.width;

  // mlp, gate: [rows, mlp_width]
  const QuantizedActivations x = ops.RmsNormAndQuantize(scratch_.residual, w.mlp_norm_gain,
                                                        config_.norm_epsilon, batch.rows, width);
  ops.Linear(x, w.mlp_gate, nullptr, scratch_.gate);
  const Range features = ops.Linear(x, w.mlp_up, nullptr, scratch_.mlp);
  ops.SwiGlu(scratch_.mlp, scratch_.gate, batch.rows, config_.mlp_width, features);
  ops.Meet();

  const QuantizedActivations h = ops.Quantize(scratch_.mlp, batch.rows, config_.mlp_width);
  const Range mine = ops.Linear(h, w.mlp_down, nullptr, scratch_.projected);
  ops.Add(scratch_.residual, scratch_.projected, batch.rows, width, mine);
  ops.Meet();
}

QuantizedActivations Llama::Output(const float* residual, uint32_t rows, const ThreadOps& ops) {
  return ops.RmsNormAndQuantize(residual, weights_.output_norm_gain, config_.norm_epsilon, rows,
                                config_.width);
}

Result<std::unique_ptr<Decoder>> Llama::Make(const ModelConfig& config, uint32_t context,
                                             const KernelTable& kernels, ThreadPool* pool) {
  std::unique_ptr<Llama> model(new (std::nothrow) Llama(config, kernels, pool));
  if (model == nullptr) return MakeError(Code::kOom, "no memory for the model");
  TRY_ASSIGN(model->rope_, RopeTable::Make(config, context));
  return std::unique_ptr<Decoder>(std::move(model));
}

}  // namespace parley
