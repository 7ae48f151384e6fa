// How fuzz targets state what must hold for any input: a violated property aborts and names itself.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "base/result.h"

namespace parley::test {

// A file of n bytes may take 4 n and this much to be refused.
constexpr uint64_t kRefusalBytes = 1 << 20;

inline void Require(bool holds, const char* property) {
  if (holds) return;
  std::fprintf(stderr, "violated: %s\n", property);
  std::abort();
}

inline void RequireTyped(const Error& error) {
  Require(error.code != Code::kOk && !error.message.empty(), "an error has a code and a message");
}

}  // namespace parley::test
