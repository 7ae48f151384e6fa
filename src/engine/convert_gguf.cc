// GGUF to GGUF: the metadata as it is, the matrices in another type.
#include <algorithm>
#include <string>

#include "base/buffer.h"
#include "engine/convert.h"
#include "engine/tensor_stream.h"
#include "formats/gguf_source.h"

namespace parley {
namespace {

constexpr std::string_view kFileType = "general.file_type";
constexpr std::string_view kQuantizationVersion = "general.quantization_version";
constexpr std::string_view kName = "general.name";

class GgufConversion final : public Conversion {
 public:
  GgufConversion(ByteSource* source, const ConvertOptions& options)
      : source_(source), options_(options) {}

  Status Open() {
    TRY_ASSIGN(header_, ReadGgufHeader(source_));
    TRY_ASSIGN(config_, ReadModelConfig(header_));
    TRY_ASSIGN(tensors_,
               Buffer<ConvertedTensor>::Make(header_.tensors().size(), "the tensor table"));
    for (size_t i = 0; i < tensors_.size(); ++i) {
      PlanTensor(header_.tensors()[i], &tensors_[i]);
      TRY(CheckConvertible(tensors_[i]));
    }
    CountingSink counter;
    GgufWriter writer(&counter);
    TRY(WriteHeader(&writer));
    output_bytes_ = writer.file_bytes();
    return {};
  }

  const ModelConfig& config() const override { return config_; }
  uint64_t output_bytes() const override { return output_bytes_; }

  Status Write(ByteSink* sink) override {
    GgufWriter writer(sink);
    TRY(WriteHeader(&writer));
    return WriteTensorData(tensors_.span(), source_, &writer);
  }

 private:
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

  Status WriteHeader(GgufWriter* writer) const {
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

  ByteSource* source_;
  ConvertOptions options_;
  GgufHeader header_;
  ModelConfig config_;
  Buffer<ConvertedTensor> tensors_;
  uint64_t output_bytes_ = 0;
};

}  // namespace

Result<std::unique_ptr<Conversion>> Conversion::FromGguf(ByteSource* source,
                                                         const ConvertOptions& options) {
  auto conversion = std::make_unique<GgufConversion>(source, options);
  TRY(conversion->Open());
  return std::unique_ptr<Conversion>(std::move(conversion));
}

Result<DType> ParseConvertType(std::string_view name) {
  if (name == "q8_0") return DType::kQ8_0;
  if (name == "q4_0") return DType::kQ4_0;
  if (name == "f16") return DType::kF16;
  if (name == "f32") return DType::kF32;
  return MakeError(Code::kBadArg,
                   "type '" + std::string(name) + "': q8_0, q4_0, f16 or f32 expected");
}

}  // namespace parley
