// Holds every way to compute against one: the scalar kernels on one thread with whole prompts.
// Native and wasm builds run this same program, and compare with what the scalar build wrote to
// tests/golden/exactness.json as well.
//
//   exactness           compares; exit code 1 when anything differs
//   exactness --write   writes the golden file from the scalar kernels. They are the definition of
//   what every other build
//                       must compute, so that is where the file comes from; that they compute GPT-2
//                       is shown elsewhere (tests/model against the papers' formulas,
//                       tests/reference against Hugging Face). Write it again only when the
//                       arithmetic is meant to change.

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "exactness/exactness.h"
#include "kernels/kernels.h"
#include "support/load_model.h"

namespace {

using parley::exactness::HashText;
using parley::exactness::kSplits;
using parley::exactness::Outcome;
using parley::exactness::Split;
using parley::exactness::SplitName;

constexpr char kGolden[] = PARLEY_SOURCE_DIR "/tests/golden/exactness.json";

std::vector<uint8_t> ReadFile(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// The bundled model's parts, one after another.
std::vector<uint8_t> ReadBundledModel() {
  std::vector<std::filesystem::path> parts;
  for (const auto& entry :
       std::filesystem::directory_iterator(PARLEY_SOURCE_DIR "/models/parley-17m")) {
    if (entry.path().extension() == ".part") parts.push_back(entry.path());
  }
  std::sort(parts.begin(), parts.end());
  std::vector<uint8_t> file;
  for (const auto& part : parts) {
    const std::vector<uint8_t> bytes = ReadFile(part);
    file.insert(file.end(), bytes.begin(), bytes.end());
  }
  return file;
}

Outcome MustRun(const std::vector<uint8_t>& file, const parley::KernelTable* kernels,
                uint32_t threads, Split split) {
  auto engine = parley::test::LoadBytes(file, {.threads = threads, .kernels = kernels});
  if (!engine.ok()) {
    std::printf("load: %s\n", engine.error().message.c_str());
    std::exit(1);
  }
  auto outcome = Run(engine->get(), split);
  if (!outcome.ok()) {
    std::printf("run: %s\n", outcome.error().message.c_str());
    std::exit(1);
  }
  return std::move(*outcome);
}

struct Model {
  const char* name;
  std::vector<uint8_t> file;
};

void WriteGolden(const std::vector<Model>& models) {
  nlohmann::ordered_json golden;
  golden["how"] = "tests/exactness/main.cc --write, by the scalar kernels on one thread";
  for (const char* prompt : parley::exactness::Prompts()) golden["prompts"].push_back(prompt);
  for (const Model& model : models) {
    const Outcome outcome = MustRun(model.file, parley::AllKernels()[0], 1, Split::kWhole);
    golden["models"][model.name]["file"] = HashText(parley::exactness::HashBytes(model.file));
    golden["models"][model.name]["hash"] = HashText(outcome.hash);
    golden["models"][model.name]["ids"] = outcome.ids;
  }
  std::ofstream(kGolden) << golden.dump() << "\n";
  std::printf("wrote %s\n", kGolden);
}

class Comparison {
 public:
  explicit Comparison(const char* model) : model_(model) {}
  void Check(const std::string& what, uint64_t hash, uint64_t expected) {
    ++compared_;
    if (hash == expected) return;
    ++different_;
    std::printf("%s: %s gives %s, not %s\n", model_, what.c_str(), HashText(hash).c_str(),
                HashText(expected).c_str());
  }
  int compared() const { return compared_; }
  int different() const { return different_; }

 private:
  const char* model_;
  int compared_ = 0;
  int different_ = 0;
};

// The table in use takes part in every combination; the others in three, which between them hold
// every thread count and every split (of the scalar table's, one is the reference itself).
bool Compared(const parley::KernelTable* table, uint32_t threads, Split split) {
  const bool scalar = table == parley::AllKernels()[0];
  if (table == &parley::Kernels() && !scalar) return true;
  return split == kSplits[threads - 1] && !(scalar && threads == 1);
}

int CompareAll(const Model& model, const nlohmann::json& golden) {
#ifdef PARLEY_THREADS
  constexpr uint32_t kMaxThreads = 3;
#else
  constexpr uint32_t kMaxThreads = 1;
#endif
  const auto start = std::chrono::steady_clock::now();
  const std::string file_hash = HashText(parley::exactness::HashBytes(model.file));
  if (golden["file"] != file_hash) {
    std::printf("%s: the file is another (%s) than the golden one\n", model.name,
                file_hash.c_str());
    return 1;
  }
  const auto tables = parley::AllKernels();
  const Outcome reference = MustRun(model.file, tables[0], 1, Split::kWhole);
  Comparison comparison(model.name);
  comparison.Check("the golden file", std::stoull(golden["hash"].get<std::string>(), nullptr, 16),
                   reference.hash);
  const bool same_ids = golden["ids"].get<std::vector<std::vector<int32_t>>>() == reference.ids;
  if (!same_ids) std::printf("%s: the golden file has other ids\n", model.name);
  for (const parley::KernelTable* table : tables) {
    for (uint32_t threads = 1; threads <= kMaxThreads; ++threads) {
      for (const Split split : kSplits) {
        if (!Compared(table, threads, split)) continue;
        const std::string what = std::string(table->name) + ", threads " + std::to_string(threads) +
                                 ", prompts " + SplitName(split);
        comparison.Check(what, MustRun(model.file, table, threads, split).hash, reference.hash);
      }
    }
  }
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  std::printf("%s: hash %s, %d of %d others the same, %.1f s\n", model.name,
              HashText(reference.hash).c_str(), comparison.compared() - comparison.different(),
              comparison.compared(), seconds.count());
  return comparison.different() + (same_ids ? 0 : 1);
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<Model> models = {{"parley-17m", ReadBundledModel()},
                                     {"noise-q4_0", parley::exactness::MakeQ4Model()},
                                     {"noise-llama", parley::exactness::MakeLlamaModel()}};
  if (argc == 2 && std::strcmp(argv[1], "--write") == 0) {
    WriteGolden(models);
    return 0;
  }
  if (argc != 1) {
    std::printf("usage: %s [--write]\n", argv[0]);
    return 2;
  }
  const auto golden = nlohmann::json::parse(std::ifstream(kGolden), nullptr, false);
  if (golden.is_discarded()) {
    std::printf("%s is missing or no JSON\n", kGolden);
    return 1;
  }
  int different = 0;
  for (const Model& model : models) different += CompareAll(model, golden["models"][model.name]);
  return different == 0 ? 0 : 1;
}
