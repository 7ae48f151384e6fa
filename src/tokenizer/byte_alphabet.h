// GPT-2's printable form of bytes: each byte is written as one character, so that vocabularies are
// readable text
// ("Ġthe" is " the"). From `bytes_to_unicode` in
// https://github.com/openai/gpt-2/blob/master/src/encoder.py
#pragma once

#include <array>
#include <cstdint>
#include <string>

namespace parley {

// Printable Latin-1 stands for itself.
constexpr bool IsPrintableByte(uint32_t byte) {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) ||
         (byte >= 0xAE && byte <= 0xFF);
}

// The 68 others are U+0100, U+0101, ... in order.
inline constexpr uint32_t kFirstOther = 0x100;
inline constexpr uint32_t kOtherBytes = 68;

inline constexpr std::array<uint8_t, kOtherBytes> kOthers = [] {
  std::array<uint8_t, kOtherBytes> others{};
  uint32_t count = 0;
  for (uint32_t byte = 0; byte < 256; ++byte) {
    if (!IsPrintableByte(byte)) others[count++] = static_cast<uint8_t>(byte);
  }
  return others;
}();

// The character that a byte is written as, in UTF-8 (one or two bytes, as all are below U+0800).
inline std::string SymbolOfByte(uint8_t byte) {
  uint32_t code_point = byte;
  if (!IsPrintableByte(byte)) {
    code_point = kFirstOther;
    while (kOthers[code_point - kFirstOther] != byte) ++code_point;
  }
  if (code_point < 0x80) return std::string(1, static_cast<char>(code_point));
  return {static_cast<char>(0xC0 | code_point >> 6), static_cast<char>(0x80 | (code_point & 0x3F))};
}

// The byte that a character stands for, or -1.
constexpr int32_t ByteOfCharacter(uint32_t code_point) {
  if (code_point < 256) return IsPrintableByte(code_point) ? static_cast<int32_t>(code_point) : -1;
  const uint32_t index = code_point - kFirstOther;
  return index < kOtherBytes ? kOthers[index] : -1;
}

}  // namespace parley
