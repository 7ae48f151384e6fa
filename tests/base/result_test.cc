#include "base/result.h"

#include <catch2/catch_test_macros.hpp>
#include <memory>
#include <set>
#include <string>

using parley::Code;
using parley::CodeName;
using parley::MakeError;
using parley::Result;
using parley::Status;

namespace {

Result<std::unique_ptr<int>> MakeInt(bool good) {
  if (!good) return MakeError(Code::kLimit, "no int", 7);
  return std::make_unique<int>(5);
}

Result<int> UseInt(bool good) {
  TRY_ASSIGN(const std::unique_ptr<int> value, MakeInt(good));
  return *value + 1;
}

Status CheckInt(bool good) {
  TRY(MakeInt(good));
  return {};
}

}  // namespace

TEST_CASE("a result holds a value or an error, and errors pass up whole") {
  CHECK(*UseInt(true) == 6);
  CHECK(CheckInt(true).ok());
  const Result<int> failed = UseInt(false);
  REQUIRE_FALSE(failed.ok());
  CHECK(failed.error().code == Code::kLimit);
  CHECK(failed.error().offset == 7);
  CHECK(failed.error().message == "no int");
  CHECK(CheckInt(false).error().message == "no int");
  CHECK(UseInt(true).error().code == Code::kOk);
}

TEST_CASE("every code has a name of its own") {
  std::set<std::string> names;
  constexpr int kLast = static_cast<int>(Code::kKernelsChanged);
  for (int code = 0; code <= kLast; ++code) names.insert(CodeName(static_cast<Code>(code)));
  CHECK(names.size() == kLast + 1);
  CHECK_FALSE(names.contains("UNKNOWN"));
  CHECK(std::string(CodeName(static_cast<Code>(kLast + 1))) == "UNKNOWN");
  CHECK(std::string(CodeName(Code::kBadMagic)) == "BAD_MAGIC");
}
