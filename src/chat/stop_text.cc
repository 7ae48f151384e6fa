// What is held back is always shorter than the longest stop text, so that searching it is cheap.
#include "chat/stop_text.h"

#include <algorithm>

namespace parley {
namespace {

// Bytes at the end of `text` that begin `stop`, the whole of `stop` excluded.
size_t PartialMatch(std::string_view text, std::string_view stop) {
  for (size_t size = std::min(text.size(), stop.size() - 1); size > 0; --size) {
    if (text.substr(text.size() - size) == stop.substr(0, size)) return size;
  }
  return 0;
}

}  // namespace

bool StopText::Push(std::string_view text, std::string* out) {
  held_ += text;
  size_t found = std::string::npos;
  size_t partial = 0;
  for (const std::string& stop : stops_) {
    found = std::min(found, held_.find(stop));
    partial = std::max(partial, PartialMatch(held_, stop));
  }
  if (found != std::string::npos) {
    out->append(held_, 0, found);
    held_.clear();
    return true;
  }
  const size_t free = held_.size() - partial;
  out->append(held_, 0, free);
  held_.erase(0, free);
  return false;
}

void StopText::Reserve(size_t bytes) {
  size_t longest = 0;
  for (const std::string& stop : stops_) longest = std::max(longest, stop.size());
  held_.reserve(longest + bytes);
}

void StopText::Finish(std::string* out) {
  *out += held_;
  held_.clear();
}

}  // namespace parley
