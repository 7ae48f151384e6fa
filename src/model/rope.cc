#include "model/rope.h"

#include "base/math.h"

namespace parley {

uint64_t RopeTable::Bytes(const ModelConfig& config, uint32_t context) {
  return uint64_t{context} * config.head_size() * sizeof(float);
}

Result<RopeTable> RopeTable::Make(const ModelConfig& config, uint32_t context) {
  RopeTable table;
  const uint32_t head_size = config.head_size();
  TRY_ASSIGN(table.turns_, Buffer<float>::Make(uint64_t{context} * head_size, "rotary positions"));
  table.head_size_ = head_size;
  for (uint32_t i = 0; i < head_size; i += 2) {
    const double step = Pow(config.rope_base, -static_cast<double>(i) / head_size);
    float* turn = table.turns_.data() + i;
    for (uint32_t position = 0; position < context; ++position, turn += head_size) {
      turn[0] = static_cast<float>(Cos(position * step));
      turn[1] = static_cast<float>(Sin(position * step));
    }
  }
  return table;
}

}  // namespace parley
