// Rows S1 to S7 of docs/FAULTS.md, and lawful files. Files are made by hand.
#include "formats/safetensors.h"

#include <catch2/catch_test_macros.hpp>
#include <string>
#include <vector>

#include "support/test_model.h"

using parley::Code;
using parley::CodeName;
using parley::DType;
using parley::SafetensorsHeader;
using parley::TensorInfo;
using parley::test::GgufBytes;

namespace {

constexpr uint64_t kAuto = ~uint64_t{0} - 1;

// u64 length, header, data.
std::vector<uint8_t> File(const std::string& json, size_t data_bytes, uint64_t length = kAuto) {
  GgufBytes file;
  file.Put(length == kAuto ? uint64_t{json.size()} : length).Raw({json.begin(), json.end()});
  file.Raw(std::vector<uint8_t>(data_bytes));
  return file.Take();
}

void FileRefused(const std::vector<uint8_t>& bytes, Code code, uint64_t offset) {
  const auto header = SafetensorsHeader::Parse(bytes, bytes.size());
  REQUIRE_FALSE(header.ok());
  INFO(CodeName(header.error().code)
       << " at " << header.error().offset << ": " << header.error().message);
  CHECK(std::string(CodeName(header.error().code)) == CodeName(code));
  CHECK(header.error().offset == offset);
}

// `"name": {"dtype": ..., "shape": ..., "data_offsets": ...}`
std::string Tensor(const std::string& name, const std::string& dtype, const std::string& shape,
                   const std::string& offsets) {
  return "\"" + name + "\":{\"dtype\":\"" + dtype + "\",\"shape\":[" + shape +
         "],\"data_offsets\":[" + offsets + "]}";
}

// The offset in the file after the first occurrence of `text` in the header.
uint64_t After(const std::string& json, const std::string& text) {
  return 8 + json.find(text) + text.size();
}

}  // namespace

TEST_CASE("a safetensors header gives tensors in order of their data") {
  const std::string json =
      "{\"__metadata__\":{\"format\":\"pt\"}," + Tensor("b", "F16", "2,3", "16,28") + "," +
      Tensor("a", "F32", "4", "0,16") + "," + Tensor("scalar", "BF16", "", "28,30") + "," +
      Tensor("mask", "BOOL", "1,1,2,1", "30,32") + "," + Tensor("none", "F32", "0", "32,32") +
      "}   ";
  const auto bytes = File(json, 32);
  CHECK(*SafetensorsHeader::PrefixBytes(std::span(bytes).first(8), bytes.size()) ==
        8 + json.size());
  const auto header =
      SafetensorsHeader::Parse(std::span(bytes).first(8 + json.size()), bytes.size());
  INFO(header.error().message);
  REQUIRE(header.ok());
  REQUIRE(header->tensors().size() == 5);
  CHECK(header->tensors()[0].name == "a");
  const TensorInfo* b = header->FindTensor("b");
  REQUIRE(b != nullptr);
  CHECK(b->type == DType::kF16);
  CHECK(b->n_dims == 2);
  CHECK(b->shape[0] == 2);
  CHECK(b->shape[1] == 3);
  CHECK(b->offset == 8 + json.size() + 16);
  CHECK(b->bytes == 12);
  CHECK(header->FindTensor("scalar")->n_dims == 0);
  CHECK(header->FindTensor("mask")->type == DType::kI8);
  CHECK(header->FindTensor("none")->bytes == 0);
  CHECK(header->FindTensor("c") == nullptr);
}

TEST_CASE("S1: a header length below 2 or over its cap is LIMIT, past the end TRUNCATED") {
  FileRefused({}, Code::kTruncated, 0);
  FileRefused({1, 0, 0, 0, 0, 0, 0}, Code::kTruncated, 0);
  for (const uint64_t length :
       {uint64_t{0}, uint64_t{1}, uint64_t{(16 << 20) + 1}, uint64_t{1} << 63, ~uint64_t{0}}) {
    INFO(length);
    FileRefused(File("{}", 0, length), Code::kLimit, 0);
  }
  FileRefused(File("{}", 0, 3), Code::kTruncated, 10);
  FileRefused(File("", 0, 2), Code::kTruncated, 8);
  const auto bytes = File("{}", 0);
  CHECK(SafetensorsHeader::Parse(bytes, bytes.size()).ok());
}

TEST_CASE("S1: another kind of file is BAD_MAGIC when its first bytes tell") {
  for (const std::string text :
       {"version https://git-lfs.github.com/spec/v1", "<!DOCTYPE html>", "GGUFGGUFGGUF",
        "PK\x03\x04 a zip archive", "{\"weight_map\": {}}"}) {
    INFO(text);
    const std::vector<uint8_t> bytes(text.begin(), text.end());
    const auto prefix = SafetensorsHeader::PrefixBytes(bytes, 1 << 20);
    CHECK(prefix.error().code == Code::kBadMagic);
  }
}

TEST_CASE("S2: a header that is no JSON object is BAD_JSON") {
  for (const std::string json : {"[]", " {}", "\"\"", "12", "\xef\xbb\xbf{}"}) {
    INFO(json);
    FileRefused(File(json, 0), Code::kBadJson, 8);
  }
  FileRefused(File("{} x", 0), Code::kBadJson, 8 + 4);
  FileRefused(File("{}{}", 0), Code::kBadJson, 8 + 3);
  FileRefused(File("{\"\xff\":1}", 0), Code::kBadJson, 8 + 3);
  FileRefused(File("{\"a\":1}", 0), Code::kBadJson, 8 + 6);
  FileRefused(File("{\"a\":{}}", 0), Code::kBadJson, 8 + 7);
  FileRefused(File("{\"a\":[]}", 0), Code::kBadJson, 8 + 6);
  const std::string metadata = "{\"__metadata__\":{\"n\":1}}";
  FileRefused(File(metadata, 0), Code::kBadJson, After(metadata, "1"));
}

TEST_CASE("S3: keys twice are DUPLICATE, also escaped") {
  const std::string plain =
      "{" + Tensor("a", "I8", "1", "0,1") + "," + Tensor("a", "I8", "1", "1,2") + "}";
  FileRefused(File(plain, 2), Code::kDuplicate, 8 + plain.size() - 1);
  const std::string escaped =
      "{" + Tensor("a", "I8", "1", "0,1") + "," + Tensor("\\u0061", "I8", "1", "1,2") + "}";
  FileRefused(File(escaped, 2), Code::kDuplicate, 8 + escaped.size() - 1);
  const std::string field = "{\"a\":{\"dtype\":\"I8\",\"dty\\u0070e\":\"F32\"}}";
  FileRefused(File(field, 0), Code::kDuplicate, After(field, "\"F32\""));
  const std::string metadata = "{\"__metadata__\":{},\"__metadata__\":{}}";
  FileRefused(File(metadata, 0), Code::kDuplicate, 8 + metadata.size() - 2);
}

TEST_CASE("S4: overlaps, holes, begin after end, an end that is not the file's are BAD_OFFSET") {
  const auto pair = [](const std::string& first, const std::string& second, size_t data) {
    return File("{" + Tensor("a", "I8", "4", first) + "," + Tensor("b", "I8", "4", second) + "}",
                data);
  };
  const std::string json =
      "{" + Tensor("a", "I8", "4", "0,4") + "," + Tensor("b", "I8", "4", "3,7") + "}";
  const uint64_t end_of_b = 8 + json.size() - 1;
  FileRefused(pair("0,4", "3,7", 7), Code::kBadOffset, end_of_b);  // overlap
  FileRefused(pair("0,4", "0,4", 4), Code::kBadOffset, end_of_b);  // the same bytes
  FileRefused(pair("0,4", "5,9", 9), Code::kBadOffset, end_of_b);  // hole
  FileRefused(pair("0,4", "8,4", 8), Code::kBadOffset, end_of_b);  // begin > end
  FileRefused(pair("0,4", "4,8", 7), Code::kBadOffset, end_of_b);  // past the end of the file
  FileRefused(pair("0,4", "4,8", 9), Code::kBadOffset,
              8 + json.size() + 8);  // bytes after the last
  FileRefused(File("{}", 1), Code::kBadOffset, 10);
  const std::string late = "{" + Tensor("a", "I8", "4", "1,5") + "}";
  FileRefused(File(late, 5), Code::kBadOffset, 8 + late.size() - 1);
}

TEST_CASE("S5: a shape that does not make the bytes is BAD_SHAPE, one that wraps OVERFLOW") {
  const auto one = [](const std::string& dtype, const std::string& shape,
                      const std::string& offsets, size_t data, Code code) {
    const std::string json = "{" + Tensor("a", dtype, shape, offsets) + "}";
    INFO(json);
    FileRefused(File(json, data), code, 8 + json.size() - 1);
  };
  one("F32", "4", "0,15", 15, Code::kBadShape);
  one("F32", "4", "0,17", 17, Code::kBadShape);
  one("F16", "2,3", "0,11", 11, Code::kBadShape);
  one("F32", "", "0,5", 5, Code::kBadShape);
  one("F32", "0", "0,1", 1, Code::kBadShape);
  one("I8", "4294967296,4294967296", "0,0", 0, Code::kOverflow);
  one("F64", "2097152,2097152,2097152", "0,0", 0, Code::kOverflow);
  const std::string five = "{" + Tensor("a", "I8", "1,1,1,1,1", "0,1") + "}";
  FileRefused(File(five, 1), Code::kBadShape, After(five, "1,1,1,1,1"));
  const std::string dtype = "{" + Tensor("a", "Q8", "1", "0,1") + "}";
  FileRefused(File(dtype, 1), Code::kBadType, After(dtype, "\"Q8\""));
}

TEST_CASE("S6: offsets and dimensions are plain integers up to 2^53") {
  for (const std::string number : {"1e3", "-1", "-0", "1.0", "9007199254740993",
                                   "18446744073709551616", "null", "\"1\"", "true"}) {
    INFO(number);
    const std::string offsets = "{" + Tensor("a", "I8", "1", "0," + number) + "}";
    FileRefused(File(offsets, 1), Code::kBadJson, After(offsets, "[0," + number));
    const std::string shape = "{" + Tensor("a", "I8", number, "0,1") + "}";
    FileRefused(File(shape, 1), Code::kBadJson, After(shape, "\"shape\":[" + number));
  }
  const std::string exact = "{" + Tensor("a", "I8", "9007199254740992", "0,1") + "}";
  FileRefused(File(exact, 1), Code::kBadShape, 8 + exact.size() - 1);
  for (const std::string offsets : {"", "0", "0,1,2"}) {
    const std::string json = "{" + Tensor("a", "I8", "1", offsets) + "}";
    const auto bytes = File(json, 1);
    CHECK(SafetensorsHeader::Parse(bytes, bytes.size()).error().code == Code::kBadJson);
  }
}

TEST_CASE("unknown fields of a tensor are passed over") {
  const std::string json =
      "{\"a\":{\"new\":{\"x\":[1,{}]},\"dtype\":\"I8\",\"shape\":[1],\"data_offsets\":[0,1]}}";
  const auto bytes = File(json, 1);
  CHECK(SafetensorsHeader::Parse(bytes, bytes.size()).ok());
}

TEST_CASE("S7: deep nesting and a million keys are LIMIT, without a deep stack") {
  const auto code_of = [](const std::string& json) {
    const auto bytes = File(json, 0);
    return std::string(CodeName(SafetensorsHeader::Parse(bytes, bytes.size()).error().code));
  };
  std::string objects;
  for (int i = 0; i < 100000; ++i) objects += "{\"a\":";
  CHECK(code_of(objects) == "LIMIT");
  CHECK(code_of("{\"a\":{\"b\":" + std::string(100000, '[')) == "LIMIT");

  std::string metadata = "{\"__metadata__\":{";
  for (int i = 0; i < 1000000; ++i) {
    metadata += (i == 0 ? "\"" : ",\"") + std::to_string(i) + "\":\"\"";
  }
  CHECK(code_of(metadata + "}}") == "LIMIT");
  std::string tensors = "{" + Tensor("0", "I8", "0", "0,0");
  for (int i = 1; i < 66000; ++i) tensors += "," + Tensor(std::to_string(i), "I8", "0", "0,0");
  CHECK(code_of(tensors + "}") == "LIMIT");
}
