// The writer against the format's layout, laid down byte by byte by the tests' own builder.
#include "formats/gguf_writer.h"

#include <catch2/catch_test_macros.hpp>
#include <string_view>
#include <vector>

#include "support/gguf_file.h"

using parley::Code;
using parley::DType;
using parley::GgufHeader;
using parley::GgufWriter;
using parley::Status;
using namespace parley::test;

namespace {

class VectorSink final : public parley::ByteSink {
 public:
  Status Write(std::span<const uint8_t> bytes) override {
    if (bytes_.size() + bytes.size() > room) return parley::MakeError(Code::kIo, "full");
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    return {};
  }
  const std::vector<uint8_t>& bytes() const { return bytes_; }
  size_t room = ~size_t{0};

 private:
  std::vector<uint8_t> bytes_;
};

const std::vector<uint8_t> kMatrix(68, 7);
const std::vector<uint8_t> kVector(12, 9);

Status WriteExample(GgufWriter* writer) {
  const std::string_view texts[] = {"one", "", "three"};
  const int32_t ints[] = {-1, 2};
  const uint64_t matrix_shape[] = {2, 32};
  const uint64_t vector_shape[] = {3};
  TRY(writer->Begin(2, 6));
  TRY(writer->AddUint32("u32", 7));
  TRY(writer->AddFloat32("f32", 0.5f));
  TRY(writer->AddBool("bool", true));
  TRY(writer->AddString("text", "value"));
  TRY(writer->AddStrings("texts", texts));
  TRY(writer->AddInts("ints", ints));
  TRY(writer->AddTensor("vector", DType::kF32, vector_shape));
  TRY(writer->AddTensor("matrix", DType::kQ8_0, matrix_shape));
  TRY(writer->BeginData());
  TRY(writer->WriteTensorBytes(kVector));
  TRY(writer->EndTensor());
  TRY(writer->WriteTensorBytes(std::span(kMatrix).first(34)));
  TRY(writer->WriteTensorBytes(std::span(kMatrix).subspan(34)));
  return writer->EndTensor();
}

std::vector<uint8_t> ExpectedExample() {
  GgufFile file;
  file.entries = {
      U32Entry("u32", 7),
      {.key = "f32", .type = kGgufF32, .value = Little(0.5f)},
      {.key = "bool", .type = kGgufBool, .value = {1}},
      TextEntry("text", "value"),
      ArrayEntry("texts", kGgufString, 3, GgufBytes().Text("one").Text("").Text("three").Take()),
      ArrayEntry("ints", kGgufI32, 2, GgufBytes().Put(int32_t{-1}).Put(int32_t{2}).Take())};
  file.tensors = {{.name = "vector", .dims = {3}, .data = kVector},
                  {.name = "matrix", .dims = {32, 2}, .type = 8, .data = kMatrix}};
  return file.Build().bytes;
}

}  // namespace

TEST_CASE("the GGUF writer lays out version 3 as the specification says") {
  VectorSink sink;
  GgufWriter writer(&sink);
  REQUIRE(WriteExample(&writer).ok());
  CHECK(sink.bytes() == ExpectedExample());
  CHECK(writer.file_bytes() == sink.bytes().size());
}

TEST_CASE("G20: a GGUF writer passes up the failure of every write") {
  const size_t size = ExpectedExample().size();
  for (size_t room = 0; room < size; ++room) {
    VectorSink sink;
    sink.room = room;
    GgufWriter writer(&sink);
    const Status status = WriteExample(&writer);
    INFO(room);
    REQUIRE_FALSE(status.ok());
    REQUIRE(status.error().code == Code::kIo);
  }
}

TEST_CASE("entries of another file are copied as they are") {
  const auto built = SmallestModel().Build();
  const auto header = GgufHeader::Parse(built.bytes, built.bytes.size());
  REQUIRE(header.ok());
  VectorSink sink;
  GgufWriter writer(&sink);
  REQUIRE(writer.Begin(0, header->entries().size()).ok());
  for (const auto& entry : header->entries()) REQUIRE(writer.AddEntry(*header, entry).ok());
  const size_t begin = 24, end = built.at.at("name 0");  // from the first key to the first tensor
  CHECK(std::vector<uint8_t>(sink.bytes().begin() + begin, sink.bytes().end()) ==
        std::vector<uint8_t>(built.bytes.begin() + begin,
                             built.bytes.begin() + static_cast<ptrdiff_t>(end)));
}

TEST_CASE("a tensor table whose sizes wrap is OVERFLOW") {
  VectorSink sink;
  GgufWriter writer(&sink);
  REQUIRE(writer.Begin(2, 0).ok());
  const uint64_t half[] = {uint64_t{1} << 61};  // 2^63 bytes
  REQUIRE(writer.AddTensor("a", DType::kF32, half).ok());
  CHECK(writer.AddTensor("b", DType::kF32, half).error().code == Code::kOverflow);
}
