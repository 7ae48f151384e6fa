// The table of block sizes, from the type list of ggml (ggml.h, ggml-common.h).
#include "kernels/dtype.h"

namespace parley {

const DTypeTraits* GetDTypeTraits(uint32_t ggml_type) {
  static constexpr DTypeTraits kF32 = {"F32", 1, 4};
  static constexpr DTypeTraits kF16 = {"F16", 1, 2};
  static constexpr DTypeTraits kQ4_0 = {"Q4_0", 32, 18};  // f16 scale, 16 bytes of nibbles
  static constexpr DTypeTraits kQ4_1 = {"Q4_1", 32, 20};  // and an f16 minimum
  static constexpr DTypeTraits kQ5_0 = {"Q5_0", 32,
                                        22};  // f16 scale, 4 bytes of fifth bits, nibbles
  static constexpr DTypeTraits kQ5_1 = {"Q5_1", 32, 24};
  static constexpr DTypeTraits kQ8_0 = {"Q8_0", 32, 34};  // f16 scale, 32 signed bytes
  static constexpr DTypeTraits kQ8_1 = {"Q8_1", 32, 36};  // and an f16 sum
  static constexpr DTypeTraits kQ2_K = {"Q2_K", 256, 84};
  static constexpr DTypeTraits kQ3_K = {"Q3_K", 256, 110};
  static constexpr DTypeTraits kQ4_K = {"Q4_K", 256, 144};
  static constexpr DTypeTraits kQ5_K = {"Q5_K", 256, 176};
  static constexpr DTypeTraits kQ6_K = {"Q6_K", 256, 210};
  static constexpr DTypeTraits kQ8_K = {"Q8_K", 256, 292};
  static constexpr DTypeTraits kIQ4_NL = {"IQ4_NL", 32, 18};
  static constexpr DTypeTraits kI8 = {"I8", 1, 1};
  static constexpr DTypeTraits kI16 = {"I16", 1, 2};
  static constexpr DTypeTraits kI32 = {"I32", 1, 4};
  static constexpr DTypeTraits kI64 = {"I64", 1, 8};
  static constexpr DTypeTraits kF64 = {"F64", 1, 8};
  static constexpr DTypeTraits kBF16 = {"BF16", 1, 2};
  switch (static_cast<DType>(ggml_type)) {
    case DType::kF32:
      return &kF32;
    case DType::kF16:
      return &kF16;
    case DType::kQ4_0:
      return &kQ4_0;
    case DType::kQ4_1:
      return &kQ4_1;
    case DType::kQ5_0:
      return &kQ5_0;
    case DType::kQ5_1:
      return &kQ5_1;
    case DType::kQ8_0:
      return &kQ8_0;
    case DType::kQ8_1:
      return &kQ8_1;
    case DType::kQ2_K:
      return &kQ2_K;
    case DType::kQ3_K:
      return &kQ3_K;
    case DType::kQ4_K:
      return &kQ4_K;
    case DType::kQ5_K:
      return &kQ5_K;
    case DType::kQ6_K:
      return &kQ6_K;
    case DType::kQ8_K:
      return &kQ8_K;
    case DType::kIQ4_NL:
      return &kIQ4_NL;
    case DType::kI8:
      return &kI8;
    case DType::kI16:
      return &kI16;
    case DType::kI32:
      return &kI32;
    case DType::kI64:
      return &kI64;
    case DType::kF64:
      return &kF64;
    case DType::kBF16:
      return &kBF16;
  }
  return nullptr;
}

}  // namespace parley
