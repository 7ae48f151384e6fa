// See pretokenize.h.
#include "tokenizer/pretokenize.h"

#include <algorithm>

#include "tokenizer/utf8.h"

namespace parley {
namespace {

CharacterClass ClassOfAscii(uint32_t c) {
  if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) return CharacterClass::kLetter;
  if (c >= '0' && c <= '9') return CharacterClass::kNumber;
  if (c == ' ' || (c >= 0x09 && c <= 0x0D)) return CharacterClass::kSpace;
  return CharacterClass::kOther;
}

// Bytes of 's 't 're 've 'm 'll 'd at the beginning of `text`, or 0. Lower case only, as in the
// pattern.
size_t ContractionLength(std::string_view text) {
  if (text.size() < 2 || text[0] != '\'') return 0;
  for (const std::string_view suffix : {"s", "t", "re", "ve", "m", "ll", "d"}) {
    if (text.substr(1, suffix.size()) == suffix) return 1 + suffix.size();
  }
  return 0;
}

// Takes characters of one class from `piece->end` on; returns how many bytes the last one had in
// the text.
size_t TakeRun(std::string_view text, CharacterClass kind, Piece* piece) {
  size_t last = 0;
  while (piece->end < text.size()) {
    const Utf8Character character = ReadUtf8(text, piece->end);
    if (ClassOf(character.code_point) != kind) break;
    last = character.length;
    piece->end += character.length;
    piece->utf8_bytes += character.well_formed ? character.length : kReplacementUtf8.size();
    piece->well_formed &= character.well_formed;
  }
  return last;
}

}  // namespace

CharacterClass ClassOf(uint32_t code_point) {
  if (code_point < 0x80) return ClassOfAscii(code_point);
  const auto ranges = CharacterRanges();
  const auto after = std::upper_bound(
      ranges.begin(), ranges.end(), code_point,
      [](uint32_t value, const CharacterRange& range) { return value < range.first; });
  if (after == ranges.begin()) return CharacterClass::kOther;
  const CharacterRange& range = *(after - 1);
  return code_point <= range.last ? range.kind : CharacterClass::kOther;
}

Piece NextPiece(std::string_view text, size_t begin) {
  if (const size_t length = ContractionLength(text.substr(begin)); length > 0) {
    return {begin + length, length, true};
  }
  Piece piece{begin, 0, true};
  CharacterClass kind = ClassOf(ReadUtf8(text, begin).code_point);
  if (text[begin] == ' ' && begin + 1 < text.size()) {
    const CharacterClass next = ClassOf(ReadUtf8(text, begin + 1).code_point);
    if (next != CharacterClass::kSpace) {  // one leading space belongs to what follows it
      kind = next;
      piece.end += 1;
      piece.utf8_bytes += 1;
    }
  }
  const size_t last = TakeRun(text, kind, &piece);
  // \s+(?!\S): before anything else a run of spaces leaves its last one behind, unless that is all
  // there is.
  if (kind == CharacterClass::kSpace && piece.end < text.size() && piece.end - begin > last) {
    piece.end -= last;
    piece.utf8_bytes -= last;
  }
  return piece;
}

}  // namespace parley
