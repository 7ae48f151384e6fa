// The operations that a transformer's layers are made of, as one thread of a pool does its part of
// them. Splits rows, columns and heads between threads; what is computed is the kernels'
// (kernels/kernels.h), in what order is gpt2.cc's and llama.cc's.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/threads.h"
#include "kernels/kernels.h"
#include "model/scratch.h"

namespace parley {

class ThreadOps {
 public:
  ThreadOps(const KernelTable& kernels, ThreadPool* pool, Scratch* scratch, uint32_t thread,
            uint32_t threads)
      : kernels_(kernels), pool_(pool), scratch_(scratch), thread_(thread), threads_(threads) {}

  const KernelTable& kernels() const { return kernels_; }
  ThreadScratch& scratch() const { return scratch_->threads[thread_]; }
  // This thread's part of `count` things.
  Range Mine(uint32_t count) const { return SplitRange(count, thread_, threads_); }
  // Returns when every thread is here: what each wrote before, all may read after.
  void Meet() const {
    if (threads_ > 1) pool_->Barrier();
  }

  // LayerNorm(x) and its codes, ready for every thread. x: [rows, width]
  QuantizedActivations NormAndQuantize(const float* x, const float* gain, const float* bias,
                                       float epsilon, uint32_t rows, uint32_t width) const;
  // RmsNorm(x) and its codes, likewise.
  QuantizedActivations RmsNormAndQuantize(const float* x, const float* gain, float epsilon,
                                          uint32_t rows, uint32_t width) const;
  // The codes of x, ready for every thread. x: [rows, width]
  QuantizedActivations Quantize(const float* x, uint32_t rows, uint32_t width) const;

  // y = x w^T + bias for this thread's output features, which are returned. y: [rows, w.outputs],
  // rows `stride` floats apart (0: w.outputs); bias may be null.
  Range Linear(const QuantizedActivations& x, const PackedMatrix& w, const float* bias, float* y,
               size_t stride = 0) const;

  // In place over some columns of y: [rows, width].
  void Gelu(float* y, uint32_t rows, uint32_t width, Range columns) const;
  // y = silu(gate) * y, likewise.
  void SwiGlu(float* y, const float* gate, uint32_t rows, uint32_t width, Range columns) const;
  // x += y over some columns of both: [rows, width].
  void Add(float* x, const float* y, uint32_t rows, uint32_t width, Range columns) const;
  bool AllFinite(const float* x, uint32_t rows, size_t width, Range columns) const;

 private:
  // Rows that this thread prepares for a matmul, and where. One row is prepared by every thread for
  // itself: that costs less than a barrier. More are shared out.
  struct Part {
    InputRows rows;
    Range range;
    bool shared;
  };
  Part PartOf(uint32_t rows) const {
    if (rows == 1) return {scratch().own, {0, 1}, false};
    return {scratch_->shared, Mine(rows), true};
  }
  QuantizedActivations QuantizePart(const Part& part, const float* x, uint32_t rows,
                                    uint32_t width) const;

  const KernelTable& kernels_;
  ThreadPool* pool_;
  Scratch* scratch_;
  uint32_t thread_;
  uint32_t threads_;
};

}  // namespace parley
