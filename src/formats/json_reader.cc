// Turns nlohmann's SAX events into values with paths.
#include "formats/json_reader.h"

#include <iterator>
#include <nlohmann/json.hpp>

namespace parley {
namespace {

// An iterator over the text that says how far the parser has read.
struct CountingIterator {
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  const char* at;
  const char** furthest;

  reference operator*() const { return *at; }
  CountingIterator& operator++() {
    ++at;
    *furthest = at;
    return *this;
  }
  CountingIterator operator++(int) {
    CountingIterator before = *this;
    ++*this;
    return before;
  }
  bool operator==(const CountingIterator& other) const { return at == other.at; }
  bool operator!=(const CountingIterator& other) const { return at != other.at; }
};

}  // namespace

class JsonEvents {
 public:
  using number_integer_t = nlohmann::json::number_integer_t;
  using number_unsigned_t = nlohmann::json::number_unsigned_t;
  using number_float_t = nlohmann::json::number_float_t;
  using string_t = nlohmann::json::string_t;
  using binary_t = nlohmann::json::binary_t;

  JsonEvents(std::string_view text, JsonHandler* handler, uint64_t base_offset, uint64_t max_values)
      : begin_(text.data()),
        furthest_(text.data()),
        handler_(handler),
        base_offset_(base_offset),
        max_values_(max_values) {}

  const char** furthest() { return &furthest_; }
  Error&& TakeError() { return std::move(error_); }
  bool failed() const { return error_.code != Code::kOk; }

  bool null() { return Emit({.kind = JsonValue::Kind::kNull}); }
  bool boolean(bool value) { return Emit({.kind = JsonValue::Kind::kBool, .boolean = value}); }
  bool number_unsigned(number_unsigned_t value) {
    return Emit({.kind = JsonValue::Kind::kUint, .uint = value}, kLookahead);
  }
  bool number_integer(number_integer_t value) {
    return Emit({.kind = JsonValue::Kind::kNegative, .negative = value}, kLookahead);
  }
  bool number_float(number_float_t value, const string_t&) {
    return Emit({.kind = JsonValue::Kind::kFloat, .real = value}, kLookahead);
  }
  bool string(string_t& value) { return Emit({.kind = JsonValue::Kind::kString, .string = value}); }
  bool binary(binary_t&) { return Fail(Code::kBadJson, "binary data"); }

  bool start_object(std::size_t) { return Open(JsonValue::Kind::kObject, false); }
  bool start_array(std::size_t) { return Open(JsonValue::Kind::kArray, true); }
  bool end_object() { return Close(JsonValue::Kind::kObjectEnd); }
  bool end_array() { return Close(JsonValue::Kind::kArrayEnd); }

  bool key(string_t& value) {
    if (!CountOne()) return false;
    path_.levels_[path_.depth_ - 1].key = value;
    return true;
  }

  bool parse_error(std::size_t, const std::string& token, const nlohmann::detail::exception&) {
    return Fail(Code::kBadJson, "not JSON near '" + token.substr(0, 40) + "'");
  }

 private:
  // A number ends where the next character is none of its own: the parser has read one further.
  static constexpr uint64_t kLookahead = 1;

  uint64_t Offset() const { return base_offset_ + static_cast<uint64_t>(furthest_ - begin_); }

  bool Fail(Code code, std::string message) {
    error_ = MakeError(code, std::move(message), Offset());
    return false;
  }

  bool CountOne() {
    if (++values_ > max_values_) {
      return Fail(Code::kLimit, "JSON of more than " + std::to_string(max_values_) + " values");
    }
    return true;
  }

  bool Tell(JsonValue value, uint64_t lookahead) {
    value.offset = Offset() - lookahead;
    Status status = handler_->OnValue(path_, value);
    if (!status.ok()) error_ = status.TakeError();
    return status.ok();
  }

  // In an array the index moves on after each element.
  void Advance() {
    if (path_.depth_ > 0 && path_.levels_[path_.depth_ - 1].in_array)
      ++path_.levels_[path_.depth_ - 1].index;
  }

  bool Emit(const JsonValue& value, uint64_t lookahead = 0) {
    if (!CountOne() || !Tell(value, lookahead)) return false;
    Advance();
    return true;
  }

  bool Open(JsonValue::Kind kind, bool is_array) {
    if (!CountOne() || !Tell({.kind = kind}, 0)) return false;
    if (path_.depth_ == kMaxJsonDepth) {
      return Fail(Code::kLimit,
                  "JSON nested deeper than " + std::to_string(kMaxJsonDepth) + " levels");
    }
    JsonPath::Level& level = path_.levels_[path_.depth_++];
    level.in_array = is_array;
    level.key.clear();
    level.index = 0;
    return true;
  }

  bool Close(JsonValue::Kind kind) {
    --path_.depth_;
    if (!Tell({.kind = kind}, 0)) return false;
    Advance();
    return true;
  }

  const char* begin_;
  const char* furthest_;
  JsonHandler* handler_;
  uint64_t base_offset_;
  uint64_t max_values_;
  uint64_t values_ = 0;
  JsonPath path_;
  Error error_;
};

std::string JsonPath::ToString() const {
  std::string text;
  for (uint32_t i = 0; i < depth_; ++i) {
    const Level& level = levels_[i];
    if (level.in_array) {
      text.append("[").append(std::to_string(level.index)).append("]");
    } else {
      text.append(text.empty() ? "" : ".").append(level.key.substr(0, 64));
    }
  }
  return text.empty() ? "the document" : text;
}

Status ReadJson(std::string_view text, JsonHandler* handler, uint64_t base_offset,
                uint64_t max_values) {
  JsonEvents events(text, handler, base_offset, max_values);
  const CountingIterator begin{text.data(), events.furthest()};
  const CountingIterator end{text.data() + text.size(), events.furthest()};
  const bool complete = nlohmann::json::sax_parse(begin, end, &events);
  if (events.failed()) return events.TakeError();
  CHECK(complete);
  return {};
}

}  // namespace parley
