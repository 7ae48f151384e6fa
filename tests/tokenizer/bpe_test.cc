// Merging: against the plain algorithm of GPT-2's encoder.py, and the bound on its work.
#include "tokenizer/bpe.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <random>
#include <vector>

namespace parley {
namespace {

struct Rule {
  uint32_t left, right, merged;
};

MergeTable TableOf(const std::vector<Rule>& rules) {
  auto table = MergeTable::Make(static_cast<uint32_t>(rules.size()));
  REQUIRE(table.ok());
  for (const Rule& rule : rules) REQUIRE(table->Add(rule.left, rule.right, rule.merged).ok());
  return std::move(table.value());
}

std::vector<int32_t> Merge(const MergeTable& table, const std::vector<uint32_t>& symbols) {
  BpeWorkspace workspace;
  auto room = workspace.Reserve(symbols.size());
  REQUIRE(room.ok());
  std::copy(symbols.begin(), symbols.end(), *room);
  std::vector<int32_t> ids;
  workspace.Merge(table, static_cast<uint32_t>(symbols.size()), &ids);
  CHECK(workspace.heap_operations() <= 6 * symbols.size());
  return ids;
}

// As encoder.py has it: find the pair of the lowest rank, merge its occurrences from left to right,
// again.
std::vector<int32_t> MergePlainly(const std::vector<Rule>& rules, std::vector<uint32_t> symbols) {
  for (;;) {
    size_t best = rules.size();
    for (size_t i = 0; i + 1 < symbols.size(); ++i) {
      for (size_t rank = 0; rank < best; ++rank) {
        if (rules[rank].left == symbols[i] && rules[rank].right == symbols[i + 1]) best = rank;
      }
    }
    if (best == rules.size()) return {symbols.begin(), symbols.end()};
    std::vector<uint32_t> merged;
    for (size_t i = 0; i < symbols.size(); ++i) {
      const bool here = i + 1 < symbols.size() && symbols[i] == rules[best].left &&
                        symbols[i + 1] == rules[best].right;
      merged.push_back(here ? rules[best].merged : symbols[i]);
      i += here;
    }
    symbols = merged;
  }
}

TEST_CASE("The best rank merges first, equal ranks from the left") {
  const MergeTable table =
      TableOf({{1, 2, 12}, {2, 3, 23}, {12, 3, 123}, {5, 5, 55}, {55, 55, 5555}});
  CHECK(Merge(table, {}).empty());
  CHECK(Merge(table, {1}) == std::vector<int32_t>{1});
  CHECK(Merge(table, {1, 2, 3}) == std::vector<int32_t>{123});
  CHECK(Merge(table, {9, 2, 3, 3}) == std::vector<int32_t>{9, 23, 3});
  CHECK(Merge(table, {5, 5, 5}) == std::vector<int32_t>{55, 5});
  CHECK(Merge(table, {5, 5, 5, 5, 5, 5, 5}) == std::vector<int32_t>{5555, 55, 5});
}

TEST_CASE("Random rules on random symbols merge as the plain algorithm merges them") {
  std::mt19937 random(13);
  for (int round = 0; round < 500; ++round) {
    // As a trainer makes them: each rule joins two symbols that exist and gives a new one.
    std::vector<Rule> rules;
    for (uint32_t next = 3; next < 3 + random() % 30; ++next) {
      const Rule rule = {static_cast<uint32_t>(random() % next),
                         static_cast<uint32_t>(random() % next), next};
      bool fresh = true;
      for (const Rule& other : rules) fresh &= other.left != rule.left || other.right != rule.right;
      if (fresh) rules.push_back(rule);
    }
    const MergeTable table = TableOf(rules);
    for (int text = 0; text < 20; ++text) {
      std::vector<uint32_t> symbols(random() % 60);
      for (uint32_t& symbol : symbols) symbol = random() % 3;
      CHECK(Merge(table, symbols) == MergePlainly(rules, symbols));
    }
  }
}

TEST_CASE("A pair has one rank") {
  auto table = MergeTable::Make(3);
  REQUIRE(table.ok());
  REQUIRE(table->Add(1, 2, 3).ok());
  REQUIRE(table->Add(2, 1, 4).ok());
  const Status again = table->Add(1, 2, 5);
  REQUIRE_FALSE(again.ok());
  CHECK(again.error().code == Code::kBadVocab);
  CHECK(again.error().message == "the same pair as merge 1");
  CHECK(table->Rank(1, 2) == 0);
  CHECK(table->Rank(2, 1) == 1);
  CHECK(table->Rank(1, 1) == MergeTable::kNone);
}

TEST_CASE("Pairs chosen to collide are refused, not searched through") {
  // The table's hash, so that the test can choose pairs whose slots are next to each other.
  const auto hash = [](uint32_t left, uint32_t right) {
    uint64_t x = uint64_t{left} << 32 | right;
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
    x = (x ^ x >> 27) * 0x94D049BB133111EBu;
    return x ^ x >> 31;
  };
  auto table = MergeTable::Make(1000);  // 2,048 slots
  REQUIRE(table.ok());
  Status status;
  uint32_t added = 0;
  for (uint32_t right = 0; status.ok() && added < 1000; ++right) {
    if ((hash(0, right) & 2047) != 7) continue;
    status = table->Add(0, right, 1);
    added += status.ok();
  }
  CHECK(added == 256);
  REQUIRE_FALSE(status.ok());
  CHECK(status.error().code == Code::kLimit);
}

}  // namespace
}  // namespace parley
