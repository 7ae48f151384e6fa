// Fuzzes the whole way of a model file: header, plan, load, one step forward, conversion. Aborts
// when a property that must hold for any file does not. What the file's own structure does not
// reach is left to the exhaustive tests.
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/buffer.h"
#include "base/json_writer.h"
#include "engine/convert.h"
#include "engine/engine.h"
#include "engine/plan.h"
#include "formats/gguf_reader.h"
#include "support/fuzz_require.h"

namespace parley {
namespace {

using test::kRefusalBytes;
using test::Require;
using test::RequireTyped;

// Every value of every type can be asked of every entry.
void ReadEverything(const GgufHeader& header) {
  uint64_t previous_end = header.data_offset();
  for (const TensorInfo& tensor : header.tensors()) {
    Require(header.FindTensor(tensor.name) == &tensor, "a tensor is found by its name");
    Require(tensor.offset >= previous_end, "tensors are in order and do not overlap");
    previous_end = tensor.offset + tensor.bytes;
  }
  for (const GgufHeader::Entry& entry : header.entries()) {
    Require(header.FindEntry(entry.key) == &entry, "an entry is found by its key");
    const bool ok[] = {header.GetUint(entry.key, 0).ok(),     header.GetFloat(entry.key, 0).ok(),
                       header.GetBool(entry.key, false).ok(), header.GetString(entry.key, "").ok(),
                       header.GetStrings(entry.key).ok(),     header.GetInts(entry.key).ok()};
    int readings = 0;
    for (const bool one : ok) readings += one ? 1 : 0;
    Require(readings <= 1, "a value has one type");
  }
}

void Load(std::span<const uint8_t> file, uint64_t before) {
  MemorySource source(file);
  ResetAllocationPeak();
  auto engine = LoadGguf(source, {.context = 0, .threads = 1});
  const uint64_t peak = GetAllocationCounts().peak_bytes - before;
  if (!engine.ok()) {
    RequireTyped(engine.error());
    return;
  }
  Require(peak <= (*engine)->plan.total_bytes, "loading takes no more than planned");
  LanguageModel& model = *(*engine)->model;
  std::vector<float> logits(model.config().vocab_size);
  const int32_t token = 0;
  const uint64_t allocations = GetAllocationCounts().allocations;
  const Status status = model.Forward({&token, 1}, LogitsOf::kLast, logits);
  if (!status.ok()) RequireTyped(status.error());
  Require(GetAllocationCounts().allocations == allocations, "a step allocates nothing");
}

class HoldingSink final : public ByteSink {
 public:
  Status Write(std::span<const uint8_t> bytes) override {
    written_.insert(written_.end(), bytes.begin(), bytes.end());
    return {};
  }
  std::span<const uint8_t> written() const { return written_; }

 private:
  std::vector<uint8_t> written_;
};

// What a conversion writes is a file that the reader accepts.
void Convert(std::span<const uint8_t> file) {
  MemorySource source(file);
  auto conversion = Conversion::FromGguf(file.size(), {.type = DType::kF16, .name = ""});
  if (!conversion.ok()) return RequireTyped(conversion.error());
  HoldingSink sink;
  ByteSource* const files[] = {&source};
  const Status status = RunConversion(conversion->get(), files, &sink);
  if (!status.ok()) return RequireTyped(status.error());
  Require(sink.written().size() == (*conversion)->output_bytes(),
          "a conversion is as long as it says");
  Require(GgufHeader::Parse(sink.written(), sink.written().size()).ok(),
          "a conversion can be read");
}

void Run(std::span<const uint8_t> file) {
  const uint64_t before = GetAllocationCounts().live_bytes;
  ResetAllocationPeak();
  {
    auto header = GgufHeader::Parse(file, file.size());
    if (!header.ok()) {
      RequireTyped(header.error());
      Require(GetAllocationCounts().peak_bytes - before <= 4 * file.size() + kRefusalBytes,
              "refusing is cheap");
      Require(header.error().offset == kNoOffset || header.error().offset <= file.size(),
              "offsets lie in the file");
    } else {
      ReadEverything(*header);
      const auto plan = MakePlan(*header, file.size(), {});
      if (!plan.ok()) RequireTyped(plan.error());
      if (plan.ok()) {
        Require(!PlanToJson(*plan).empty(), "a plan can be shown");
        Load(file, GetAllocationCounts().live_bytes);
      }
      Convert(file);
    }
  }
  Require(GetAllocationCounts().live_bytes == before, "nothing is left behind");
}

}  // namespace
}  // namespace parley

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  parley::Run({data, size});
  return 0;
}
