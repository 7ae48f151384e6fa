// The frame of a forward pass: embed; every layer, each added to the residual stream; a last norm;
// logits. Every thread runs the same code on its part of each operation and meets the others where
// one's output is another's input.
#include "model/decoder.h"

#include <algorithm>
#include <limits>
#include <string>
#include <utility>

#include "model/gpt2.h"
#include "model/llama.h"

namespace parley {

Status Decoder::Forward(std::span<const int32_t> tokens, LogitsOf which, std::span<float> logits) {
  TRY(CheckArguments(tokens, which, logits.size()));
  return Append({tokens, which, logits, nullptr});
}

Status Decoder::ForwardTraced(int32_t token, const PassTrace& trace) {
  TRY(CheckArguments({&token, 1}, LogitsOf::kNone, 0));
  TRY(CheckTrace(config_, length_, trace));
  return Append({{&token, 1}, LogitsOf::kNone, {}, &trace});
}

Status Decoder::Append(const Call& call) {
  OnThreads([&](const ThreadOps& ops) { RunThread(call, ops); });
  TRY(CheckOutput(call.logits));
  length_ += static_cast<uint32_t>(call.tokens.size());
  return {};
}

Status Decoder::Unembed(std::span<const float> residual, std::span<float> logits) {
  if (residual.size() != config_.width || logits.size() != config_.vocab_size) {
    return MakeError(Code::kBadArg, "a row of " + std::to_string(residual.size()) +
                                        " values cannot become " + std::to_string(logits.size()) +
                                        " logits");
  }
  OnThreads([&](const ThreadOps& ops) { Logits(residual.data(), 1, logits.data(), ops); });
  return CheckOutput(logits);
}

template <typename Work>
void Decoder::OnThreads(const Work& work) {
  for (ThreadScratch& thread : scratch_.threads) *thread.finite = 1;
  struct Context {
    Decoder* model;
    const Work* work;
  } context{this, &work};
  pool_->Run(
      [](void* pointer, uint32_t thread, uint32_t threads) {
        const auto& [model, run] = *static_cast<const Context*>(pointer);
        (*run)(ThreadOps(model->kernels_, model->pool_, &model->scratch_, thread, threads));
      },
      &context);
}

Status Decoder::CheckOutput(std::span<float> logits) const {
  for (const ThreadScratch& thread : scratch_.threads) {
    if (*thread.finite != 0) continue;
    return MakeError(Code::kNonfinite, "the model computed a number that is not finite, after " +
                                           std::to_string(length_) + " tokens");
  }
  // Rows of the embedding that the tokenizer has no token for must never be chosen.
  for (size_t row = 0; row < logits.size(); row += config_.vocab_size) {
    const auto begin = logits.begin() + static_cast<ptrdiff_t>(row);
    std::fill(begin + usable_ids_, begin + config_.vocab_size,
              -std::numeric_limits<float>::infinity());
  }
  return {};
}

void Decoder::RunThread(const Call& call, const ThreadOps& ops) {
  const uint32_t n_tokens = static_cast<uint32_t>(call.tokens.size());
  for (uint32_t done = 0; done < n_tokens; done += kBatchTokens) {
    const Batch batch{call.tokens.data() + done, std::min(kBatchTokens, n_tokens - done),
                      length_ + done};
    Embed(batch, ops);
    if (call.trace != nullptr) ShowResidual(0, batch, *call.trace, ops);
    for (uint32_t layer = 0; layer < config_.n_layers; ++layer) {
      Layer(layer, batch, ops);
      if (call.trace != nullptr) Show(layer, batch, *call.trace, ops);
    }

    const Range mine = ops.Mine(batch.rows);
    const float* my_rows = scratch_.residual + size_t{mine.begin} * config_.width;
    if (!ops.AllFinite(my_rows, mine.end - mine.begin, config_.width, {0, config_.width})) {
      *ops.scratch().finite = 0;
    }
    if (call.which == LogitsOf::kAll) {
      Logits(scratch_.residual, batch.rows, call.logits.data() + size_t{done} * config_.vocab_size,
             ops);
    } else if (call.which == LogitsOf::kLast && done + batch.rows == n_tokens) {
      Logits(scratch_.residual + size_t{batch.rows - 1} * config_.width, 1, call.logits.data(),
             ops);
    }
    ops.Meet();  // before the next batch overwrites the residual stream
  }
}

// What a layer did with the batch's last row: its queries are where the layer left them, its keys
// in the cache.
void Decoder::Show(uint32_t layer, const Batch& batch, const PassTrace& trace,
                   const ThreadOps& ops) {
  const Range heads = ops.Mine(config_.n_heads);
  if (!trace.attention.empty() && heads.begin < heads.end) {
    const size_t positions = size_t{batch.position} + batch.rows;
    kernels_.attention_weights(ShapeOf(batch), scratch_.qkv, cache_.keys(layer), heads.begin,
                               heads.end, ops.scratch().scores,
                               trace.attention.data() + layer * config_.n_heads * positions);
  }
  ShowResidual(layer + 1, batch, trace, ops);
  ops.Meet();  // before the next layer overwrites the queries
}

// After `layers` layers. One thread copies.
void Decoder::ShowResidual(uint32_t layers, const Batch& batch, const PassTrace& trace,
                           const ThreadOps& ops) {
  const Range one = ops.Mine(1);
  if (trace.residual.empty() || one.begin == one.end) return;
  const float* row = scratch_.residual + size_t{batch.rows - 1} * config_.width;
  std::copy(row, row + config_.width, trace.residual.data() + size_t{layers} * config_.width);
}

// logits = Output(residual) W_head^T: a score for every token that could come next. logits: [rows,
// vocab_size]
void Decoder::Logits(const float* residual, uint32_t rows, float* logits, const ThreadOps& ops) {
  const Range ids = ops.Linear(Output(residual, rows, ops), weights_.head, nullptr, logits);
  if (!ops.AllFinite(logits, rows, config_.vocab_size, ids)) *ops.scratch().finite = 0;
}

Status Decoder::CheckArguments(std::span<const int32_t> tokens, LogitsOf which,
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

void Decoder::Truncate(uint32_t length) {
  CHECK(length <= length_);
  length_ = length;
}

uint64_t Decoder::ScratchBytes(const ModelConfig& config, uint32_t context, uint32_t threads) {
  return Scratch::Bytes(config, context, threads) +
         (config.architecture == Architecture::kLlama ? RopeTable::Bytes(config, context) : 0);
}

Result<std::unique_ptr<Decoder>> Decoder::Make(const ModelConfig& config, Weights weights,
                                               uint32_t context, uint32_t usable_ids,
                                               const KernelTable& kernels, ThreadPool* pool) {
  std::unique_ptr<Decoder> model;
  if (config.architecture == Architecture::kLlama) {
    TRY_ASSIGN(model, Llama::Make(config, context, kernels, pool));
  } else {
    TRY_ASSIGN(model, Gpt2::Make(config, kernels, pool));
  }
  TRY_ASSIGN(model->cache_, KvCache::Make(config, context));
  TRY_ASSIGN(model->scratch_, Scratch::Make(config, context, pool->threads()));
  model->weights_ = std::move(weights);
  model->context_ = context;
  model->usable_ids_ = std::min(usable_ids, config.vocab_size);
  return model;
}

}  // namespace parley
