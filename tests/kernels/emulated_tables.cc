// Tables of kernels over emulated dot products: the algorithms that other processors run, on this
// one.
#include <cstring>

#include "kernels/emulated_dots.h"
#include "kernels/generic.h"
#include "kernels/oracle.h"
#include "kernels/simd_scalar.h"

namespace parley::test {
namespace {

struct UnsignedSimd : ScalarLanes {
  using Lanes = ScalarLanes;
  using Columns = ScalarLanes;
  using Q8 = ScalarQ8<UnsignedProduct>;
  using Q4 = ScalarQ4<UnsignedProduct>;
};

struct NoDotprodSimd : ScalarLanes {
  using Lanes = ScalarLanes;
  using Columns = ScalarLanes;
  using Q8 = ScalarQ8<NoDotprodProduct>;
  using Q4 = ScalarQ4<NoDotprodProduct>;
};

// Pairs of words (pmaddwd, i32x4.dot_i16x8_s).
struct Pairs {
  using Code = int16_t;
  struct Weights {
    int16_t word[8];
  };
  struct Values {
    int16_t value[2];
  };
  using Acc = ScalarLanes::I;
  static constexpr int kStep = 2;
  static constexpr int kTileTokens = 4;
  static Values SplatCodes(const Code* p) { return {{p[0], p[1]}}; }
  static Acc Dot(Acc acc, Weights w, Values x) {
    pair_products += 8;
    for (int i = 0; i < 8; ++i) acc.lane[i / 2] += w.word[i] * x.value[i % 2];
    return acc;
  }
  static Acc Finish(Acc acc, int32_t) { return acc; }
};
struct PairsQ8 : Pairs {
  static constexpr int kStepsPerChunk = 1;
  static constexpr int kChunkBytes = 16;
  static constexpr int kBias = 0;
  static Acc Start(int32_t) { return ScalarLanes::Splat(int32_t{0}); }
  static void LoadWeights(const uint8_t* chunk, Weights (&w)[1][2]) {
    for (int i = 0; i < 16; ++i) w[0][i / 8].word[i % 8] = static_cast<int8_t>(chunk[i]);
  }
};
struct PairsQ4 : Pairs {
  static constexpr int kStepsPerChunk = 2;
  static constexpr int kChunkBytes = 16;
  static constexpr int kBias = 8;
  static Acc Start(int32_t sum) { return ScalarLanes::Splat(-kBias * sum); }
  static void LoadWeights(const uint8_t* chunk, Weights (&w)[2][2]) {
    for (int i = 0; i < 8; ++i) {
      const int word = chunk[i * 2] | chunk[i * 2 + 1] << 8;
      for (int plane = 0; plane < 4; ++plane) {
        w[plane / 2][plane % 2].word[i] = static_cast<int16_t>(word >> plane * 4 & 15);
      }
    }
  }
};
struct PairsSimd : ScalarLanes {
  using Lanes = ScalarLanes;
  using Columns = ScalarLanes;
  using Q8 = PairsQ8;
  using Q4 = PairsQ4;
};

// Saturating pairs of bytes, summed in 16 bits over a block.
struct NibblesQ4 : ScalarBytes<UnsignedProduct> {
  struct Acc {
    int16_t word[8];
  };
  static constexpr int kBias = 8;
  static constexpr int kChunkBytes = 16;
  static Acc Start(int32_t) { return {}; }
  static void LoadWeights(const uint8_t* chunk, Weights (&w)[1][2]) {
    ScalarQ4<UnsignedProduct>::LoadWeights(chunk, w);
  }
  static Acc Dot(Acc acc, Weights w, Values x) {
    nibble_products += 16;
    for (int i = 0; i < 8; ++i) {
      acc.word[i] = Wrap16(acc.word[i] + SaturatingPair(w.byte + i * 2, x.value + i % 2 * 2));
    }
    return acc;
  }
  static ScalarLanes::I Finish(Acc acc, int32_t sum) {
    ScalarLanes::I result;
    for (int i = 0; i < 4; ++i)
      result.lane[i] = acc.word[i * 2] + acc.word[i * 2 + 1] - kBias * sum;
    return result;
  }
};
struct SaturatingSimd : ScalarLanes {
  using Lanes = ScalarLanes;
  using Columns = ScalarLanes;
  using Q8 = PairsQ8;
  using Q4 = NibblesQ4;
};

constexpr KernelTable kUnsigned = MakeTable<UnsignedSimd>("emulated u8 dot", "u8 x s8");
constexpr KernelTable kNoDotprod =
    MakeTable<NoDotprodSimd>("emulated Arm without DOTPROD", "s8 x s8");
constexpr KernelTable kPairs = MakeTable<PairsSimd>("emulated pairs", "s16 pairs");
constexpr KernelTable kSaturating = MakeTable<SaturatingSimd>(
    "emulated saturating dot", "s16 pairs; Q4_0: u8 x s8 pairs in 16 bits");

}  // namespace

#if defined(PARLEY_X86_KERNELS)
extern const KernelTable kEmulatedVnni;
#endif

std::vector<EmulatedTable> EmulatedTables() {
  std::vector<EmulatedTable> tables = {{&kUnsigned, &unsigned_products},
                                       {&kNoDotprod, &no_dotprod_products},
                                       {&kPairs, &pair_products},
                                       {&kSaturating, &nibble_products}};
#if defined(PARLEY_X86_KERNELS)
  if (__builtin_cpu_supports("avx2")) tables.push_back({&kEmulatedVnni, &vnni_products});
#endif
  return tables;
}

}  // namespace parley::test
