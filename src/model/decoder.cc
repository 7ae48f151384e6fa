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
  for (ThreadScratch& thread : scratch_.threads) *thread.finite = 1;
  Call call{this, tokens, which, logits.data()};
  pool_->Run(
      [](void* context, uint32_t thread, uint32_t threads) {
        const Call& this_call = *static_cast<const Call*>(context);
        Decoder* model = this_call.model;
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

void Decoder::RunThread(const Call& call, const ThreadOps& ops) {
  const uint32_t n_tokens = static_cast<uint32_t>(call.tokens.size());
  for (uint32_t done = 0; done < n_tokens; done += kBatchTokens) {
    const Batch batch{call.tokens.data() + done, std::min(kBatchTokens, n_tokens - done),
                      length_ + done};
    Embed(batch, ops);
    for (uint32_t layer = 0; layer < config_.n_layers; ++layer) Layer(layer, batch, ops);

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
