// Fuzzes what comes in from a Hugging Face folder: the header of a safetensors file, the small JSON
// files, and the conversion of a folder whose weights or whose texts are the input. Aborts when a
// property that must hold for any input does not. The first byte chooses which.
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/buffer.h"
#include "engine/convert.h"
#include "formats/gguf_reader.h"
#include "formats/hf_config.h"
#include "formats/hf_tokenizer.h"
#include "formats/safetensors.h"
#include "support/fuzz_require.h"
#include "support/hf_folder.h"

namespace parley {
namespace {

using test::kRefusalBytes;
using test::Require;
using test::RequireTyped;

void ReadHeader(std::span<const uint8_t> file) {
  const uint64_t before = GetAllocationCounts().live_bytes;
  ResetAllocationPeak();
  const auto header = SafetensorsHeader::Parse(file, file.size());
  if (!header.ok()) {
    RequireTyped(header.error());
    Require(GetAllocationCounts().peak_bytes - before <= 4 * file.size() + kRefusalBytes,
            "refusing is cheap");
    Require(header.error().offset == kNoOffset || header.error().offset <= file.size(),
            "offsets lie in the file");
    return;
  }
  uint64_t end = 0;
  for (const TensorInfo& tensor : header->tensors()) {
    Require(header->FindTensor(tensor.name) == &tensor, "a tensor is found by its name");
    Require(end == 0 || tensor.offset == end, "tensors follow one another");
    end = tensor.offset + tensor.bytes;
  }
  Require(end == 0 || end == file.size(), "tensors fill the file");
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

void Convert(const HfFolder& folder, ByteSource* weights) {
  auto conversion = Conversion::FromHuggingFace(folder, {});
  if (!conversion.ok()) return RequireTyped(conversion.error());
  HoldingSink sink;
  ByteSource* const files[] = {weights};
  const Status status = RunConversion(conversion->get(), files, &sink);
  if (!status.ok()) return RequireTyped(status.error());
  Require(sink.written().size() == (*conversion)->output_bytes(),
          "a conversion is as long as it says");
  Require(GgufHeader::Parse(sink.written(), sink.written().size()).ok(),
          "a conversion can be read");
}

// The smallest folder that converts.
const test::HfTestFolder& Folder() {
  static const test::HfTestFolder folder = [] {
    test::HfTestFolder made;
    made.model.n_layers = 1;
    made.model.width = 32;
    made.Build();
    return made;
  }();
  return folder;
}

void ConvertWeights(std::span<const uint8_t> file) {
  HfFolder folder = Folder().view();
  const HfWeightsFile files[] = {{"model.safetensors", file.size()}};
  folder.weights = files;
  MemorySource source(file);
  Convert(folder, &source);
}

void ConvertText(const char* name, std::string_view text) {
  HfFolder folder = Folder().view();
  if (std::string_view(name) == "tokenizer.json") folder.tokenizer.vocab_json = {};
  *FindText(name, &folder) = text;
  MemorySource source(Folder().weights[0]);
  Convert(folder, &source);
}

void ReadIndex(std::string_view text) {
  const auto names = ReadShardNames(text);
  if (!names.ok()) return RequireTyped(names.error());
  for (const std::string& name : *names) {
    Require(name.find('/') == std::string::npos && name.ends_with(".safetensors"),
            "a shard lies beside its index");
  }
}

void Run(uint8_t choice, std::span<const uint8_t> input) {
  const std::string_view text(reinterpret_cast<const char*>(input.data()), input.size());
  switch (choice % 7) {
    case 0:
      return ReadHeader(input);
    case 1:
      return ConvertWeights(input);
    case 2:
      return ConvertText("config.json", text);
    case 3:
      return ConvertText("vocab.json", text);
    case 4:
      return ConvertText("tokenizer.json", text);
    case 5:
      return ConvertText("tokenizer_config.json", text);
    case 6:
      return ReadIndex(text);
  }
}

}  // namespace
}  // namespace parley

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  parley::Folder();
  const uint64_t before = parley::GetAllocationCounts().live_bytes;
  parley::Run(data[0], {data + 1, size - 1});
  parley::Require(parley::GetAllocationCounts().live_bytes == before, "nothing is left behind");
  return 0;
}
