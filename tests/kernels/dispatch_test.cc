// Which tables run here, and that each is really its own code.
#include <catch2/catch_test_macros.hpp>
#include <map>
#include <set>
#include <string>

#include "kernels/oracle.h"
#include "kernels/tables.h"

namespace parley {
namespace {

std::set<std::string> Names() {
  std::set<std::string> names;
  for (const KernelTable* table : AllKernels()) names.insert(table->name);
  return names;
}

TEST_CASE("dispatch: the scalar table comes first, the chosen one last, each once") {
  CHECK(std::string(AllKernels()[0]->name) == "scalar");
  CHECK(&Kernels() == AllKernels().back());
  CHECK(Names().size() == AllKernels().size());
  CHECK(KernelsStillHold());
}

TEST_CASE("dispatch: every table has functions of its own") {
  std::set<const void*> functions;
  for (const KernelTable* table : AllKernels()) {
    functions.insert(reinterpret_cast<const void*>(table->matmul));
    functions.insert(reinterpret_cast<const void*>(table->pack_panel));
    functions.insert(reinterpret_cast<const void*>(table->quantize_activations));
  }
  CHECK(functions.size() == AllKernels().size() * 3);
}

TEST_CASE("dispatch: each emulated dot product sums every product of a matmul itself") {
  for (const test::EmulatedTable& emulated : test::EmulatedTables()) {
    INFO(emulated.table->name);
    for (const DType type : {DType::kQ8_0, DType::kQ4_0}) {
      const test::Matrix w = test::RandomMatrix(type, 40, 64, 1);
      const test::Packed packed(*emulated.table, w);
      test::Activations x(5, 64);
      x.Quantize(*emulated.table, std::vector<float>(5 * 64, 1.0f));
      std::vector<float> y(5 * 40);
      const uint64_t before = *emulated.products;
      emulated.table->matmul(x.get(), packed.matrix(), nullptr, 0, 5, y.data(), 40);
      const bool q8_by_pairs =
          type == DType::kQ8_0 && std::string(emulated.table->name) == "emulated saturating dot";
      CHECK(*emulated.products - before == (q8_by_pairs ? 0 : 5 * 40 * 64));
    }
  }
}

// What a build has beyond the scalar table is there exactly when the processor can run it. What is
// missing stays untested here but for its algorithm over an emulated dot product, which is said.
TEST_CASE("dispatch: a table is there exactly when this processor can run it") {
  std::map<std::string, bool> runs = {{"scalar", true}};
#if defined(PARLEY_X86_KERNELS)
  runs["sse41"] = __builtin_cpu_supports("sse4.1") != 0;
  runs["avx2"] = __builtin_cpu_supports("avx2") != 0;
  runs["avx_vnni"] = runs["avx2"] && __builtin_cpu_supports("avxvnni") != 0;
#elif defined(PARLEY_WASM_KERNELS)
  runs["wasm_simd128"] = true;
#if defined(__wasm_relaxed_simd__)
  const RelaxedDot found = ProbeRelaxedDot();
  runs["wasm_relaxed"] = found != RelaxedDot::kNone;
  CHECK(WasmRelaxedKernels(RelaxedDot::kNone) == nullptr);
  for (const RelaxedDot dot : {RelaxedDot::kUnsigned, RelaxedDot::kSigned, RelaxedDot::kNibbles}) {
    const KernelTable* table = WasmRelaxedKernels(dot);
    REQUIRE(table != nullptr);
    CHECK((table == AllKernels().back()) == (dot == found));
    if (dot != found) WARN("wasm_relaxed with '" << table->dot << "' cannot run here: untested");
  }
#endif
#endif
  std::set<std::string> expected;
  for (const auto& [name, can_run] : runs) {
    if (can_run) expected.insert(name);
    if (!can_run) WARN(name << " was compiled, but this processor cannot run it: untested");
  }
  CHECK(Names() == expected);
}

}  // namespace
}  // namespace parley
