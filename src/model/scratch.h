// The memory that Forward works in: activations of one batch, and what each thread has for itself.
// One allocation, sized once; every pointer's shape stands beside it.
#pragma once

#include <cstdint>

#include "base/buffer.h"
#include "base/result.h"
#include "kernels/kernels.h"
#include "model/config.h"

namespace parley {

inline constexpr uint32_t kBatchTokens = 64;  // tokens that go through the layers together

// Rows on their way into a matmul: normalised, then as codes.
struct InputRows {
  float* normed = nullptr;   // [rows, width]
  uint8_t* codes = nullptr;  // ActivationBytes(rows, the widest input)
};

struct ThreadScratch {
  InputRows own;              // one row, for decoding: each thread prepares its own
  float* scores = nullptr;    // AttentionScratchFloats(KV rows)
  uint8_t* finite = nullptr;  // what this thread found
};

struct Scratch {
  // Bytes that Make takes, the thread table included.
  static uint64_t Bytes(const ModelConfig& config, uint32_t context, uint32_t threads);
  static Result<Scratch> Make(const ModelConfig& config, uint32_t context, uint32_t threads);

  float* residual = nullptr;      // [batch, width]: the stream that every layer adds to
  float* qkv = nullptr;           // [batch, qkv_width]
  float* attended = nullptr;      // [batch, width]
  float* mlp = nullptr;           // [batch, mlp_width]
  float* gate = nullptr;          // [batch, mlp_width]; llama
  float* projected = nullptr;     // [batch, width]: what a layer is about to add
  InputRows shared;               // batch rows, for prefill: threads prepare some rows each
  Buffer<ThreadScratch> threads;  // [threads]
  Buffer<uint8_t> memory;
};

}  // namespace parley
