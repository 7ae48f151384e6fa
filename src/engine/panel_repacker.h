// Takes tensors' bytes in order and writes their weights to their places in the image: matrices
// repacked eight rows at a time by all threads, everything else as f32. Checks every value (G17).
// Knows nothing of files and headers.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
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
  static Result<std::unique_ptr<PanelRepacker>> Make(const WeightMap& map,
                                                     std::span<const TensorInfo> tensors,
                                                     const KernelTable& kernels, ThreadPool* pool,
                                                     uint8_t* image);
  PanelRepacker(const PanelRepacker&) = delete;
  PanelRepacker& operator=(const PanelRepacker&) = delete;
  ~PanelRepacker() {
    if (started_) pool_->End();
  }

  // From now on the caller's thread repacks alone (or, again, all of the pool's do): for as long as
  // the others have something else to do. To begin with, all. Between Finish and Write.
  void UseOneThread(bool one) { alone_ = one; }

  // The next tensor; the one before is complete. `tensor` and `slot` outlive the repacker.
  void Begin(const TensorInfo& tensor, const WeightSlot& slot);
  bool done() const { return next_row_ == tensor_.n_rows; }
  // Takes bytes of the tensor, at most what it lacks, and returns how many. They stay as they are
  // until Finish has returned, which comes before the next call. NONFINITE names the tensor.
  Result<size_t> Write(std::span<const uint8_t> bytes);
  // Lets the other threads, where there are any to use, repack what was written.
  void Start();
  // Returns when it is repacked. NONFINITE names the tensor, the same one whatever the threads did.
  Status Finish();

 private:
  // What is being written, or was.
  struct Tensor {
    const TensorInfo* info = nullptr;
    const WeightSlot* slot = nullptr;
    size_t row_bytes = 0;  // in the file
    uint32_t n_rows = 0;
  };
  // Consecutive rows of a tensor, at `bytes`.
  struct Rows {
    Tensor tensor;
    const uint8_t* bytes;
    uint32_t first;
    uint32_t count;
    uint32_t panels_end;  // panels of these rows and of those noted before
  };
  // What one thread works in.
  struct Scratch {
    float* values;   // one row as f32
    uint8_t* codes;  // up to 8 rows as Q8_0
  };
  static constexpr uint32_t kMostNoted = 64;  // a part of a file has a few
  static constexpr uint32_t kClaim = 8;       // panels that a thread takes at a time

  PanelRepacker(const KernelTable& kernels, ThreadPool* pool, uint8_t* image)
      : kernels_(kernels), pool_(pool), image_(image) {}
  Scratch ScratchOf(uint32_t thread);
  static Rows PanelAt(const Rows& rows, uint32_t row);
  Status Note(const uint8_t* bytes, uint32_t count);
  void RepackNoted(const Scratch& scratch);
  Status FirstError();
  Status TakePanel(const Rows& rows, const Scratch& scratch) const;
  Status TakeFloats(const Tensor& tensor, const uint8_t* row, uint32_t index,
                    const Scratch& scratch) const;
  Status EncodeRows(const Rows& rows, const Scratch& scratch) const;

  const KernelTable& kernels_;
  ThreadPool* const pool_;
  uint8_t* const image_;
  Buffer<uint8_t> staging_;  // rows whose bytes arrive in pieces: up to 8
  Buffer<float> values_;     // [threads, the longest row]
  Buffer<uint8_t> codes_;    // [threads, 8 rows]

  Tensor tensor_;
  size_t staged_ = 0;  // bytes in staging_
  uint32_t next_row_ = 0;

  Rows noted_[kMostNoted];  // to be repacked, in the file's order
  uint32_t n_noted_ = 0;
  bool alone_ = false;
  bool started_ = false;
  std::atomic<uint32_t> next_panel_{0};  // of those noted
  std::atomic<bool> failed_{false};
};

}  // namespace parley
