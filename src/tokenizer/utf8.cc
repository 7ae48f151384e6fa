// See utf8.h.
#include "tokenizer/utf8.h"

#include <algorithm>

namespace parley {
namespace {

struct Sequence {
  uint32_t length;       // bytes in all; 0 for a byte that begins none
  uint8_t second_first;  // range of the second byte; the others are 80..BF
  uint8_t second_last;
};

// Table 3-7 of the Unicode standard, "Well-Formed UTF-8 Byte Sequences", rows C2 to F4.
Sequence SequenceOf(uint8_t lead) {
  if (lead < 0xC2) return {0, 0, 0};
  if (lead < 0xE0) return {2, 0x80, 0xBF};
  if (lead == 0xE0) return {3, 0xA0, 0xBF};
  if (lead == 0xED) return {3, 0x80, 0x9F};  // no surrogates
  if (lead < 0xF0) return {3, 0x80, 0xBF};
  if (lead == 0xF0) return {4, 0x90, 0xBF};
  if (lead < 0xF4) return {4, 0x80, 0xBF};
  if (lead == 0xF4) return {4, 0x80, 0x8F};  // nothing above U+10FFFF
  return {0, 0, 0};
}

bool Continues(const Sequence& sequence, uint32_t index, uint8_t byte) {
  if (index == 1) return byte >= sequence.second_first && byte <= sequence.second_last;
  return byte >= 0x80 && byte <= 0xBF;
}

}  // namespace

Utf8Character ReadUtf8(std::string_view text, size_t position) {
  const auto lead = static_cast<uint8_t>(text[position]);
  if (lead < 0x80) return {lead, 1, true};
  const Sequence sequence = SequenceOf(lead);
  if (sequence.length == 0) return {kReplacement, 1, false};
  uint32_t code_point = lead & (0x7Fu >> sequence.length);
  for (uint32_t i = 1; i < sequence.length; ++i) {
    if (position + i == text.size()) return {kReplacement, i, false};
    const auto byte = static_cast<uint8_t>(text[position + i]);
    if (!Continues(sequence, i, byte)) return {kReplacement, i, false};
    code_point = code_point << 6 | (byte & 0x3Fu);
  }
  return {code_point, sequence.length, true};
}

void AppendAsUtf8(std::string_view text, std::string* out) {
  size_t copied = 0;
  for (size_t position = 0; position < text.size();) {
    const Utf8Character character = ReadUtf8(text, position);
    if (!character.well_formed) {
      out->append(text.substr(copied, position - copied));
      out->append(kReplacementUtf8);
      copied = position + character.length;
    }
    position += character.length;
  }
  out->append(text.substr(copied));
}

size_t IncompleteUtf8Tail(std::string_view text) {
  for (size_t tail = 1; tail <= std::min<size_t>(3, text.size()); ++tail) {
    const auto byte = static_cast<uint8_t>(text[text.size() - tail]);
    if ((byte & 0xC0) == 0x80) continue;  // look further back for the lead byte
    const Sequence sequence = SequenceOf(byte);
    if (sequence.length <= tail) return 0;
    // Incomplete only when all that is there belongs to one sequence.
    return ReadUtf8(text.substr(text.size() - tail), 0).length == tail ? tail : 0;
  }
  return 0;
}

void Utf8Stream::Push(std::string_view bytes, std::string* out) {
  held_.append(bytes);
  const size_t tail = IncompleteUtf8Tail(held_);
  AppendAsUtf8(std::string_view(held_).substr(0, held_.size() - tail), out);
  held_.erase(0, held_.size() - tail);
}

void Utf8Stream::Finish(std::string* out) {
  AppendAsUtf8(held_, out);
  held_.clear();
}

}  // namespace parley
