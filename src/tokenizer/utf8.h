// UTF-8 from outside: one character at a time, ill-formed bytes as U+FFFD, and bytes that arrive in
// pieces held back until a character is whole. Knows nothing of tokens.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace parley {

inline constexpr uint32_t kReplacement = 0xFFFD;
inline constexpr std::string_view kReplacementUtf8 = "\xEF\xBF\xBD";

struct Utf8Character {
  uint32_t code_point;
  uint32_t length;   // bytes read, at least 1
  bool well_formed;  // false: code_point is kReplacement and stands for `length` ill-formed bytes
};

// The character at text[position] (position < text.size()). Ill-formed input gives one U+FFFD for
// each maximal subpart, as the WHATWG decoder does (Unicode 16, section 3.9, table 3-11).
Utf8Character ReadUtf8(std::string_view text, size_t position);

// Appends `text` with every ill-formed subpart replaced.
void AppendAsUtf8(std::string_view text, std::string* out);

// How many bytes at the end of `text` are the beginning of a character that more bytes could
// complete (0 to 3).
size_t IncompleteUtf8Tail(std::string_view text);

// Turns bytes that arrive in pieces into UTF-8: a character split between pieces is held until it
// is complete (T5).
class Utf8Stream {
 public:
  void Push(std::string_view bytes, std::string* out);  // appends what is complete
  void Finish(std::string* out);  // appends U+FFFD for what never was; ready for new text
  size_t held() const { return held_.size(); }  // bytes: 0 to 3
  // Takes the memory for pieces of up to `bytes` now.
  void Reserve(size_t bytes) { held_.reserve(bytes + 3); }

 private:
  std::string held_;
};

}  // namespace parley
