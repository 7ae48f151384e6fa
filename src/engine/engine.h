// A loaded model with its tokenizer and threads, and the loader that makes one from a GGUF file's
// bytes in order.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "base/bytes.h"
#include "base/result.h"
#include "base/thread_tuner.h"
#include "base/threads.h"
#include "chat/session.h"
#include "engine/plan.h"
#include "model/language_model.h"
#include "tokenizer/tokenizer.h"

namespace parley {

struct Engine {
  Plan plan;
  std::unique_ptr<ThreadPool> pool;
  TunedThreads threads;  // of `pool`, as the session uses them
  std::unique_ptr<Tokenizer> tokenizer;
  std::unique_ptr<LanguageModel> model;
  ChatStyle style;
  std::string kernels;  // name of the table in use
  int32_t bos_id = -1;
  int32_t eos_id = -1;
  bool add_bos = false;

  SessionModel session_model();
};
// {"plan": {...}, "kernels", "chat_format", "preset": the format's, "bos_id", "eos_id",
// "used_bytes": what buffers take now}
std::string EngineToJson(const Engine& engine);

// Takes a GGUF file front to back in pieces of any size and repacks each tensor as it passes: the
// file is never in memory as a whole. On an error the loader is finished and everything it took is
// released.
class Loader {
 public:
  static Result<std::unique_ptr<Loader>> Begin(uint64_t file_bytes, const LoadOptions& options);
  virtual ~Loader() = default;
  // With two staged parts in the plan the bytes stay as they are until the next call: the other
  // threads repack them meanwhile, and that call may say what is wrong with them. With one they
  // have been taken when this returns. BAD_VOCAB and UNSUPPORTED_MODEL for the tokenizer, which is
  // made meanwhile too, come with any call; NONFINITE names the tensor with a NaN or infinite
  // weight or scale (G17).
  virtual Status Write(std::span<const uint8_t> bytes) = 0;
  virtual const Plan* plan() const = 0;  // null until the header is complete
  // TRUNCATED when bytes are missing.
  virtual Result<std::unique_ptr<Engine>> Finish() = 0;
};

// The whole of it, from a source of bytes.
Result<std::unique_ptr<Engine>> LoadGguf(ByteSource& source, const LoadOptions& options);

}  // namespace parley
