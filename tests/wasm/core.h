// What every test of the C interface starts from: a core of its own, and its results as values.
#pragma once

#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>
#include <string>

#include "base/result.h"
#include "wasm/c_api.h"

namespace parley::test {

// What a function of the C interface returns for an error.
constexpr int32_t Failed(Code code) { return -static_cast<int32_t>(code); }

class Core {
 public:
  Core() : parley_(parley_create()) { REQUIRE(parley_ != nullptr); }
  ~Core() { parley_destroy(parley_); }
  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;
  operator Parley*() const { return parley_; }

  std::string Result() const { return Text(*parley_result(parley_)); }
  nlohmann::json Json() const { return nlohmann::json::parse(Result()); }
  std::string Message() const { return Text(parley_error(parley_)->message); }

 protected:
  static std::string Text(const ParleyBytes& bytes) {
    return {reinterpret_cast<const char*>(bytes.data), bytes.size};
  }

  Parley* const parley_;
};

}  // namespace parley::test
