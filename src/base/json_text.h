// Writing JSON: strings and numbers as text. Reading JSON is formats/'s, over a library.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace parley {

// Appends `text` in quotes, escaped (RFC 8259 section 7). Bytes that are no UTF-8 become U+FFFD, so
// that the result is always valid JSON.
void AppendJsonString(std::string_view text, std::string* json);

// Appends the shortest decimal that reads back as `value`; null for NaN and infinities, which JSON
// has not.
void AppendJsonNumber(double value, std::string* json);

}  // namespace parley
