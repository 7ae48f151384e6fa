// SHA-256 (FIPS 180-4): what the catalog of models states for each part.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>

namespace parley {

class Sha256 {
 public:
  void Add(std::span<const uint8_t> bytes);
  // 64 lower-case hexadecimal digits. Nothing may be added afterwards.
  std::string Finish();

 private:
  void AddBlock(const uint8_t* block);

  std::array<uint32_t, 8> state_ = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                    0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<uint8_t, 64> block_ = {};
  size_t block_size_ = 0;  // bytes waiting in block_
  uint64_t total_bytes_ = 0;
};

}  // namespace parley
