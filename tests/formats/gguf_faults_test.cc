// Rows G1 to G14 of docs/FAULTS.md: files made by hand, each with the exact code and byte offset
// that the format's specification gives. Whole models (G15 to G20) are in tests/engine.
#include <catch2/catch_test_macros.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "formats/gguf_reader.h"
#include "support/gguf_file.h"

using parley::Code;
using parley::CodeName;
using parley::GgufHeader;
using parley::kNoOffset;
using namespace parley::test;

namespace {

constexpr uint64_t kMinusOne = ~uint64_t{0};
constexpr uint64_t kTwo63 = uint64_t{1} << 63;

// Fails the test unless parsing gives this code at this offset.
void Refused(const std::vector<uint8_t>& bytes, Code code, uint64_t offset,
             std::string_view in_message = "") {
  const auto header = GgufHeader::Parse(bytes, bytes.size());
  REQUIRE_FALSE(header.ok());
  INFO(CodeName(header.error().code)
       << " at " << header.error().offset << ": " << header.error().message);
  CHECK(std::string(CodeName(header.error().code)) == CodeName(code));
  CHECK(header.error().offset == offset);
  CHECK(header.error().message.find(in_message) != std::string::npos);
}

void Accepted(const std::vector<uint8_t>& bytes) {
  const auto header = GgufHeader::Parse(bytes, bytes.size());
  INFO(header.error().message);
  CHECK(header.ok());
}

std::vector<uint8_t> Bytes(std::string_view text) { return {text.begin(), text.end()}; }

// A file with one metadata entry.
GgufFile WithEntry(GgufEntry entry) {
  GgufFile file;
  file.entries = {std::move(entry)};
  return file;
}

GgufFile WithTensor(GgufTensor tensor) {
  GgufFile file;
  file.tensors = {std::move(tensor)};
  return file;
}

std::vector<uint8_t> Zeros(size_t bytes) { return std::vector<uint8_t>(bytes); }

}  // namespace

TEST_CASE("G1: a file too short for the magic is TRUNCATED, another kind of file is named") {
  Refused({}, Code::kTruncated, 0);
  Refused(Bytes("GGU"), Code::kTruncated, 0);
  Refused(Bytes("GGUF"), Code::kTruncated, 4);
  const std::pair<std::string_view, const char*> files[] = {
      {"<!DOCTYPE html><html>", "HTML"},
      {"\n  <html lang=\"en\">", "HTML"},
      {"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\n", "Git LFS pointer"},
      {std::string_view("PK\x03\x04\x00\x00\x08\x08", 8), "pickle"},
      {std::string_view("\x80\x02}q\x00(X", 7), "pickle"},
      {std::string_view("\x08\x07\x12\x07pytorch\x1a", 12), "ONNX"},
      {std::string_view("\x40\x00\x00\x00\x00\x00\x00\x00{\"a\":", 13), "safetensors"},
      {"{\"model_type\": \"gpt2\"}", "JSON"},
      {"tjgg\x01", "older than GGUF"},
      {"FUGG", "bytes swapped"},
      {"anything else", "unknown kind"},
  };
  for (const auto& [text, name] : files) {
    INFO(text);
    Refused(Bytes(text), Code::kBadMagic, 0, name);
  }
}

TEST_CASE("G1: what is cut says where, and what to do") {
  const auto bytes = SmallestModel().Build().bytes;
  for (const size_t left : {size_t{3}, size_t{1000}, bytes.size() - 1}) {
    const auto header = GgufHeader::Parse(std::span(bytes).first(left), left);
    CHECK(header.error().code == Code::kTruncated);
    CHECK(header.error().message.ends_with("the file is cut at byte " + std::to_string(left) +
                                           ": fetch it again"));
  }
  // Of a longer file: more bytes are wanted, nothing is cut.
  const auto more = GgufHeader::Parse(std::span(bytes).first(1000), bytes.size());
  CHECK(more.error().code == Code::kTruncated);
  CHECK(more.error().message.find("cut") == std::string::npos);
}

TEST_CASE("G2: only versions 2 and 3 are read") {
  for (const uint32_t version : {0u, 1u, 4u, 5u, 0xffffffffu}) {
    INFO(version);
    Refused(GgufFile{.version = version}.Build().bytes, Code::kBadVersion, 4);
  }
  Refused(GgufFile{.version = 0x03000000}.Build().bytes, Code::kBadVersion, 4, "big-endian");
  Accepted(GgufFile{.version = 2}.Build().bytes);
  Accepted(GgufFile{.version = 3}.Build().bytes);
}

TEST_CASE("G3: counts that the file cannot hold are LIMIT") {
  for (const uint64_t count :
       {kMinusOne, kTwo63, kTwo63 - 1, uint64_t{1} << 32, uint64_t{1} << 17, uint64_t{1}}) {
    INFO(count);
    Refused(GgufFile{.n_tensors = count}.Build().bytes, Code::kLimit, 8);
    Refused(GgufFile{.n_entries = count + (count == 1)}.Build().bytes, Code::kLimit, 16);
  }
  // One entry more than there is, in a file large enough for two: found where the second is
  // missing.
  GgufFile file = WithEntry(TextEntry("a.key", "a value of some length"));
  file.n_entries = 2;
  Refused(file.Build().bytes, Code::kTruncated, file.Build().bytes.size());
}

TEST_CASE("G3: no memory is taken for a count that is refused") {
  const auto bytes = GgufFile{.n_tensors = kTwo63, .n_entries = kTwo63}.Build().bytes;
  const uint64_t before = parley::GetAllocationCounts().allocations;
  Refused(bytes, Code::kLimit, 8);
  CHECK(parley::GetAllocationCounts().allocations == before);
}

TEST_CASE("G4: strings that pass the end are TRUNCATED, those over their cap LIMIT") {
  SECTION("keys") {
    const auto past = WithEntry({.key = "short", .key_bytes = 500}).Build();
    Refused(past.bytes, Code::kTruncated, past.at.at("key 0") + 8);
    for (const uint64_t length : {uint64_t{65536}, kTwo63, kMinusOne}) {
      const auto over = WithEntry({.key = "short", .key_bytes = length}).Build();
      Refused(over.bytes, Code::kLimit, over.at.at("key 0"));
    }
    Accepted(WithEntry({.key = std::string(65535, 'k')}).Build().bytes);
  }
  SECTION("values") {
    GgufEntry entry = TextEntry("key", "text");
    entry.value = GgufBytes().Put(uint64_t{5}).Raw(Bytes("text")).Take();
    const auto past = WithEntry(entry).Build();
    Refused(past.bytes, Code::kTruncated, past.at.at("value 0") + 8);
    entry.value = Little((uint64_t{1} << 20) + 1);
    const auto over = WithEntry(entry).Build();
    Refused(over.bytes, Code::kLimit, over.at.at("value 0"));
  }
  SECTION("strings in arrays") {
    const auto past =
        WithEntry(ArrayEntry("key", kGgufString, 2,
                             GgufBytes().Text("one").Put(uint64_t{9}).Put(uint8_t{0}).Take()))
            .Build();
    Refused(past.bytes, Code::kTruncated, past.at.at("value 0") + 12 + 11 + 8);
    const auto over =
        WithEntry(ArrayEntry("key", kGgufString, 2, GgufBytes().Text("one").Put(kMinusOne).Take()))
            .Build();
    Refused(over.bytes, Code::kLimit, over.at.at("value 0") + 12 + 11);
  }
}

TEST_CASE("G5: an array whose size wraps is OVERFLOW, an array of arrays BAD_TYPE") {
  // The count stands after the element type.
  for (const uint64_t count : {kMinusOne, kTwo63, (uint64_t{1} << 61)}) {
    INFO(count);
    const auto u64s = WithEntry(ArrayEntry("key", kGgufU64, count, {})).Build();
    Refused(u64s.bytes, Code::kOverflow, u64s.at.at("value 0") + 4);
    const auto strings = WithEntry(ArrayEntry("key", kGgufString, count, {})).Build();
    Refused(strings.bytes, Code::kOverflow, strings.at.at("value 0") + 4);
  }
  const auto largest = WithEntry(ArrayEntry("key", kGgufU64, (uint64_t{1} << 61) - 1, {})).Build();
  Refused(largest.bytes, Code::kLimit, largest.at.at("value 0") + 4);
  const auto bytes = WithEntry(ArrayEntry("key", kGgufU8, kMinusOne, {})).Build();
  Refused(bytes.bytes, Code::kLimit, bytes.at.at("value 0") + 4);
  const auto cut = WithEntry(ArrayEntry("key", kGgufU32, 3, Zeros(11))).Build();
  Refused(cut.bytes, Code::kTruncated, cut.at.at("value 0") + 12);
  const auto nested =
      WithEntry(ArrayEntry("key", kGgufArray, 1, ArrayEntry("", kGgufU8, 0, {}).value)).Build();
  Refused(nested.bytes, Code::kBadType, nested.at.at("value 0"));
}

TEST_CASE("G6: unknown and negative types are BAD_TYPE") {
  for (const uint32_t type : {13u, 14u, 255u, 0x7fffffffu, 0x80000000u, 0xffffffffu}) {
    INFO(type);
    const auto entry = WithEntry({.key = "key", .type = type, .value = Zeros(16)}).Build();
    Refused(entry.bytes, Code::kBadType, entry.at.at("type 0"));
    const auto element = WithEntry(ArrayEntry("key", type, 1, Zeros(8))).Build();
    Refused(element.bytes, Code::kBadType, element.at.at("value 0"));
  }
  // 4 and 5 were types that ggml removed; 31 to 33 and 36 to 38 likewise.
  for (const uint32_t type : {4u, 5u, 31u, 36u, 40u, 0x7fffffffu, 0x80000000u, 0xffffffffu}) {
    INFO(type);
    const auto tensor = WithTensor({.name = "t", .type = type}).Build();
    Refused(tensor.bytes, Code::kBadType, tensor.at.at("tensor type 0"));
  }
  for (const uint8_t value : {uint8_t{2}, uint8_t{255}}) {
    const auto boolean = WithEntry({.key = "key", .type = kGgufBool, .value = {value}}).Build();
    Refused(boolean.bytes, Code::kBadType, boolean.at.at("value 0"));
  }
}

TEST_CASE("G7: a known key of another type is BAD_TYPE") {
  SECTION("general.alignment is a u32") {
    const auto u64 =
        WithEntry({.key = "general.alignment", .type = kGgufU64, .value = Little(uint64_t{32})})
            .Build();
    Refused(u64.bytes, Code::kBadType, u64.at.at("value 0"));
    const auto text = WithEntry(TextEntry("general.alignment", "32")).Build();
    Refused(text.bytes, Code::kBadType, text.at.at("value 0"));
  }
  SECTION("every reading checks the type") {
    GgufFile file;
    file.entries = {TextEntry("text", "1"),
                    U32Entry("number", 1),
                    ArrayEntry("texts", kGgufString, 0, {}),
                    {.key = "negative", .type = kGgufI32, .value = Little(int32_t{-1})},
                    ArrayEntry("large", kGgufU32, 1, Little(uint32_t{1} << 31))};
    const auto built = file.Build();
    const auto header = GgufHeader::Parse(built.bytes, built.bytes.size());
    REQUIRE(header.ok());
    const auto refused = [](const auto& result, uint64_t offset) {
      REQUIRE_FALSE(result.ok());
      CHECK(result.error().code == Code::kBadType);
      CHECK(result.error().offset == offset);
    };
    refused(header->GetUint("text", 0), built.at.at("value 0"));
    refused(header->GetFloat("number", 0), built.at.at("value 1"));
    refused(header->GetBool("number", false), built.at.at("value 1"));
    refused(header->GetString("number", ""), built.at.at("value 1"));
    refused(header->GetStrings("text"), built.at.at("value 0"));
    refused(header->GetInts("texts"), built.at.at("value 2") + 12);
    refused(header->GetUint("negative", 0), built.at.at("value 3"));
    refused(header->GetInts("large"), built.at.at("value 4") + 12);
  }
}

TEST_CASE("G8: alignment is a power of two from 8 to 65536") {
  for (const uint32_t alignment : {0u, 1u, 4u, 7u, 13u, 24u, 48u, 131072u, 1u << 30, 0xffffffffu}) {
    INFO(alignment);
    const auto built = WithEntry(U32Entry("general.alignment", alignment)).Build();
    Refused(built.bytes, Code::kBadAlign, built.at.at("value 0"));
  }
  for (const uint32_t alignment : {8u, 16u, 32u, 64u, 4096u, 65536u}) {
    INFO(alignment);
    GgufFile file = WithEntry(U32Entry("general.alignment", alignment));
    file.tensors = {{.name = "a"}, {.name = "b"}};
    file.alignment = alignment;
    Accepted(file.Build().bytes);
  }
}

TEST_CASE("G9: a tensor has one to four dimensions") {
  for (const uint32_t n_dims : {0u, 5u, 6u, 0x7fffffffu, 0xffffffffu}) {
    INFO(n_dims);
    const auto built = WithTensor({.name = "t", .n_dims = n_dims}).Build();
    Refused(built.bytes, Code::kBadShape, built.at.at("n_dims 0"));
  }
  Accepted(WithTensor({.name = "t", .dims = {8, 1, 1, 1}}).Build().bytes);
}

TEST_CASE("G10: dimensions of zero, negative ones, and sizes that wrap are OVERFLOW") {
  const uint64_t k2_32 = uint64_t{1} << 32;
  struct Case {
    std::vector<uint64_t> dims;
    uint32_t type;
    bool wraps;
    uint64_t dim;  // index of the dimension at fault; sizes in bytes are told of the first
  };
  constexpr uint32_t kF32Type = 0, kI8Type = 24, kQ8_0Type = 8;
  const Case cases[] = {
      {{0}, kF32Type, true, 0},
      {{8, 0}, kF32Type, true, 1},
      {{kMinusOne}, kI8Type, true, 0},
      {{kTwo63}, kI8Type, true, 0},
      {{kTwo63 - 1}, kI8Type, false, 0},
      // The number of values: 2^64 - 2^32, 2^64, 2^64 + 2^32.
      {{k2_32, k2_32 - 1}, kI8Type, false, 0},
      {{k2_32, k2_32}, kI8Type, true, 1},
      {{k2_32, k2_32 + 1}, kI8Type, true, 1},
      {{k2_32, k2_32 - 1, 1, 2}, kI8Type, true, 3},
      // Bytes of F32: 4 (2^62 - 1), 4 * 2^62.
      {{(kTwo63 >> 1) - 1}, kF32Type, true, 0},  // fits as it is, wraps when it is padded
      {{(kTwo63 >> 1) - 8}, kF32Type, false, 0},
      {{kTwo63 >> 1}, kF32Type, true, 0},
      // Padding to 32: bytes of 2^64 - 1 = 4294967295 * 4294967297, of 2^64 - 32, of 2^64 - 31 (no
      // product: one more).
      {{4294967295u, 4294967297u}, kI8Type, true, 0},
      {{k2_32, (k2_32 >> 5) - 1, 32}, kI8Type, false, 0},
      // Bytes of Q8_0: 34 / 32 of the values. 34 * 2^58 and below fit, 34 * 2^59 does not.
      {{32, uint64_t{1} << 58}, kQ8_0Type, false, 0},
      {{32, uint64_t{1} << 59}, kQ8_0Type, true, 1},  // 2^64 values
      {{32, kMinusOne / 34}, kQ8_0Type, true, 0},     // fits within 31 of 2^64: the padding wraps
      {{32, kMinusOne / 34 - 1}, kQ8_0Type, false, 0},
  };
  for (const Case& c : cases) {
    INFO(c.dims[0] << " x " << (c.dims.size() > 1 ? c.dims[1] : 1) << ", type " << c.type);
    const auto built =
        WithTensor({.name = "t", .dims = c.dims, .type = c.type, .data = Zeros(32)}).Build();
    if (c.wraps) {
      Refused(built.bytes, Code::kOverflow, built.at.at("dims 0") + 8 * c.dim);
    } else {  // lawful sizes, in a file that does not have them
      Refused(built.bytes, Code::kTruncated, built.bytes.size());
    }
  }
}

TEST_CASE("G11: a row that is no multiple of the block is BAD_SHAPE") {
  struct Case {
    uint32_t type;
    uint64_t block;
  };
  for (const Case& c :
       {Case{2, 32}, Case{3, 32}, Case{6, 32}, Case{7, 32}, Case{8, 32}, Case{9, 32}, Case{10, 256},
        Case{11, 256}, Case{12, 256}, Case{13, 256}, Case{14, 256}, Case{15, 256}, Case{20, 32}}) {
    for (const uint64_t row : {uint64_t{1}, c.block - 1, c.block + 1, 3 * c.block / 2}) {
      INFO("type " << c.type << ", row of " << row);
      const auto built = WithTensor({.name = "t", .dims = {row, c.block}, .type = c.type}).Build();
      Refused(built.bytes, Code::kBadShape, built.at.at("dims 0"));
    }
  }
}

TEST_CASE("G12: offsets unaligned, overlapping, with holes or past the end are BAD_OFFSET") {
  const auto with_second = [](uint64_t offset) {
    GgufFile file;
    file.tensors = {{.name = "a"}, {.name = "b", .offset = offset}};
    return file.Build();
  };
  for (const uint64_t offset : {uint64_t{0}, uint64_t{1}, uint64_t{31}, uint64_t{33}, uint64_t{63},
                                uint64_t{64}, uint64_t{96}, kTwo63, kMinusOne, kMinusOne - 31}) {
    INFO(offset);
    const auto built = with_second(offset);
    // Of two tensors at one place the second in the table overlaps; else the one at fault is b.
    Refused(built.bytes, Code::kBadOffset, built.at.at("offset 1"));
  }
  Accepted(with_second(32).bytes);
  const auto late = WithTensor({.name = "t", .data = Zeros(64), .offset = 32}).Build();
  Refused(late.bytes, Code::kBadOffset, late.at.at("offset 0"));
}

TEST_CASE("G12: the table may name tensors in another order than their data") {
  GgufFile file;
  file.tensors = {{.name = "second", .offset = 32}, {.name = "first", .offset = 0}};
  const auto built = file.Build();
  const auto header = GgufHeader::Parse(built.bytes, built.bytes.size());
  REQUIRE(header.ok());
  REQUIRE(header->tensors().size() == 2);
  CHECK(header->tensors()[0].name == "first");
  CHECK(header->tensors()[1].offset == built.at.at("data") + 32);
}

TEST_CASE("G13: a name twice is DUPLICATE, an empty or overlong one LIMIT") {
  GgufFile keys;
  keys.entries = {U32Entry("one", 1), U32Entry("two", 2), U32Entry("one", 1)};
  Refused(keys.Build().bytes, Code::kDuplicate, keys.Build().at.at("key 2") + 8, "one");
  GgufFile names;
  names.tensors = {{.name = "one"}, {.name = "two"}, {.name = "one"}};
  Refused(names.Build().bytes, Code::kDuplicate, names.Build().at.at("name 2") + 8, "one");
  const auto empty_key = WithEntry({.key = ""}).Build();
  Refused(empty_key.bytes, Code::kLimit, empty_key.at.at("key 0"));
  const auto empty_name = WithTensor({.name = ""}).Build();
  Refused(empty_name.bytes, Code::kLimit, empty_name.at.at("name 0"));
  const auto long_name = WithTensor({.name = std::string(65, 'n')}).Build();
  Refused(long_name.bytes, Code::kLimit, long_name.at.at("name 0"));
  Accepted(WithTensor({.name = std::string(64, 'n')}).Build().bytes);
}

TEST_CASE("G14: a missing last byte is TRUNCATED, bytes after the last tensor are BAD_OFFSET") {
  GgufFile file;
  file.tensors = {{.name = "a"}, {.name = "b", .dims = {4}, .data = Zeros(16)}};
  for (const bool pad : {false, true}) {
    INFO(pad);
    file.pad_last = pad;
    const auto built = file.Build();
    Accepted(built.bytes);
    auto cut = built.bytes;
    cut.pop_back();
    Refused(cut, Code::kTruncated, cut.size());
    auto longer = built.bytes;
    longer.resize(built.at.at("data 1") + 32 + 1);  // one byte after b's data and their padding
    Refused(longer, Code::kBadOffset, longer.size() - 1);
  }
  // Cut where a tensor's data would begin, and before.
  file.pad_last = false;
  const auto built = file.Build();
  for (const char* place : {"data 1", "data 0"}) {
    Refused({built.bytes.begin(), built.bytes.begin() + static_cast<ptrdiff_t>(built.at.at(place))},
            Code::kTruncated, built.at.at(place));
  }
  auto empty = GgufFile{}.Build().bytes;
  Accepted(empty);
  empty.push_back(0);
  Refused(empty, Code::kTruncated,
          empty.size());  // neither the end of the header nor of its padding
  empty.resize(33);
  Refused(empty, Code::kBadOffset, 32);
}
