// A file that must not load, for the tests of faults.
#pragma once

#include <catch2/catch_test_macros.hpp>
#include <string>

#include "support/gguf_file.h"
#include "support/load_model.h"

namespace parley::test {

inline void Refused(const GgufFile& file, Code code, const std::string& in_message) {
  const auto engine = LoadBytes(file.Build().bytes);
  REQUIRE_FALSE(engine.ok());
  INFO(CodeName(engine.error().code) << ": " << engine.error().message);
  CHECK(std::string(CodeName(engine.error().code)) == CodeName(code));
  CHECK(engine.error().message.find(in_message) != std::string::npos);
}

}  // namespace parley::test
