// What a terminal may be shown of text that came from a file: its characters, none of which moves
// the cursor, changes colours or answers in the user's name.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace parley {

// `text` with '?' for each control character (C0, DEL and C1: Unicode's category Cc, in which
// escape sequences begin) and for what is no UTF-8. Beyond `max_bytes` it ends with "...", between
// characters.
std::string Printable(std::string_view text, size_t max_bytes = std::string_view::npos);

}  // namespace parley
