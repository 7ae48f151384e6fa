// The GGUF header is written twice: counted, then kept. Tensors are tensor_stream.h's.
#include "engine/convert_steps.h"

#include <string>
#include <utility>

namespace parley {

Result<ConvertStep> StepConversion::Next() {
  if (stage_ == Stage::kHeaders) {
    TRY_ASSIGN(const std::optional<ConvertStep> read, ReadHeaders());
    if (read.has_value()) return *read;
    stage_ = Stage::kTensors;
    return MakeHeader();
  }
  if (stage_ == Stage::kTensors) {
    header_ = Buffer<uint8_t>();
    TRY_ASSIGN(ConvertStep step, stream_.Next());
    if (step.kind == ConvertStep::Kind::kDone) stage_ = Stage::kDone;
    return step;
  }
  return ConvertStep{};
}

Result<ConvertStep> StepConversion::MakeHeader() {
  CountingSink counter;
  GgufWriter counted(&counter);
  TRY(WriteHeader(&counted));
  TRY_ASSIGN(header_, Buffer<uint8_t>::Make(counter.count(), "the header of the GGUF file"));
  TRY(stream_.Begin(tensors(), &writer_, &sink_));
  sink_.Collect(header_.span());
  TRY(WriteHeader(&writer_));
  output_bytes_ = writer_.file_bytes();
  return ConvertStep{.kind = ConvertStep::Kind::kWrite, .bytes = sink_.collected()};
}

Status RunConversion(Conversion* conversion, std::span<ByteSource* const> files, ByteSink* sink) {
  for (;;) {
    TRY_ASSIGN(const ConvertStep step, conversion->Next());
    switch (step.kind) {
      case ConvertStep::Kind::kRead:
        TRY(files[step.file]->ReadAt(step.offset, step.destination));
        break;
      case ConvertStep::Kind::kWrite:
        TRY(sink->Write(step.bytes));
        break;
      case ConvertStep::Kind::kDone:
        return {};
    }
  }
}

Result<DType> ParseConvertType(std::string_view name) {
  if (name == "q8_0") return DType::kQ8_0;
  if (name == "q4_0") return DType::kQ4_0;
  if (name == "f16") return DType::kF16;
  if (name == "f32") return DType::kF32;
  return MakeError(Code::kBadArg, "type '" + std::string(name.substr(0, 40)) +
                                      "': q8_0, q4_0, f16 or f32 expected");
}

}  // namespace parley
