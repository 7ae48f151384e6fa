// Llama (Touvron et al. 2023) in plain f32.
#pragma once

#include "reference/model.h"

namespace parley::reference {

class Llama final : public Model {
 public:
  Llama(const ModelConfig& config, Weights weights) : Model(config, std::move(weights)) {}

 private:
  void AddPositions(Matrix* x) const override;
  void AddLayer(const Layer& layer, Cache cache, Matrix* x) const override;
  Matrix Normalize(const Matrix& x, const Norm& norm) const override;
  // Turns the pairs of every head of x by the rows' positions.
  Matrix Rotate(Matrix x) const;
};

}  // namespace parley::reference
