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

// Bytes of 's 't 're 've 'm 'll 'd at the beginning of `text`, or 0. Ignoring case, "'S" is one as
// well, and so is "'\u017f", the long s, which regular expressions hold to be an s.
size_t ContractionLength(std::string_view text, bool ignore_case) {
  if (text.size() < 2 || text[0] != '\'') return 0;
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  for (const std::string_view suffix : {"s", "t", "re", "ve", "m", "ll", "d"}) {
    const std::string_view found = text.substr(1, suffix.size());
    const bool same = ignore_case
                          ? std::equal(found.begin(), found.end(), suffix.begin(), suffix.end(),
                                       [&](char a, char b) { return lower(a) == b; })
                          : found == suffix;
    if (same) return 1 + suffix.size();
  }
  constexpr std::string_view kLongS = "\u017F";
  return ignore_case && text.substr(1).starts_with(kLongS) ? 1 + kLongS.size() : 0;
}

CharacterClass ClassAt(std::string_view text, size_t position) {
  return ClassOf(ReadUtf8(text, position).code_point);
}
bool IsAt(std::string_view text, size_t position, CharacterClass kind) {
  return position < text.size() && ClassAt(text, position) == kind;
}
bool IsLineBreak(char c) { return c == '\r' || c == '\n'; }

// Takes the character at piece->end; returns how many bytes it has in the text.
size_t Take(std::string_view text, Piece* piece) {
  const Utf8Character character = ReadUtf8(text, piece->end);
  piece->end += character.length;
  piece->utf8_bytes += character.well_formed ? character.length : kReplacementUtf8.size();
  piece->well_formed &= character.well_formed;
  return character.length;
}

// Takes characters of one class from `piece->end` on, at most `limit`; returns how many bytes the
// last one had in the text.
size_t TakeRun(std::string_view text, CharacterClass kind, Piece* piece, size_t limit = SIZE_MAX) {
  size_t last = 0;
  for (; limit > 0 && IsAt(text, piece->end, kind); --limit) last = Take(text, piece);
  return last;
}

// Leaves out what was taken last: `bytes` of a space.
void GiveBack(size_t bytes, Piece* piece) {
  piece->end -= bytes;
  piece->utf8_bytes -= bytes;
}

// The piece under kGpt2, or kSmollm, where a digit ends what is cut as the end of the text does.
Piece NextGpt2Piece(std::string_view text, size_t begin, bool digits_alone) {
  if (const size_t length = ContractionLength(text.substr(begin), false); length > 0) {
    return {begin + length, length, true};
  }
  Piece piece{begin, 0, true};
  CharacterClass kind = ClassAt(text, begin);
  if (digits_alone && kind == CharacterClass::kNumber) {
    Take(text, &piece);
    return piece;
  }
  if (text[begin] == ' ' && begin + 1 < text.size()) {
    const CharacterClass next = ClassAt(text, begin + 1);
    const bool apart = digits_alone && next == CharacterClass::kNumber;
    if (next != CharacterClass::kSpace && !apart) {  // one leading space belongs to what follows it
      kind = next;
      Take(text, &piece);
    }
  }
  const size_t last = TakeRun(text, kind, &piece);
  // \s+(?!\S): before anything else a run of spaces leaves its last one behind, unless that is all
  // there is.
  const bool at_end =
      piece.end == text.size() || (digits_alone && IsAt(text, piece.end, CharacterClass::kNumber));
  if (kind == CharacterClass::kSpace && !at_end && piece.end - begin > last) {
    GiveBack(last, &piece);
  }
  return piece;
}

// A run of spaces under kLlama3: up to its last line break where it has one, else all but the last,
// which belongs to what follows, unless that is all there is.
Piece NextLlama3Spaces(std::string_view text, size_t begin) {
  Piece piece{begin, 0, true};
  Piece to_line_break = piece;
  size_t last = 0;
  while (IsAt(text, piece.end, CharacterClass::kSpace)) {
    last = Take(text, &piece);
    if (IsLineBreak(text[piece.end - 1])) to_line_break = piece;
  }
  if (to_line_break.end > begin) return to_line_break;
  if (piece.end < text.size() && piece.end - begin > last) GiveBack(last, &piece);
  return piece;
}

Piece NextLlama3Piece(std::string_view text, size_t begin) {
  if (const size_t length = ContractionLength(text.substr(begin), true); length > 0) {
    return {begin + length, length, true};
  }
  Piece piece{begin, 0, true};
  const CharacterClass first = ClassAt(text, begin);
  if (first == CharacterClass::kNumber) {
    TakeRun(text, CharacterClass::kNumber, &piece, 3);
    return piece;
  }
  if (first != CharacterClass::kLetter && !IsLineBreak(text[begin])) {
    // Whatever stands before a letter belongs to it, one character.
    const size_t next = begin + ReadUtf8(text, begin).length;
    if (IsAt(text, next, CharacterClass::kLetter)) Take(text, &piece);
  }
  if (TakeRun(text, CharacterClass::kLetter, &piece) > 0) return piece;
  if (text[begin] == ' ' && IsAt(text, begin + 1, CharacterClass::kOther)) Take(text, &piece);
  if (TakeRun(text, CharacterClass::kOther, &piece) == 0) return NextLlama3Spaces(text, begin);
  while (piece.end < text.size() && IsLineBreak(text[piece.end])) Take(text, &piece);
  return piece;
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

Piece NextPiece(PreTokenizer kind, std::string_view text, size_t begin) {
  if (kind == PreTokenizer::kLlama3) return NextLlama3Piece(text, begin);
  return NextGpt2Piece(text, begin, kind == PreTokenizer::kSmollm);
}

}  // namespace parley
