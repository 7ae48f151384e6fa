// GPT-2 (Radford et al. 2019) in plain f32.
#pragma once

#include "reference/model.h"

namespace parley::reference {

class Gpt2 final : public Model {
 public:
  Gpt2(const ModelConfig& config, Weights weights) : Model(config, std::move(weights)) {}

 private:
  void AddPositions(Matrix* x) const override;
  void AddLayer(const Layer& layer, Cache cache, Matrix* x) const override;
  Matrix Normalize(const Matrix& x, const Norm& norm) const override;
};

}  // namespace parley::reference
