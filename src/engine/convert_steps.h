// The order of a conversion's steps, the same for every source: its headers are read, the GGUF
// header is written, then one tensor after the other. Private to the conversions of convert.h.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "base/buffer.h"
#include "engine/convert.h"
#include "engine/tensor_stream.h"
#include "formats/gguf_writer.h"

namespace parley {

class StepConversion : public Conversion {
 public:
  Result<ConvertStep> Next() final;
  uint64_t output_bytes() const final { return output_bytes_; }

 protected:
  // The next read of a header, given that the last one has been done; none when all are parsed and
  // tensors() is filled in.
  virtual Result<std::optional<ConvertStep>> ReadHeaders() = 0;
  virtual std::span<const ConvertedTensor> tensors() const = 0;
  // Metadata and tensor table.
  virtual Status WriteHeader(GgufWriter* writer) const = 0;

 private:
  enum class Stage { kHeaders, kTensors, kDone };
  Result<ConvertStep> MakeHeader();

  Stage stage_ = Stage::kHeaders;
  uint64_t output_bytes_ = 0;
  Buffer<uint8_t> header_;  // of the GGUF file, until the first tensor
  CollectingSink sink_;
  GgufWriter writer_{&sink_};
  TensorStream stream_;
};

}  // namespace parley
