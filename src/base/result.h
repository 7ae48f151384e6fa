// Errors as values: a code that programs test, a byte offset where a file is wrong, and a sentence
// for people. Nothing in the core throws, prints or exits on input; it returns one of these.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace parley {

// Stable: the numbers cross the C API and the names cross the library's. Append only.
enum class Code : int32_t {
  kOk = 0,
  kTruncated = 1,           // the file ends before what its header promises
  kBadMagic = 2,            // not the kind of file expected; the message names what it is
  kBadVersion = 3,          // a version we do not read
  kLimit = 4,               // a count or length beyond its cap, refused before allocating
  kOverflow = 5,            // arithmetic on file values would wrap
  kBadType = 6,             // unknown type, or a known key of the wrong type
  kBadAlign = 7,            // alignment not a power of two in range
  kBadShape = 8,            // dimensions that do not fit the type or the model
  kBadOffset = 9,           // tensor data unaligned, overlapping, out of the file, or with holes
  kDuplicate = 10,          // a name or key twice
  kBadConfig = 11,          // hyperparameters that make no model
  kUnsupportedModel = 12,   // a valid file of something Parley does not run; the message names it
  kNonfinite = 13,          // NaN or infinity in weights or logits
  kOom = 14,                // memory was refused; the message gives the bytes needed
  kIo = 15,                 // a read or write failed or was short
  kBadJson = 16,            // not JSON, or not JSON of the expected form
  kBadVocab = 17,           // vocabulary or merges that make no tokenizer
  kBadArg = 18,             // an option or argument out of range; the message names it
  kUnsupportedOption = 19,  // a valid option of other programs that Parley does not do
  kContextFull = 20,        // system text and last message alone exceed the context
  kAborted = 21,            // cancelled by the caller
  kBadState = 22,           // a call out of order
  kChecksum = 23,           // stored bytes differ from what was recorded
  kKernelsChanged = 24,     // the processor no longer computes what the kernels were chosen for
};

// "TRUNCATED", "BAD_MAGIC", ...: the name under which the code is known outside the core.
const char* CodeName(Code code);

inline constexpr uint64_t kNoOffset = ~uint64_t{0};

struct Error {
  Code code = Code::kOk;
  uint64_t offset = kNoOffset;  // bytes from the start of the file, or kNoOffset
  std::string message;
};

// A value or an error. [[nodiscard]] so that neither is dropped.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)) {}      // NOLINT(google-explicit-constructor)
  Result(Error error) : error_(std::move(error)) {}  // NOLINT(google-explicit-constructor)

  bool ok() const { return value_.has_value(); }
  explicit operator bool() const { return ok(); }
  T& value() { return *value_; }
  const T& value() const { return *value_; }
  T* operator->() { return &*value_; }
  const T* operator->() const { return &*value_; }
  T& operator*() { return *value_; }
  const T& operator*() const { return *value_; }
  const Error& error() const { return error_; }
  Error&& TakeError() { return std::move(error_); }

 private:
  std::optional<T> value_;
  Error error_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}  // NOLINT(google-explicit-constructor)
  bool ok() const { return error_.code == Code::kOk; }
  explicit operator bool() const { return ok(); }
  const Error& error() const { return error_; }
  Error&& TakeError() { return std::move(error_); }

 private:
  Error error_;
};

using Status = Result<void>;

inline Error MakeError(Code code, std::string message, uint64_t offset = kNoOffset) {
  return Error{code, offset, std::move(message)};
}

// The same error, its message led by the name of the file that it is in.
inline Error InFile(std::string_view file, Error error) {
  error.message = std::string(file) + ": " + error.message;
  return error;
}

}  // namespace parley

// A broken invariant of our own, never a reaction to input. Test files include Catch2 first and
// keep its CHECK.
#ifndef CHECK
#define CHECK(condition)                                                                 \
  do {                                                                                   \
    if (!(condition)) {                                                                  \
      std::fprintf(stderr, "%s:%d: CHECK failed: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                      \
    }                                                                                    \
  } while (false)
#endif

#define PARLEY_CONCAT_INNER(a, b) a##b
#define PARLEY_CONCAT(a, b) PARLEY_CONCAT_INNER(a, b)

// TRY(expression) passes an error up; TRY_ASSIGN(auto x, expression) binds the value or passes the
// error up.
#define TRY(expression)                                     \
  do {                                                      \
    if (auto try_result = (expression); !try_result.ok()) { \
      return std::move(try_result).TakeError();             \
    }                                                       \
  } while (false)

#define TRY_ASSIGN(declaration, expression)                            \
  auto PARLEY_CONCAT(try_value_, __LINE__) = (expression);             \
  if (!PARLEY_CONCAT(try_value_, __LINE__).ok()) {                     \
    return std::move(PARLEY_CONCAT(try_value_, __LINE__)).TakeError(); \
  }                                                                    \
  declaration = std::move(*PARLEY_CONCAT(try_value_, __LINE__))
