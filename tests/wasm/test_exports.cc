#include "wasm/test_exports.h"

#include <cstdlib>
#include <string>

#include "base/json_writer.h"
#include "exactness/exactness.h"
#include "support/load_model.h"

void parley_test_trap(void) { __builtin_trap(); }

void parley_test_out_of_bounds(void) {
  // The address is volatile so that the read is not known to be undefined and removed.
  volatile uintptr_t address = UINTPTR_MAX - 15;
  (void)*reinterpret_cast<volatile uint64_t*>(address);
}

void parley_test_spin(void) {
  volatile bool forever = true;
  while (forever) {
  }
}

void parley_test_abort(void) { std::abort(); }

namespace parley {
namespace {

Result<exactness::Outcome> LoadAndRun(std::span<const uint8_t> file, uint32_t threads,
                                      exactness::Split split) {
  TRY_ASSIGN(auto engine, test::LoadBytes(file, {.threads = threads}));
  return exactness::Run(engine.get(), split);
}

std::string ToJson(const Result<exactness::Outcome>& outcome) {
  JsonWriter json;
  json.BeginObject();
  if (!outcome.ok()) {
    json.Key("error").String(outcome.error().message);
  } else {
    json.Key("hash").String(exactness::HashText(outcome->hash));
    json.Key("ids").BeginArray();
    for (const auto& ids : outcome->ids) {
      json.BeginArray();
      for (const int32_t id : ids) json.Number(id);
      json.EndArray();
    }
    json.EndArray();
  }
  json.EndObject();
  return json.text();
}

}  // namespace
}  // namespace parley

const char* parley_test_exactness(const uint8_t* bytes, uint32_t size, uint32_t threads,
                                  int32_t split) {
  static std::string text;
  text = parley::ToJson(
      parley::LoadAndRun({bytes, size}, threads, parley::exactness::kSplits[split % 3]));
  return text.c_str();
}
