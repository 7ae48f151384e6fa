// Bytes become characters first, then stop texts are looked for: a stop text never begins within a
// character.
#include "chat/reply_text.h"

#include <algorithm>
#include <utility>

namespace parley {

ReplyText::ReplyText(std::vector<std::string> stops, size_t longest_token, bool trim_space)
    : trim_space_(trim_space) {
  // Each byte of a token can become a U+FFFD of three.
  const size_t most = 3 * (longest_token + 3);
  size_t longest_stop = 0;
  for (const std::string& stop : stops) longest_stop = std::max(longest_stop, stop.size());
  stop_text_ = StopText(std::move(stops));
  characters_.Reserve(longest_token);
  stop_text_.Reserve(most);
  decoded_.reserve(most);
  shown_.reserve(most + longest_stop);
}

bool ReplyText::Push(std::string_view bytes) {
  decoded_.clear();
  characters_.Push(bytes, &decoded_);
  const bool stopped = stop_text_.Push(decoded_, &shown_);
  if (stopped) {
    stop_text_ = StopText({});
    characters_ = Utf8Stream();
  }
  TrimSpace();
  return stopped;
}

void ReplyText::Finish() {
  decoded_.clear();
  characters_.Finish(&decoded_);
  stop_text_.Push(decoded_, &shown_);
  stop_text_.Finish(&shown_);
  TrimSpace();
}

void ReplyText::TrimSpace() {
  if (!trim_space_ || shown_.empty()) return;
  if (shown_[0] == ' ') shown_.erase(0, 1);
  trim_space_ = false;
}

}  // namespace parley
