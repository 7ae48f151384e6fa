// Makes the table of kernels of one Simd type. Included by one source file an instruction set,
// which compiles it with that set's flags; everything is in an unnamed namespace, so that the
// linker cannot mix the results.
#pragma once

#include "kernels/generic_attention.h"
#include "kernels/generic_matmul.h"
#include "kernels/generic_rows.h"
#include "kernels/kernels.h"

namespace parley {
namespace {

// Only products and packing differ between Simd types of the same lanes; S::Lanes shares the rest.
template <typename S>
constexpr KernelTable MakeTable(const char* name, const char* dot) {
  using Lanes = typename S::Lanes;
  return {
      .name = name,
      .dot = dot,
      .pack_panel = PackPanel<S>,
      .unpack_row = UnpackRow<S>,
      .quantize_activations = QuantizeActivations<S>,
      .matmul = Matmul<S>,
      .layer_norm = LayerNorm<Lanes>,
      .rms_norm = RmsNorm<Lanes>,
      .gelu = Gelu<Lanes>,
      .add = AddRow<Lanes>,
      .swiglu = SwiGlu<Lanes>,
      .rotate_pairs = RotatePairs,
      .store_kv = StoreKv,
      .attention = Attention<Lanes>,
      .attention_weights = AttentionWeights<Lanes>,
      .exp = ExpRow<Lanes>,
      .all_finite = AllFinite<Lanes>,
  };
}

}  // namespace
}  // namespace parley
