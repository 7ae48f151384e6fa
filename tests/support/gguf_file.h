// Describes a GGUF file field by field, lawful or not, and writes it down; says where each field
// stands, so that tests can expect exact offsets. Follows the format's specification, not the
// reader or writer under src/.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "support/test_model.h"

namespace parley::test {

// Numbers of the format.
inline constexpr uint32_t kGgufU8 = 0, kGgufU32 = 4, kGgufI32 = 5, kGgufF32 = 6, kGgufBool = 7,
                          kGgufString = 8, kGgufArray = 9, kGgufU64 = 10;

template <typename T>
std::vector<uint8_t> Little(T value) {
  return GgufBytes().Put(value).Take();
}
inline std::vector<uint8_t> LittleText(const std::string& text) {
  return GgufBytes().Text(text).Take();
}

struct GgufEntry {
  std::string key;
  uint32_t type = kGgufU32;
  std::vector<uint8_t> value = Little(uint32_t{1});
  std::optional<uint64_t> key_bytes = {};  // instead of the key's length
};

struct GgufTensor {
  std::string name;
  std::vector<uint64_t> dims = {8};  // fastest first, as in the file
  uint32_t type = 0;                 // F32
  std::vector<uint8_t> data = std::vector<uint8_t>(32);
  std::optional<uint64_t> offset = {};  // instead of the next free one
  std::optional<uint32_t> n_dims = {};  // instead of dims.size()
  std::optional<uint64_t> name_bytes = {};
};

struct GgufFile {
  std::string magic = "GGUF";
  uint32_t version = 3;
  std::optional<uint64_t> n_tensors = {};  // instead of their number
  std::optional<uint64_t> n_entries = {};
  std::vector<GgufEntry> entries = {};
  std::vector<GgufTensor> tensors = {};
  size_t alignment = 32;  // of the data; a key is an entry of its own
  bool pad_last = true;

  struct Built {
    std::vector<uint8_t> bytes;
    // "n_tensors", "n_entries"; for entry i "key i", "type i", "value i"; for tensor i "name i",
    // "n_dims i", "dims i", "tensor type i", "offset i", "data i"; "header end", "data".
    std::map<std::string, uint64_t> at;
  };

  Built Build() const {
    Built built;
    GgufBytes file;
    const auto mark = [&](const std::string& what) { built.at[what] = file.size(); };
    file.Raw({magic.begin(), magic.end()}).Put(version);
    mark("n_tensors");
    file.Put(n_tensors.value_or(tensors.size()));
    mark("n_entries");
    file.Put(n_entries.value_or(entries.size()));
    for (size_t i = 0; i < entries.size(); ++i) {
      const GgufEntry& entry = entries[i];
      const std::string number = std::to_string(i);
      mark("key " + number);
      file.Put(entry.key_bytes.value_or(entry.key.size()))
          .Raw({entry.key.begin(), entry.key.end()});
      mark("type " + number);
      file.Put(entry.type);
      mark("value " + number);
      file.Raw(entry.value);
    }
    uint64_t next = 0;  // bytes of data so far, padded
    GgufBytes data;
    for (size_t i = 0; i < tensors.size(); ++i) {
      const GgufTensor& tensor = tensors[i];
      const std::string number = std::to_string(i);
      mark("name " + number);
      file.Put(tensor.name_bytes.value_or(tensor.name.size()))
          .Raw({tensor.name.begin(), tensor.name.end()});
      mark("n_dims " + number);
      file.Put(tensor.n_dims.value_or(static_cast<uint32_t>(tensor.dims.size())));
      mark("dims " + number);
      for (const uint64_t dim : tensor.dims) file.Put(dim);
      mark("tensor type " + number);
      file.Put(tensor.type);
      mark("offset " + number);
      file.Put(tensor.offset.value_or(next));
      built.at["data " + number] = next;  // from the beginning of the data, for now
      data.Raw(tensor.data);
      if (pad_last || i + 1 < tensors.size()) data.Pad(alignment);
      next = data.size();
    }
    mark("header end");
    if (!tensors.empty()) file.Pad(alignment);
    mark("data");
    for (size_t i = 0; i < tensors.size(); ++i)
      built.at["data " + std::to_string(i)] += file.size();
    file.Raw(data.Take());
    built.bytes = file.Take();
    return built;
  }
};

inline GgufEntry TextEntry(const std::string& key, const std::string& text) {
  return {.key = key, .type = kGgufString, .value = LittleText(text)};
}
inline GgufEntry U32Entry(const std::string& key, uint32_t value) {
  return {.key = key, .value = Little(value)};
}

// An array: u32 element type, u64 count, elements.
inline GgufEntry ArrayEntry(const std::string& key, uint32_t type, uint64_t count,
                            std::vector<uint8_t> elements) {
  return {.key = key,
          .type = kGgufArray,
          .value = GgufBytes().Put(type).Put(count).Raw(elements).Take()};
}

// A model as a file: `config` are the entries of its architecture. The vocabulary is the 256 byte
// tokens.
inline GgufFile FileOf(const TestModel& model, std::vector<GgufEntry> config) {
  GgufFile file;
  file.entries = std::move(config);
  file.entries.insert(file.entries.begin(), TextEntry("general.architecture", model.architecture));
  file.entries.push_back(TextEntry("tokenizer.ggml.model", "gpt2"));
  file.entries.push_back(TextEntry("tokenizer.ggml.pre", "gpt-2"));
  GgufBytes tokens;
  for (uint32_t byte = 0; byte < 256; ++byte) tokens.Text(ByteToken(byte));
  file.entries.push_back(ArrayEntry("tokenizer.ggml.tokens", kGgufString, 256, tokens.Take()));
  file.entries.push_back(ArrayEntry("tokenizer.ggml.merges", kGgufString, 0, {}));
  for (const TestTensor& tensor : model.Tensors()) {
    file.tensors.push_back({.name = tensor.name,
                            .dims = {tensor.shape.rbegin(), tensor.shape.rend()},
                            .type = static_cast<uint32_t>(tensor.type),
                            .data = EncodeTensor(tensor)});
  }
  return file;
}

// The smallest model that loads: one layer, width 32, a context of 8, and a vocabulary of the 256
// byte tokens.
inline GgufFile SmallestModel() {
  const TestModel model{.n_layers = 1, .width = 32, .n_heads = 1, .context = 8, .vocab = 256};
  return FileOf(
      model,
      {U32Entry("gpt2.context_length", 8),
       U32Entry("gpt2.embedding_length", 32),
       U32Entry("gpt2.block_count", 1),
       U32Entry("gpt2.feed_forward_length", 128),
       U32Entry("gpt2.attention.head_count", 1),
       {.key = "gpt2.attention.layer_norm_epsilon", .type = kGgufF32, .value = Little(1e-5f)}});
}

// The smallest llama: two query heads of size 16 over one of keys and values, an untied head.
inline GgufFile SmallestLlama() {
  const TestModel model{.n_layers = 1,
                        .width = 32,
                        .n_heads = 2,
                        .n_kv_heads = 1,
                        .context = 8,
                        .vocab = 256,
                        .untied = true,
                        .architecture = "llama"};
  return FileOf(model, {U32Entry("llama.context_length", 8),
                        U32Entry("llama.embedding_length", 32),
                        U32Entry("llama.block_count", 1),
                        U32Entry("llama.feed_forward_length", 96),
                        U32Entry("llama.attention.head_count", 2),
                        U32Entry("llama.attention.head_count_kv", 1),
                        U32Entry("llama.rope.dimension_count", 16),
                        {.key = "llama.rope.freq_base", .type = kGgufF32, .value = Little(1e4f)},
                        {.key = "llama.attention.layer_norm_rms_epsilon",
                         .type = kGgufF32,
                         .value = Little(1e-5f)}});
}

inline GgufEntry& Entry(GgufFile* file, const std::string& key) {
  return *std::find_if(file->entries.begin(), file->entries.end(),
                       [&](const GgufEntry& entry) { return entry.key == key; });
}

}  // namespace parley::test
