#include "cli/printable.h"

#include "tokenizer/utf8.h"

namespace parley {

std::string Printable(std::string_view text, size_t max_bytes) {
  std::string shown;
  for (size_t at = 0; at < text.size();) {
    const Utf8Character c = ReadUtf8(text, at);
    if (at + c.length > max_bytes) return shown + "...";
    const bool control = c.code_point < 0x20 || (c.code_point >= 0x7f && c.code_point < 0xa0);
    if (control || !c.well_formed) {
      shown += '?';
    } else {
      shown += text.substr(at, c.length);
    }
    at += c.length;
  }
  return shown;
}

}  // namespace parley
