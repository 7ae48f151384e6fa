// The table of angles, as cosines and sines, computed in double precision by base/math.h, so that
// every build has the same.
#include "model/rope.h"

#include <string>

#include "base/math.h"

namespace parley {
namespace {

constexpr double kMostAngle = 0x1p20;  // what Cos and Sin take

}  // namespace

uint64_t RopeTable::Bytes(const ModelConfig& config, uint32_t context) {
  return uint64_t{context} * config.head_size() * sizeof(float);
}

Result<RopeTable> RopeTable::Make(const ModelConfig& config, uint32_t context) {
  RopeTable table;
  table.head_size_ = config.head_size();
  TRY_ASSIGN(table.turns_,
             Buffer<float>::Make(Bytes(config, context) / sizeof(float), "rotary positions"));
  return table;
}

Status RopeTable::Fill(double rope_base, const float* factors) {
  const size_t context = turns_.size() / head_size_;
  for (uint32_t i = 0; i < head_size_; i += 2) {
    const double factor = factors == nullptr ? 1 : static_cast<double>(factors[i / 2]);
    const double step = Pow(rope_base, -static_cast<double>(i) / head_size_) / factor;
    if (!(factor > 0 && step * static_cast<double>(context) <= kMostAngle)) {  // also NaN
      return MakeError(Code::kBadConfig, "rope_freqs.weight has " + std::to_string(factor) +
                                             " at " + std::to_string(i / 2) +
                                             ", by which no angle can be divided");
    }
    float* turn = turns_.data() + i;
    for (size_t position = 0; position < context; ++position, turn += head_size_) {
      turn[0] = static_cast<float>(Cos(static_cast<double>(position) * step));
      turn[1] = static_cast<float>(Sin(static_cast<double>(position) * step));
    }
  }
  return {};
}

}  // namespace parley
