// AppendAsUtf8 as a function of its text alone.
#pragma once

#include <string>
#include <string_view>

#include "tokenizer/utf8.h"

namespace parley::test {

inline std::string AsUtf8(std::string_view text) {
  std::string out;
  AppendAsUtf8(text, &out);
  return out;
}

}  // namespace parley::test
