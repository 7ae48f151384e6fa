// Attention of every table: near the formula in double precision, the scalar table's bits, and the
// same bits however queries, heads and context were split.
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <limits>

#include "kernels/oracle.h"

namespace parley {
namespace {

using test::BitsOf;
using test::Random;

struct Heads {
  uint32_t queries;
  uint32_t keys;
  AttentionShape Shape(uint32_t head_size, uint32_t context) const {
    return {.n_heads = queries, .n_kv_heads = keys, .head_size = head_size, .context = context};
  }
};
// One key head a query head, one for three, one for all.
constexpr Heads kHeads[] = {{3, 3}, {6, 2}, {2, 1}};

struct Cache {
  std::vector<float> k;
  std::vector<float> v;
};

std::vector<float> RandomRows(uint32_t rows, const AttentionShape& shape, uint64_t seed) {
  Random random(seed);
  std::vector<float> qkv(rows * shape.qkv_width());
  for (float& value : qkv) value = random.Uniform(-2, 2);
  return qkv;
}

// A cache whose unwritten rows are NaN: whatever reads them shows.
Cache PoisonedCache(const AttentionShape& shape) {
  const size_t floats = KvCacheFloats(shape.n_kv_heads, shape.head_size, shape.context);
  return {std::vector<float>(floats, std::nanf("")), std::vector<float>(floats, std::nanf(""))};
}

// Appends rows [first, first + queries) of qkv to the cache and attends, the key heads, then the
// query heads in calls of `heads` at once.
void Append(const KernelTable& table, AttentionShape shape, const std::vector<float>& qkv,
            uint32_t first, uint32_t queries, uint32_t heads, Cache* cache,
            std::vector<float>* out) {
  shape.first_position = first;
  shape.queries = queries;
  const float* rows = qkv.data() + first * shape.qkv_width();
  std::vector<float> scores(AttentionScratchFloats(shape.context), std::nanf(""));
  for (uint32_t head = 0; head < shape.n_kv_heads; head += heads) {
    const uint32_t end = std::min(shape.n_kv_heads, head + heads);
    table.store_kv(shape, rows, head, end, cache->k.data(), cache->v.data());
  }
  for (uint32_t head = 0; head < shape.n_heads; head += heads) {
    const uint32_t end = std::min(shape.n_heads, head + heads);
    table.attention(shape, rows, cache->k.data(), cache->v.data(), head, end, scores.data(),
                    out->data() + first * shape.width());
  }
}

std::vector<float> AttendInSteps(const KernelTable& table, const AttentionShape& shape,
                                 const std::vector<float>& qkv, uint32_t rows, uint32_t step,
                                 uint32_t heads) {
  Cache cache = PoisonedCache(shape);
  std::vector<float> out(rows * shape.width(), std::nanf(""));
  for (uint32_t first = 0; first < rows; first += step) {
    Append(table, shape, qkv, first, std::min(step, rows - first), heads, &cache, &out);
  }
  return out;
}

// softmax(q k^T / sqrt(d)) v in double, query head h with key head h / (query heads / key heads);
// also the sum of |weight * v|, to which errors are proportional.
struct Exact {
  double value;
  double magnitude;
};
std::vector<Exact> AttendExactly(const AttentionShape& shape, const std::vector<float>& qkv,
                                 uint32_t rows) {
  const uint32_t d = shape.head_size;
  const uint32_t heads_a_row = shape.n_heads + 2 * shape.n_kv_heads;
  std::vector<Exact> out(size_t{rows} * shape.n_heads * d);
  for (uint32_t head = 0; head < shape.n_heads; ++head) {
    const uint32_t key_head = head / (shape.n_heads / shape.n_kv_heads);
    const uint32_t head_of[] = {head, shape.n_heads + key_head,
                                shape.n_heads + shape.n_kv_heads + key_head};
    const auto at = [&](uint32_t row, uint32_t part, uint32_t i) {
      return double{qkv[(row * heads_a_row + head_of[part]) * d + i]};
    };
    for (uint32_t row = 0; row < rows; ++row) {
      std::vector<double> weights(row + 1);
      double sum = 0;
      for (uint32_t past = 0; past <= row; ++past) {
        double score = 0;
        for (uint32_t i = 0; i < d; ++i) score += at(row, 0, i) * at(past, 1, i);
        weights[past] = std::exp(score / std::sqrt(d));
        sum += weights[past];
      }
      for (uint32_t i = 0; i < d; ++i) {
        Exact& exact = out[(size_t{row} * shape.n_heads + head) * d + i];
        exact = {0, 0};
        for (uint32_t past = 0; past <= row; ++past) {
          exact.value += weights[past] / sum * at(past, 2, i);
          exact.magnitude += weights[past] / sum * std::abs(at(past, 2, i));
        }
      }
    }
  }
  return out;
}

TEST_CASE("attention: near the formula, with unwritten rows poisoned") {
  for (const KernelTable* table : test::TablesUnderTest()) {
    for (const Heads& heads : kHeads) {
      INFO(table->name << ", " << heads.queries << " heads over " << heads.keys);
      for (const uint32_t head_size : {1u, 2u, 3u, 4u, 5u, 8u, 30u, 32u, 33u, 64u, 80u}) {
        const AttentionShape shape = heads.Shape(head_size, 37);
        constexpr uint32_t kRows = 37;
        const std::vector<float> qkv = RandomRows(kRows, shape, head_size);
        const std::vector<float> out = AttendInSteps(*table, shape, qkv, kRows, kRows, 3);
        const std::vector<Exact> exact = AttendExactly(shape, qkv, kRows);
        for (size_t i = 0; i < out.size(); ++i) {
          // A score is a sum of d products of magnitude up to 4, d roundings of the running sum,
          // divided by sqrt(d): off by at most d * 4 * d * 2^-24 / sqrt(d), on both sides of a
          // difference; it is the relative error of a weight. Then 2 units of Exp and at most 2 *
          // rows + 4 roundings of sums.
          const double d = head_size;
          const double relative = 2 * 4 * d * std::sqrt(d) * 0x1p-24 + (2 * kRows + 12) * 0x1p-24;
          REQUIRE(std::abs(out[i] - exact[i].value) <= 2 * relative * exact[i].magnitude);
        }
      }
    }
  }
}

TEST_CASE(
    "attention: every table gives the scalar table's bits, however the rows and heads are split") {
  for (const Heads& heads : kHeads) {
    for (const uint32_t head_size : {3u, 4u, 32u, 36u, 64u}) {
      const AttentionShape shape = heads.Shape(head_size, 71);
      constexpr uint32_t kRows = 70;
      const std::vector<float> qkv = RandomRows(kRows, shape, head_size + 100);
      const auto expected = BitsOf(AttendInSteps(*AllKernels()[0], shape, qkv, kRows, 1, 3));
      for (const KernelTable* table : test::TablesUnderTest()) {
        INFO(table->name << ", head size " << head_size << ", " << heads.queries << " heads over "
                         << heads.keys);
        for (const uint32_t step : {1u, 2u, 3u, 4u, 5u, 7u, 8u, 64u, 70u}) {
          for (const uint32_t at_once : {1u, 2u, 3u}) {
            REQUIRE(BitsOf(AttendInSteps(*table, shape, qkv, kRows, step, at_once)) == expected);
          }
        }
        // A larger context has other strides, and the same results.
        AttentionShape larger = shape;
        larger.context = 1000;
        REQUIRE(BitsOf(AttendInSteps(*table, larger, qkv, kRows, 70, 3)) == expected);
      }
    }
  }
}

TEST_CASE("attention: rows beyond the position are dropped, whatever they hold") {
  for (const KernelTable* table : test::TablesUnderTest()) {
    INFO(table->name);
    const AttentionShape shape = Heads{2, 2}.Shape(16, 40);
    const std::vector<float> qkv = RandomRows(40, shape, 5);
    for (const float stale : {0.0f, 1e30f, HUGE_VALF, std::nanf("")}) {
      Cache cache = PoisonedCache(shape);
      std::vector<float> all(40 * 32);
      Append(*table, shape, qkv, 0, 40, 2, &cache, &all);
      // As after Truncate(21): the rows after are still there. Put something else into them, then
      // append row 21 again.
      for (uint32_t head = 0; head < 2; ++head) {
        for (uint32_t row = 21; row < 40; ++row) {
          for (uint32_t i = 0; i < 16; ++i) {
            cache.k[head * 40 * 16 + row / 4 * 64 + i * 4 + row % 4] = stale;
            cache.v[head * 40 * 16 + row * 16 + i] = stale;
          }
        }
      }
      std::vector<float> again(40 * 32);
      Append(*table, shape, qkv, 21, 1, 2, &cache, &again);
      const std::span<const float> expected = std::span<const float>(all).subspan(21 * 32, 32);
      REQUIRE(BitsOf(std::span<const float>(again).subspan(21 * 32, 32)) == BitsOf(expected));
    }
  }
}

TEST_CASE("attention_weights: the softmax of the last query's scores, the weights of attention") {
  for (const KernelTable* table : test::TablesUnderTest()) {
    for (const Heads& heads : kHeads) {
      INFO(table->name << ", " << heads.queries << " heads over " << heads.keys);
      for (const uint32_t rows : {1u, 3u, 4u, 5u, 37u}) {
        AttentionShape shape = heads.Shape(32, 37);
        const std::vector<float> qkv = RandomRows(rows, shape, rows);
        Cache cache = PoisonedCache(shape);
        std::vector<float> out(rows * shape.width());
        Append(*table, shape, qkv, 0, rows, 3, &cache, &out);
        shape.queries = rows;
        std::vector<float> scores(AttentionScratchFloats(shape.context), std::nanf(""));
        std::vector<float> weights(size_t{shape.n_heads} * rows, std::nanf(""));
        for (uint32_t head = 0; head < shape.n_heads; ++head) {
          table->attention_weights(shape, qkv.data(), cache.k.data(), head, head + 1, scores.data(),
                                   weights.data());
        }
        for (uint32_t head = 0; head < shape.n_heads; ++head) {
          const float* q = qkv.data() + (rows - 1) * shape.qkv_width() + head * 32;
          const size_t key_offset =
              shape.width() + head / (heads.queries / heads.keys) * size_t{32};
          std::vector<double> exact(rows);
          double sum = 0;
          for (uint32_t row = 0; row < rows; ++row) {
            const float* k = qkv.data() + row * shape.qkv_width() + key_offset;
            double score = 0;
            for (uint32_t i = 0; i < 32; ++i) score += double{q[i]} * double{k[i]};
            sum += exact[row] = std::exp(score / std::sqrt(32.0));
          }
          // The relative error of a weight that the first test derives, with d = 32.
          const double relative = 2 * 4 * 32 * std::sqrt(32.0) * 0x1p-24 + (2 * 37 + 12) * 0x1p-24;
          for (uint32_t row = 0; row < rows; ++row) {
            const double weight = exact[row] / sum;
            REQUIRE(std::abs(double{weights[head * rows + row]} - weight) <= 2 * relative * weight);
          }
        }
      }
    }
  }
}

TEST_CASE("attention: one far larger score takes all the weight, without overflow") {
  for (const KernelTable* table : test::TablesUnderTest()) {
    INFO(table->name);
    const AttentionShape shape = Heads{1, 1}.Shape(4, 8);
    std::vector<float> qkv = RandomRows(6, shape, 9);
    for (int i = 0; i < 4; ++i) {
      qkv[5 * 12 + i] = 1000;
      qkv[2 * 12 + 4 + i] = 1000;
    }
    const std::vector<float> out = AttendInSteps(*table, shape, qkv, 6, 6, 1);
    for (int i = 0; i < 4; ++i) CHECK(out[5 * 4 + i] == qkv[2 * 12 + 8 + i]);
  }
}

}  // namespace
}  // namespace parley
