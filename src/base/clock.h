// The clock of what is measured while it runs.
#pragma once

#include <chrono>

namespace parley {

// Milliseconds since an arbitrary moment; never runs backwards.
inline double NowMs() {
  using Clock = std::chrono::steady_clock;
  return std::chrono::duration<double, std::milli>(Clock::now().time_since_epoch()).count();
}

}  // namespace parley
