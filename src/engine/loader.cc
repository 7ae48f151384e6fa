// The streaming loader: finds the header in the first bytes, plans, takes all memory, then repacks
// each tensor as its bytes pass. What a tensor's bytes become is panel_repacker.h's.

#include <algorithm>
#include <atomic>
#include <cstring>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <utility>

#include "base/bytes.h"
#include "engine/engine.h"
#include "engine/open.h"
#include "engine/panel_repacker.h"
#include "kernels/kernels.h"
#include "model/decoder.h"
#include "model/weights.h"

namespace parley {
namespace {

constexpr size_t kFirstAttempt =
    64 << 10;  // bytes after which a header is looked for; then at every doubling

// The file's first bytes, until they hold a whole header.
class Prefix {
 public:
  std::span<const uint8_t> bytes() const { return buffer_.span().first(size_); }
  bool empty() const { return size_ == 0; }
  Status Append(std::span<const uint8_t> bytes) {
    if (bytes.empty()) return {};
    if (bytes.size() > buffer_.size() - size_) {
      const uint64_t capacity = std::max<uint64_t>(2 * buffer_.size(), size_ + bytes.size());
      TRY_ASSIGN(Buffer<uint8_t> larger, Buffer<uint8_t>::Make(capacity, "header of the file"));
      if (size_ > 0) std::memcpy(larger.data(), buffer_.data(), size_);
      buffer_ = std::move(larger);
    }
    std::memcpy(buffer_.data() + size_, bytes.data(), bytes.size());
    size_ += bytes.size();
    return {};
  }

 private:
  Buffer<uint8_t> buffer_;
  size_t size_ = 0;
};

// The tokenizer, made by the pool's last thread while the caller's goes on: a vocabulary takes as
// long as repacking 100 MB does.
class TokenizerJob {
 public:
  TokenizerJob(const GgufHeader& header, Engine* engine) : header_(header), engine_(engine) {}
  TokenizerJob(const TokenizerJob&) = delete;
  TokenizerJob& operator=(const TokenizerJob&) = delete;
  ~TokenizerJob() { (void)End(); }

  // The pool is taken until End has returned.
  void Begin() {
    running_ = true;
    engine_->pool->Begin(
        [](void* context, uint32_t thread, uint32_t threads) {
          if (thread + 1 == threads) static_cast<TokenizerJob*>(context)->Make();
        },
        this);
  }
  bool running() const { return running_; }
  // True when End would not wait.
  bool made() const { return made_.load(std::memory_order_acquire); }
  // Waits where it is not made yet. The first time what OpenTokenizer said, then nothing.
  Status End() {
    if (!running_) return {};
    engine_->pool->End();
    running_ = false;
    return std::move(status_);
  }

 private:
  void Make() {
    status_ = OpenTokenizer(header_, engine_);
    made_.store(true, std::memory_order_release);
  }

  const GgufHeader& header_;
  Engine* const engine_;
  Status status_;
  bool running_ = false;
  std::atomic<bool> made_{false};
};

// Everything between the header and the finished engine.
struct Loading {
  GgufHeader header;
  WeightMap map;
  std::unique_ptr<Engine> engine = std::make_unique<Engine>();
  Decoder* model = nullptr;  // the engine's
  std::unique_ptr<PanelRepacker> repacker;
  std::unique_ptr<TokenizerJob> tokenizer;
  size_t next_tensor = 0;
  uint64_t skip = 0;  // bytes to pass over: padding, or a tensor that is not used
};

class StreamLoader final : public Loader {
 public:
  StreamLoader(uint64_t file_bytes, const LoadOptions& options)
      : file_bytes_(file_bytes), options_(options), next_attempt_(kFirstAttempt) {}

  Status Write(std::span<const uint8_t> bytes) override {
    if (finished_) return MakeError(Code::kBadState, "loading has ended already");
    Status status = WriteChecked(bytes);
    if (status.ok()) return status;
    // The tokenizer's fault comes before the weights', whichever thread was quicker.
    Status tokenizer;
    if (loading_) tokenizer = loading_->tokenizer->End();
    End();
    return tokenizer.ok() ? std::move(status) : std::move(tokenizer);
  }
  const Plan* plan() const override { return loading_ ? &loading_->engine->plan : nullptr; }
  Result<std::unique_ptr<Engine>> Finish() override {
    if (finished_) return MakeError(Code::kBadState, "loading has ended already");
    std::unique_ptr<Engine> engine;
    Status ready;
    if (loading_ && received_ == file_bytes_) {
      ready = loading_->tokenizer->End();
      if (ready.ok()) ready = loading_->repacker->Finish();
      if (ready.ok()) ready = loading_->model->WeightsArrived();
      engine = std::move(loading_->engine);
    }
    End();
    TRY(std::move(ready));
    if (engine == nullptr) {
      return MakeError(Code::kTruncated,
                       std::to_string(received_) + " bytes were given of a file of " +
                           std::to_string(file_bytes_),
                       received_);
    }
    return engine;
  }

 private:
  Status WriteChecked(std::span<const uint8_t> bytes);
  Status FindHeader(std::span<const uint8_t> start);
  Status Prepare(GgufHeader header);
  Status TakeTokenizer();
  Status WriteTensors(std::span<const uint8_t> bytes);
  void End() {
    finished_ = true;
    loading_.reset();
    prefix_ = Prefix();
  }

  const uint64_t file_bytes_;
  const LoadOptions options_;
  uint64_t received_ = 0;  // bytes of the file so far
  size_t next_attempt_;
  bool finished_ = false;
  Prefix prefix_;
  std::unique_ptr<Loading> loading_;  // once the header is complete
};

Status StreamLoader::WriteChecked(std::span<const uint8_t> bytes) {
  if (bytes.size() > file_bytes_ - received_) {
    return MakeError(Code::kBadArg, "more bytes than the file's " + std::to_string(file_bytes_),
                     file_bytes_);
  }
  received_ += bytes.size();
  if (loading_) {
    TRY(loading_->repacker->Finish());
    if (loading_->tokenizer->made()) TRY(TakeTokenizer());
    TRY(WriteTensors(bytes));
    if (loading_->engine->plan.staged_parts == 1 || loading_->tokenizer->running()) {
      return loading_->repacker->Finish();
    }
    loading_->repacker->Start();
    return {};
  }
  if (!prefix_.empty()) {
    TRY(prefix_.Append(bytes));
    TRY(FindHeader(prefix_.bytes()));
  } else {
    TRY(FindHeader(bytes));
    if (!loading_) TRY(prefix_.Append(bytes));
  }
  return {};
}

// Looks for a complete header in the file's first bytes; what follows it is weights.
Status StreamLoader::FindHeader(std::span<const uint8_t> start) {
  const bool all = received_ == file_bytes_;
  if (!all && start.size() < next_attempt_) return {};
  while (next_attempt_ <= start.size()) next_attempt_ *= 2;
  Result<GgufHeader> header = GgufHeader::Parse(start, file_bytes_);
  if (!header.ok()) {
    if (header.error().code == Code::kTruncated && !all) return {};
    return std::move(header).TakeError();
  }
  const size_t header_bytes =
      static_cast<size_t>(std::min<uint64_t>(header->data_offset(), start.size()));
  TRY(Prepare(std::move(*header)));
  TRY(WriteTensors(start.subspan(header_bytes)));
  TRY(loading_->repacker->Finish());
  prefix_ = Prefix();
  return {};
}

// Plans, then takes everything that loading and running need; weights arrive in memory that is
// there already.
Status StreamLoader::Prepare(GgufHeader header) {
  auto loading = std::make_unique<Loading>();
  Engine& engine = *loading->engine;
  TRY_ASSIGN(engine.plan, MakePlan(header, file_bytes_, options_));
  TRY_ASSIGN(const uint32_t usable_ids, CountUsableIds(header, engine.plan.config.vocab_size));
  TRY_ASSIGN(engine.pool, ThreadPool::Make(engine.plan.threads));
  const ThreadTuner tuner = options_.tune_threads ? ThreadTuner::UpTo(engine.plan.threads)
                                                  : ThreadTuner::Fixed(engine.plan.threads);
  engine.threads = {engine.pool.get(), tuner, tuner};
  const KernelTable& kernels = options_.kernels != nullptr ? *options_.kernels : Kernels();
  engine.kernels = kernels.name;

  loading->header = std::move(header);
  const auto tensors = loading->header.tensors();
  TRY_ASSIGN(loading->map,
             WeightMap::Make(loading->header, engine.plan.config, engine.plan.context));
  TRY_ASSIGN(auto image, Buffer<uint8_t>::MakeUnfilled(loading->map.image_bytes(), "weights"));
  TRY_ASSIGN(loading->repacker,
             PanelRepacker::Make(loading->map, tensors, kernels, engine.pool.get(), image.data()));
  TRY_ASSIGN(auto weights, BindWeights(loading->map, engine.plan.config, std::move(image)));
  TRY_ASSIGN(auto model, Decoder::Make(engine.plan.config, std::move(weights), engine.plan.context,
                                       usable_ids, kernels, engine.pool.get()));
  loading->model = model.get();
  engine.model = std::move(model);
  loading->tokenizer = std::make_unique<TokenizerJob>(loading->header, &engine);
  loading_ = std::move(loading);
  loading_->repacker->UseOneThread(true);
  loading_->tokenizer->Begin();
  if (loading_->engine->plan.threads == 1) return TakeTokenizer();
  return {};
}

// Gives the pool to the repacker; waits where the tokenizer is not made yet.
Status StreamLoader::TakeTokenizer() {
  loading_->repacker->UseOneThread(false);
  return loading_->tokenizer->End();
}

Status StreamLoader::WriteTensors(std::span<const uint8_t> bytes) {
  Loading& loading = *loading_;
  const auto tensors = loading.header.tensors();
  uint64_t offset = received_ - bytes.size();  // of bytes[0] in the file
  while (!bytes.empty()) {
    size_t taken = 0;
    if (!loading.repacker->done()) {
      TRY_ASSIGN(taken, loading.repacker->Write(bytes));
    } else if (loading.skip > 0) {
      taken = static_cast<size_t>(std::min<uint64_t>(loading.skip, bytes.size()));
      loading.skip -= taken;
    } else if (loading.next_tensor == tensors.size()) {
      loading.skip = file_bytes_ - offset;  // padding after the last tensor
    } else if (const TensorInfo& tensor = tensors[loading.next_tensor]; offset < tensor.offset) {
      loading.skip = tensor.offset - offset;
    } else {
      const WeightSlot& slot = loading.map.slots()[loading.next_tensor++];
      if (slot.kind == WeightSlot::Kind::kIgnored) {
        loading.skip = tensor.bytes;
      } else {
        loading.repacker->Begin(tensor, slot);
      }
    }
    bytes = bytes.subspan(taken);
    offset += taken;
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<Loader>> Loader::Begin(uint64_t file_bytes, const LoadOptions& options) {
  auto* loader = new (std::nothrow) StreamLoader(file_bytes, options);
  if (loader == nullptr) return MakeError(Code::kOom, "no memory for the loader");
  return std::unique_ptr<Loader>(loader);
}

}  // namespace parley
