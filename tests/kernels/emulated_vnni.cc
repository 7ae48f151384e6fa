// The very template of the avx_vnni table, with vpdpbusd replaced by AVX2 instructions that give
// the same sums.
#include "kernels/emulated_dots.h"
#include "kernels/generic.h"
#include "kernels/simd_avx2.h"

namespace parley::test {
namespace {

struct EmulatedVnniDot {
  static __m256i Dot(__m256i acc, __m256i w, __m256i x) {
    vnni_products += 32;
    const __m256i even = _mm256_madd_epi16(_mm256_and_si256(w, _mm256_set1_epi16(255)),
                                           _mm256_srai_epi16(_mm256_slli_epi16(x, 8), 8));
    const __m256i odd = _mm256_madd_epi16(_mm256_srli_epi16(w, 8), _mm256_srai_epi16(x, 8));
    return _mm256_add_epi32(acc, _mm256_add_epi32(even, odd));
  }
};

}  // namespace

extern const KernelTable kEmulatedVnni;
constinit const KernelTable kEmulatedVnni =
    MakeTable<VnniSimd<EmulatedVnniDot>>("emulated avx_vnni", "u8 x s8");

}  // namespace parley::test
