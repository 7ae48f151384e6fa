// Cuts a reply at the first stop text, also where it spans several pieces, and holds back what may
// yet become one.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace parley {

class StopText {
 public:
  // No stop text is empty.
  explicit StopText(std::vector<std::string> stops) : stops_(std::move(stops)) {}

  // Takes more of the reply (whole characters) and appends to `out` what can no longer be part of a
  // stop text. True when one was found: what stands before it has been appended, and the rest is
  // dropped.
  bool Push(std::string_view text, std::string* out);
  // The reply is over: appends what was held back.
  void Finish(std::string* out);
  // Takes the memory for pieces of up to `bytes` now.
  void Reserve(size_t bytes);

 private:
  std::vector<std::string> stops_;
  std::string held_;
};

}  // namespace parley
