// Which tables run here, and that each is really its own code.
#include <catch2/catch_test_macros.hpp>
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

TEST_CASE("dispatch: what was compiled but cannot run here is named") {
#if defined(PARLEY_X86_KERNELS)
  for (const char* name : {"sse41", "avx2"}) {
    if (!Names().contains(name))
      WARN(std::string(name) + " was compiled, but this processor cannot run it: untested");
  }
  if (!Names().contains("avx_vnni")) {
    WARN(
        "avx_vnni was compiled, but this processor cannot run it: only its template over an "
        "emulated vpdpbusd is "
        "tested here");
  }
#elif defined(PARLEY_WASM_KERNELS) && defined(__wasm_relaxed_simd__)
  const RelaxedDot found = ProbeRelaxedDot();
  if (found == RelaxedDot::kNone)
    WARN("this engine's relaxed dot is wrong: wasm_relaxed is untested here");
  for (const RelaxedDot dot : {RelaxedDot::kUnsigned, RelaxedDot::kSigned, RelaxedDot::kNibbles}) {
    if (dot != found) {
      WARN("wasm_relaxed with '" + std::string(WasmRelaxedKernels(dot)->dot) +
           "' cannot run here: only its algorithm over an emulated dot is tested");
    }
  }
#endif
  CHECK(!AllKernels().empty());
#if defined(PARLEY_FORCE_SCALAR)
  CHECK(AllKernels().size() == 1);
#endif
}

}  // namespace
}  // namespace parley
