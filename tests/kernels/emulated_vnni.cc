// The very template of the avx_vnni table, with vpdpbusd replaced by SSE4.1 instructions that give
// the same sums.
#include "kernels/emulated_dots.h"
#include "kernels/generic.h"
#include "kernels/simd_x86.h"

namespace parley::test {
namespace {

struct EmulatedVnniDot {
  static __m128i Dot(__m128i acc, __m128i w, __m128i x) {
    vnni_products += 16;
    const __m128i low = _mm_madd_epi16(_mm_cvtepu8_epi16(w), _mm_cvtepi8_epi16(x));
    const __m128i high = _mm_madd_epi16(_mm_cvtepu8_epi16(_mm_srli_si128(w, 8)),
                                        _mm_cvtepi8_epi16(_mm_srli_si128(x, 8)));
    return _mm_add_epi32(acc, _mm_hadd_epi32(low, high));
  }
};

}  // namespace

extern const KernelTable kEmulatedVnni;
constinit const KernelTable kEmulatedVnni =
    MakeTable<X86BytesSimd<EmulatedVnniDot>>("emulated avx_vnni", "u8 x s8");

}  // namespace parley::test
