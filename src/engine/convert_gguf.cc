// GGUF to GGUF: the metadata as it is, the matrices in another type.
#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/buffer.h"
#include "engine/convert_steps.h"
#include "formats/gguf_reader.h"
#include "model/config.h"

namespace parley {
namespace {

constexpr std::string_view kFileType = "general.file_type";
constexpr std::string_view kQuantizationVersion = "general.quantization_version";
constexpr std::string_view kName = "general.name";

class GgufConversion final : public StepConversion {
 public:
  GgufConversion(uint64_t file_bytes, const ConvertOptions& options)
      : file_bytes_(file_bytes), options_(options) {}

 protected:
  Result<std::optional<ConvertStep>> ReadHeaders() override {
    if (!prefix_.empty() || file_bytes_ == 0) {
      Result<GgufHeader> header = GgufHeader::Parse(prefix_.span(), file_bytes_);
      if (header.ok()) {
        TRY(PlanTensors(std::move(*header)));
        return std::optional<ConvertStep>();
      }
      const bool more_would_help =
          header.error().code == Code::kTruncated && prefix_.size() < file_bytes_;
      if (!more_would_help) return std::move(header).TakeError();
    }
    const uint64_t bytes = std::max<uint64_t>(kFirstAttempt, 2 * prefix_.size());
    prefix_ = Buffer<uint8_t>();
    TRY_ASSIGN(prefix_, Buffer<uint8_t>::Make(std::min(bytes, file_bytes_),
                                              "the first bytes of a GGUF file"));
    return std::optional(
        ConvertStep{.kind = ConvertStep::Kind::kRead, .destination = prefix_.span()});
  }
  std::span<const ConvertedTensor> tensors() const override { return tensors_.span(); }

 private:
  static constexpr uint64_t kFirstAttempt = 64 << 10;  // bytes; a header without its vocabulary

  Status PlanTensors(GgufHeader header) {
    prefix_ = Buffer<uint8_t>();
    header_ = std::move(header);
    TRY(ReadModelConfig(header_));
    TRY_ASSIGN(tensors_,
               Buffer<ConvertedTensor>::Make(header_.tensors().size(), "the tensor table"));
    for (size_t i = 0; i < tensors_.size(); ++i) {
      PlanTensor(header_.tensors()[i], &tensors_[i]);
      TRY(CheckConvertible(tensors_[i]));
    }
    return {};
  }

  void PlanTensor(const TensorInfo& info, ConvertedTensor* tensor) const {
    *tensor = ConvertedTensor{};
    std::copy(info.name.begin(), info.name.end(), tensor->name);
    tensor->source = info;
    tensor->n_dims = info.n_dims;
    std::copy_n(info.shape, info.n_dims, tensor->shape);
    const bool outer = info.name == "token_embd.weight" || info.name == "output.weight";
    const bool matrix = info.n_dims == 2 && info.name != "position_embd.weight";
    tensor->type = matrix ? MatrixType(options_.type, outer) : DType::kF32;
  }

  // What describes the old file's layout is written anew.
  bool IsKept(std::string_view key) const {
    return key != kFileType && key != kQuantizationVersion && key != "general.alignment" &&
           !key.starts_with("split.") && (options_.name.empty() || key != kName);
  }

  Status WriteHeader(GgufWriter* writer) const override {
    uint64_t n_entries = options_.name.empty() ? 2 : 3;
    for (const auto& entry : header_.entries()) n_entries += IsKept(entry.key) ? 1 : 0;
    TRY(writer->Begin(tensors_.size(), n_entries));
    for (const auto& entry : header_.entries()) {
      if (IsKept(entry.key)) TRY(writer->AddEntry(header_, entry));
    }
    if (!options_.name.empty()) TRY(writer->AddString(kName, options_.name));
    TRY(writer->AddUint32(kFileType, FileTypeOf(options_.type)));
    TRY(writer->AddUint32(kQuantizationVersion, 2));
    return WriteTensorTable(tensors_.span(), writer);
  }

  uint64_t file_bytes_;
  ConvertOptions options_;
  Buffer<uint8_t> prefix_;  // until it holds the header
  GgufHeader header_;
  Buffer<ConvertedTensor> tensors_;
};

}  // namespace

Result<std::unique_ptr<Conversion>> Conversion::FromGguf(uint64_t file_bytes,
                                                         const ConvertOptions& options) {
  return std::unique_ptr<Conversion>(std::make_unique<GgufConversion>(file_bytes, options));
}

}  // namespace parley
