// The words of a reply as its tokens come: characters that are whole, up to the first stop text,
// without the space that the layout put before them. Knows bytes, not tokens.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "chat/stop_text.h"
#include "tokenizer/utf8.h"

namespace parley {

class ReplyText {
 public:
  ReplyText() = default;
  // `longest_token`: bytes of the longest piece that will come; taking it takes no memory then.
  // `trim_space`: the layout puts a space before the reply that is not part of it.
  ReplyText(std::vector<std::string> stops, size_t longest_token, bool trim_space);

  // Takes a token's bytes. True when a stop text was found, which ends the words.
  bool Push(std::string_view bytes);
  // The reply is over: what was held back is shown, half a character as U+FFFD.
  void Finish();

  // What can be shown since the last Clear(); holds back half a character (T5) and the beginning
  // of a stop text.
  std::string_view shown() const { return shown_; }
  void Clear() { shown_.clear(); }

 private:
  void TrimSpace();

  Utf8Stream characters_;
  StopText stop_text_ = StopText({});
  bool trim_space_ = false;  // still to be done
  std::string decoded_;      // whole characters of one token
  std::string shown_;
};

}  // namespace parley
