// Takes one tensor's bytes in order and writes its weights to their place in the image: matrices
// repacked eight rows at a time by all threads, everything else as f32. Checks every value (G17).
// Knows nothing of files and headers.
#pragma once

#include <cstdint>
#include <span>

#include "base/buffer.h"
#include "base/result.h"
#include "base/threads.h"
#include "kernels/kernels.h"
#include "model/weights.h"

namespace parley {

class PanelRepacker {
 public:
  // Bytes that Make takes for a file of these tensors.
  static uint64_t Bytes(const WeightMap& map, std::span<const TensorInfo> tensors,
                        uint32_t threads);
  // `image` has map.image_bytes() bytes; it and the pool outlive the repacker.
  static Result<PanelRepacker> Make(const WeightMap& map, std::span<const TensorInfo> tensors,
                                    const KernelTable& kernels, ThreadPool* pool, uint8_t* image);

  // The next tensor; the one before is complete.
  void Begin(const TensorInfo& tensor, const WeightSlot& slot);
  bool done() const { return next_row_ == n_rows_; }
  // Takes bytes of the tensor, at most what it lacks, and returns how many. NONFINITE names the
  // tensor.
  Result<size_t> Write(std::span<const uint8_t> bytes);

 private:
  // Consecutive rows of the tensor, at `bytes`.
  struct Rows {
    const uint8_t* bytes;
    uint32_t first;
    uint32_t count;
  };
  // What one thread works in.
  struct Scratch {
    float* values;   // one row as f32
    uint8_t* codes;  // up to 8 rows as Q8_0
  };
  Scratch ScratchOf(uint32_t thread);
  Status TakeAll(const Rows& rows);
  Status TakePanel(const Rows& rows, const Scratch& scratch) const;
  Status TakeFloats(const uint8_t* row, uint32_t index, const Scratch& scratch) const;
  Status EncodeRows(const Rows& rows, const Scratch& scratch) const;
  Error Nonfinite(uint32_t row, const char* what) const;

  const KernelTable* kernels_ = nullptr;
  ThreadPool* pool_ = nullptr;
  uint8_t* image_ = nullptr;
  Buffer<uint8_t> staging_;  // rows whose bytes arrive in pieces: up to 8
  Buffer<float> values_;     // [threads, the longest row]
  Buffer<uint8_t> codes_;    // [threads, 8 rows]

  const TensorInfo* tensor_ = nullptr;
  const WeightSlot* slot_ = nullptr;
  size_t row_bytes_ = 0;  // in the file
  size_t staged_ = 0;     // bytes in staging_
  uint32_t n_rows_ = 0;
  uint32_t next_row_ = 0;
};

}  // namespace parley
