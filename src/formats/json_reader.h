// Reads JSON from files nobody vouches for, as a stream of values with their paths: bounded depth
// and count, no exceptions, nothing built in memory. What a document must look like is its
// reader's.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace parley {

inline constexpr uint32_t kMaxJsonDepth = 8;
inline constexpr uint64_t kMaxJsonValues = 1 << 22;

struct JsonValue {
  enum class Kind {
    kNull,
    kBool,
    kUint,
    kNegative,
    kFloat,
    kString,
    kObject,
    kObjectEnd,
    kArray,
    kArrayEnd
  };
  Kind kind = Kind::kNull;
  bool boolean = false;
  uint64_t uint = 0;             // kUint; -0, 1.0 and 1e3 are not
  int64_t negative = 0;          // kNegative: -9 and also -0
  double real = 0;               // kFloat
  std::string_view string = {};  // kString: unescaped, valid UTF-8; until the next value
  uint64_t offset = 0;  // bytes from the start of the text to the end of this value or bracket

  bool is_number() const {
    return kind == Kind::kUint || kind == Kind::kNegative || kind == Kind::kFloat;
  }
  double number() const {
    return kind == Kind::kUint       ? static_cast<double>(uint)
           : kind == Kind::kNegative ? static_cast<double>(negative)
                                     : real;
  }
};

// Where a value stands: the keys that lead to it from the root, which has depth 0. An element of an
// array has an empty key and its index.
class JsonPath {
 public:
  uint32_t depth() const { return depth_; }
  std::string_view key(uint32_t level) const { return levels_[level].key; }
  uint64_t index(uint32_t level) const { return levels_[level].index; }
  std::string ToString() const;  // "added_tokens_decoder.8188.content"; "eos_token_id[1]"

 private:
  friend class JsonEvents;
  struct Level {
    bool in_array = false;
    std::string key;
    uint64_t index = 0;
  };
  std::array<Level, kMaxJsonDepth>
      levels_;  // levels_[i]: the key or index below the i-th open bracket
  uint32_t depth_ = 0;
};

class JsonHandler {
 public:
  virtual ~JsonHandler() = default;
  // Called for each value, in order; an error ends the reading. Objects and arrays come twice, at
  // both brackets.
  virtual Status OnValue(const JsonPath& path, const JsonValue& value) = 0;
};

// BAD_JSON with the offset where the text is no JSON (RFC 8259; nothing after the value); LIMIT
// beyond kMaxJsonDepth, or beyond `max_values` values and keys; or the handler's error. Offsets are
// counted from `base_offset`.
Status ReadJson(std::string_view text, JsonHandler* handler, uint64_t base_offset = 0,
                uint64_t max_values = kMaxJsonValues);

}  // namespace parley
