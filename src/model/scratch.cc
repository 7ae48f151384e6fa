// Carves one block into the arrays of scratch.h; without a block the same code only adds up their
// bytes.
#include "model/scratch.h"

#include <algorithm>
#include <utility>

namespace parley {
namespace {

// Hands out aligned pieces of a block; with a null block it only adds them up.
class Carver {
 public:
  explicit Carver(uint8_t* block) : block_(block) {}
  template <typename T>
  void Take(uint64_t count, T** out) {
    if (block_ != nullptr) *out = reinterpret_cast<T*>(block_ + used_);
    used_ += (count * sizeof(T) + kBufferAlignment - 1) / kBufferAlignment * kBufferAlignment;
  }
  uint64_t used() const { return used_; }

 private:
  uint8_t* block_;
  uint64_t used_ = 0;
};

void CarveRows(const ModelConfig& config, uint64_t rows, Carver* carver, InputRows* out) {
  carver->Take(rows * config.width, &out->normed);
  carver->Take(ActivationBytes(rows, std::max(config.width, config.mlp_width)), &out->codes);
}

void CarveShared(const ModelConfig& config, Carver* carver, Scratch* scratch) {
  const uint64_t width = config.width;
  carver->Take(kBatchTokens * width, &scratch->residual);
  carver->Take(kBatchTokens * uint64_t{config.qkv_width()}, &scratch->qkv);
  carver->Take(kBatchTokens * width, &scratch->attended);
  carver->Take(kBatchTokens * uint64_t{config.mlp_width}, &scratch->mlp);
  if (config.architecture == Architecture::kLlama) {
    carver->Take(kBatchTokens * uint64_t{config.mlp_width}, &scratch->gate);
  }
  carver->Take(kBatchTokens * width, &scratch->projected);
  CarveRows(config, kBatchTokens, carver, &scratch->shared);
}

void CarveThread(const ModelConfig& config, uint32_t context, Carver* carver,
                 ThreadScratch* thread) {
  CarveRows(config, 1, carver, &thread->own);
  carver->Take(AttentionScratchFloats(context), &thread->scores);
  carver->Take(kBufferAlignment, &thread->finite);  // a cache line of its own
}

uint64_t CarvedBytes(const ModelConfig& config, uint32_t context, uint32_t threads) {
  Scratch none;
  Carver shared(nullptr);
  CarveShared(config, &shared, &none);
  ThreadScratch no_thread;
  Carver each(nullptr);
  CarveThread(config, context, &each, &no_thread);
  return shared.used() + threads * each.used();
}

}  // namespace

uint64_t Scratch::Bytes(const ModelConfig& config, uint32_t context, uint32_t threads) {
  return CarvedBytes(config, context, threads) + threads * sizeof(ThreadScratch);
}

Result<Scratch> Scratch::Make(const ModelConfig& config, uint32_t context, uint32_t threads) {
  Scratch scratch;
  TRY_ASSIGN(scratch.threads, Buffer<ThreadScratch>::Make(threads, "thread table"));
  TRY_ASSIGN(scratch.memory,
             Buffer<uint8_t>::Make(CarvedBytes(config, context, threads), "activations"));
  Carver carver(scratch.memory.data());
  CarveShared(config, &carver, &scratch);
  for (ThreadScratch& thread : scratch.threads) CarveThread(config, context, &carver, &thread);
  return scratch;
}

}  // namespace parley
