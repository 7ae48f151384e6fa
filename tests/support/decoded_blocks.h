// The golden blocks of tests/golden/quantize/decoded.json: bytes of each type that is only decoded,
// and the values that PyPI's gguf gives them (scripts/golden_quantize.py).
#pragma once

#include <charconv>
#include <cstdint>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "kernels/dtype.h"

namespace parley::test {

struct DecodedBlock {
  std::string name;  // "Q4_K"
  DType type = DType::kF32;
  std::vector<uint8_t> bytes;
  std::vector<uint32_t> bits;  // of the values as f32
};

inline std::vector<uint8_t> FromHex(const std::string& text) {
  std::vector<uint8_t> bytes(text.size() / 2);
  for (size_t i = 0; i < bytes.size(); ++i) {
    std::from_chars(text.data() + 2 * i, text.data() + 2 * i + 2, bytes[i], 16);
  }
  return bytes;
}

inline DType TypeNamed(const std::string& name) {
  for (uint32_t number = 0; number < 64; ++number) {
    const DTypeTraits* traits = GetDTypeTraits(number);
    if (traits != nullptr && traits->name == name) return static_cast<DType>(number);
  }
  return DType::kF32;
}

inline std::vector<DecodedBlock> DecodedBlocks() {
  std::ifstream file(PARLEY_SOURCE_DIR "/tests/golden/quantize/decoded.json");
  const nlohmann::json golden = nlohmann::json::parse(file);
  std::vector<DecodedBlock> blocks;
  for (const auto& [name, of_type] : golden.items()) {
    for (const auto& block : of_type) {
      const std::vector<uint8_t> values = FromHex(block["values"].get<std::string>());
      DecodedBlock next{name, TypeNamed(name), FromHex(block["bytes"].get<std::string>()), {}};
      for (size_t i = 0; i < values.size(); i += 4) {
        next.bits.push_back(values[i] | uint32_t{values[i + 1]} << 8 |
                            uint32_t{values[i + 2]} << 16 | uint32_t{values[i + 3]} << 24);
      }
      blocks.push_back(std::move(next));
    }
  }
  return blocks;
}

}  // namespace parley::test
