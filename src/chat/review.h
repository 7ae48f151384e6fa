// Looks back at tokens that stand already, a reply or any text: how likely the model found each;
// and of one of them, what else there was to choose from, what each sampler made of that, what the
// model attended to and what each layer made of it. All of
// it is computed anew, in bounded steps over the KV cache: nothing is kept while a reply is
// written.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/buffer.h"
#include "base/result.h"
#include "base/thread_tuner.h"
#include "chat/cached_model.h"
#include "sampling/distribution.h"
#include "sampling/options.h"
#include "sampling/sampler.h"
#include "tokenizer/tokenizer.h"

namespace parley {

// The tokens that are looked at, and what steered those from `begin` on.
struct ReviewedText {
  std::vector<int32_t> ids;
  size_t begin = 0;              // of ids: the first that is looked at
  std::vector<int32_t> words;    // of those before: what penalties and n-grams see
  std::vector<int32_t> end_ids;  // masked while fewer than min_tokens follow `begin`
  GenerationOptions options;
};

// What the residual stream held after some layers, of the token whose pass was traced last.
struct LayerView {
  static constexpr size_t kValues = 8;
  static constexpr size_t kBest = 5;
  std::array<float, kValues> values{};  // the first of them
  double norm = 0;                      // of all of them (Euclidean)
  double change = 0;                    // norm of what this layer added; after none: 0
  // What the head makes of it, as if these layers were all ("logit lens", nostalgebraist 2020).
  std::array<TokenScore, kBest> best{};  // best first; id -1 where the vocabulary is smaller
  TokenScore chosen;                     // the token that stands next; id -1: none
};

// A position is an index into the ids. Texts that are longer than the context are read in windows
// of its size, as `parley eval` does: the first token of a window has nothing before it.
class Review {
 public:
  // The rows of logits that a step holds are taken here and given back with the review.
  static Result<Review> Make(CachedModel* cache, TunedThreads* threads, const Tokenizer* tokenizer,
                             ReviewedText reviewed);

  std::span<const int32_t> ids() const { return reviewed_.ids; }
  size_t begin() const { return reviewed_.begin; }

  // One bounded step of going through the tokens from begin() on: scores of the next few, valid
  // until the next call; none while the tokens before them are computed, and at the end. A token
  // with nothing before it has rank 0.
  Result<std::span<const TokenScore>> Next();
  bool done() const { return next_ == reviewed_.ids.size(); }

  // One bounded step towards what there was to choose from at `position`, which may be the one
  // after the last token; nothing while tokens before it are computed: call again. BAD_ARG for a
  // position outside, or with nothing before it.
  Result<std::optional<SamplerTrace>> Inspect(size_t position);

  // Likewise towards what the pass attended to whose logits chose the token at `position`, the pass
  // of the token before it: softmax weights, [n_layers, n_heads, positions of the window before
  // `position`], valid until the next call. Empty while tokens before it are computed.
  Result<std::span<const float>> Trace(size_t position);
  // Of the pass that was traced last, after `layers` of the layers, 0 to n_layers. BAD_STATE when
  // none was.
  Result<LayerView> Layer(uint32_t layers);

 private:
  Review(CachedModel* cache, TunedThreads* threads, const Tokenizer* tokenizer,
         ReviewedText reviewed)
      : cache_(cache),
        threads_(threads),
        tokenizer_(tokenizer),
        reviewed_(std::move(reviewed)),
        next_(reviewed_.begin) {}

  // Where the window begins whose tokens predict the one at `position`.
  size_t WindowOf(size_t position) const { return position - position % cache_->context(); }
  Status CheckPosition(size_t position) const;
  // One step towards a cache that holds the window up to `position`, without it; true when it does.
  Result<bool> Approach(size_t position);
  Status Forward(std::span<const int32_t> ids, LogitsOf which, std::span<float> logits);

  CachedModel* cache_;
  TunedThreads* threads_;
  const Tokenizer* tokenizer_;
  ReviewedText reviewed_;
  size_t next_;                     // position that is scored next
  Buffer<float> logits_;            // [kStepTokens, vocab_size]
  Buffer<float> attention_;         // of the last traced pass
  Buffer<float> residual_;          // [n_layers + 1, width], likewise
  int32_t chosen_ = -1;             // after it
  std::vector<TokenScore> scores_;  // of one step
};

}  // namespace parley
