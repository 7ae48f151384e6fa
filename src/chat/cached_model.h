// A model and the tokens whose keys and values it holds, so that what a new sequence shares with
// the last one at its beginning is not computed again.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"
#include "model/language_model.h"

namespace parley {

class CachedModel {
 public:
  // Begins with an empty cache. Room for the whole context is taken now.
  explicit CachedModel(LanguageModel* model) : model_(*model) {
    tokens_.reserve(model->context());
    model_.Truncate(0);
  }

  const ModelConfig& config() const { return model_.config(); }
  uint32_t context() const { return model_.context(); }
  uint32_t length() const { return static_cast<uint32_t>(tokens_.size()); }

  // Forgets all but what the cache and `ids` have in common at their beginning.
  void Keep(std::span<const int32_t> ids) {
    tokens_.erase(std::ranges::mismatch(tokens_, ids).in1, tokens_.end());
    model_.Truncate(length());
  }
  // Appends tokens, as LanguageModel does.
  Status Forward(std::span<const int32_t> ids, LogitsOf which, std::span<float> logits) {
    TRY(model_.Forward(ids, which, logits));
    tokens_.insert(tokens_.end(), ids.begin(), ids.end());
    return {};
  }
  Status ForwardTraced(int32_t id, const PassTrace& trace) {
    TRY(model_.ForwardTraced(id, trace));
    tokens_.push_back(id);
    return {};
  }
  Status Unembed(std::span<const float> residual, std::span<float> logits) {
    return model_.Unembed(residual, logits);
  }

 private:
  LanguageModel& model_;
  std::vector<int32_t> tokens_;
};

}  // namespace parley
