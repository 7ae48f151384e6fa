// What a handle of the C interface holds, and how its calls end. Private to the sources of the
// interface.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/buffer.h"
#include "base/result.h"
#include "chat/session.h"
#include "engine/convert.h"
#include "engine/engine.h"
#include "wasm/c_api.h"

namespace parley {

struct StoredMessage {
  Role role;
  std::string text;
  bool pinned;
};

// A conversion, and the texts and files that it was given.
struct Converting {
  struct Text {
    std::string name;
    Buffer<char> text;
  };
  ConvertOptions options;
  std::string folder_name;
  std::vector<Text> texts;
  std::vector<std::unique_ptr<std::string>> weight_names;
  std::vector<HfWeightsFile> weights;
  std::unique_ptr<Conversion> conversion;  // once the first step has been asked for
  uint64_t written = 0;                    // bytes of the GGUF file
};

}  // namespace parley

struct Parley {
  std::unique_ptr<parley::Loader> loader;
  std::unique_ptr<parley::Engine> engine;
  parley::SessionModel model;  // the engine's, with the chat format of the session
  std::unique_ptr<parley::Session> session;
  parley::ChatStyle style;  // of the chat that is begun or counted next
  parley::GenerationOptions options;
  std::vector<parley::StoredMessage> messages;
  uint64_t message_bytes = 0;    // of all together
  uint64_t longest_message = 0;  // bytes

  std::unique_ptr<parley::Converting> converting;
  ParleyConvertStep convert_step{};

  parley::Event event;
  ParleyEvent event_view{};
  std::vector<ParleyAlternative> alternatives;

  std::string result;
  std::vector<int32_t> ids;
  ParleyBytes result_view{};
  parley::Error error;
  ParleyError error_view{};
};

namespace parley {

inline ParleyBytes View(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), static_cast<uint32_t>(text.size())};
}

// Records how a call ended and returns what it returns.
inline int32_t End(Parley* parley, const Status& status) {
  parley->error = status.error();
  parley->error_view = {
      static_cast<int32_t>(parley->error.code), parley->error.offset != kNoOffset,
      parley->error.offset == kNoOffset ? 0 : static_cast<double>(parley->error.offset),
      View(parley->error.message)};
  return -parley->error_view.code;
}

inline Status SetResult(Parley* parley, std::string text) {
  parley->result = std::move(text);
  parley->result_view = View(parley->result);
  return {};
}

inline Status NeedEngine(const Parley* parley) {
  if (parley->engine == nullptr) return MakeError(Code::kBadState, "no model is loaded");
  return {};
}

// Containers of the standard library end the program when memory is refused. Asking first for as
// much as texts of `total` bytes, the longest of `longest`, can become makes that an error.
inline Status NeedMemoryForText(uint64_t total, uint64_t longest) {
  constexpr uint64_t kMaxTextBytes = 16 << 20;  // of all messages together, or of one text
  // A byte of text at worst: a copy, an id, while vectors grow; or from ids, U+FFFD, likewise.
  constexpr uint64_t kAllBytes = 20;
  constexpr uint64_t kWordBytes = 32;  // while it is encoded, if it is one word (tokenizer.h)
  if (total > kMaxTextBytes) {
    return MakeError(Code::kLimit, std::to_string(total) + " bytes of text; at most " +
                                       std::to_string(kMaxTextBytes) + " are read");
  }
  const auto probe =
      Buffer<uint8_t>::MakeUnfilled(total * kAllBytes + longest * kWordBytes, "the text's tokens");
  return probe.ok() ? Status() : Status(probe.error());
}

}  // namespace parley
