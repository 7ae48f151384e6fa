// Writes a JSON text piece by piece and keeps its commas right. Strings and numbers are
// json_text.h's; that what is opened is closed is the caller's care.
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/json_text.h"

namespace parley {

class JsonWriter {
 public:
  JsonWriter& BeginObject() { return Open('{'); }
  JsonWriter& EndObject() { return Close('}'); }
  JsonWriter& BeginArray() { return Open('['); }
  JsonWriter& EndArray() { return Close(']'); }

  JsonWriter& Key(std::string_view key) {
    Separate();
    AppendJsonString(key, &text_);
    text_ += ':';
    after_key_ = true;
    return *this;
  }
  JsonWriter& String(std::string_view value) {
    Separate();
    AppendJsonString(value, &text_);
    return *this;
  }
  JsonWriter& Number(double value) {
    Separate();
    AppendJsonNumber(value, &text_);
    return *this;
  }
  // Integers are written exactly, whatever their size.
  template <std::integral T>
  JsonWriter& Number(T value) {
    Separate();
    text_ += std::to_string(value);
    return *this;
  }
  JsonWriter& Bool(bool value) {
    Separate();
    text_ += value ? "true" : "false";
    return *this;
  }
  JsonWriter& Null() {
    Separate();
    text_ += "null";
    return *this;
  }

  const std::string& text() const { return text_; }

 private:
  JsonWriter& Open(char bracket) {
    Separate();
    text_ += bracket;
    first_ = true;
    return *this;
  }
  JsonWriter& Close(char bracket) {
    text_ += bracket;
    first_ = false;
    return *this;
  }
  void Separate() {
    if (!first_ && !after_key_) text_ += ',';
    first_ = false;
    after_key_ = false;
  }

  std::string text_;
  bool first_ = true;       // nothing stands yet in the innermost brackets
  bool after_key_ = false;  // a key waits for its value
};

}  // namespace parley
