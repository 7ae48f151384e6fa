// Builds small models of both architectures as GGUF files in memory, with reproducible noise for
// weights, for tests of model, engine and C API. Writes the container by itself, so that the writer
// under src/ is not its own judge.
#pragma once

#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "kernels/dtype.h"
#include "kernels/quantize.h"

namespace parley::test {

struct TestTensor {
  std::string name;
  DType type = DType::kF32;
  std::vector<uint64_t> shape;  // slowest first
  std::vector<float> values;
  uint64_t offset = 0;            // bytes from the start of the file; set by Build
  std::vector<uint8_t> raw = {};  // stored instead of the values, for types that are only decoded
};

struct TestModel {
  uint32_t n_layers = 2;
  uint32_t width = 64;
  uint32_t n_heads = 4;
  uint32_t n_kv_heads = 0;  // llama; 0: n_heads
  uint32_t context = 96;
  uint32_t vocab = 283;      // no multiple of 8
  uint32_t n_tokens = 0;     // 0: vocab
  uint32_t unused_tail = 0;  // tokens at the end that only pad
  DType matrices = DType::kQ8_0;
  DType embedding = DType::kQ8_0;
  bool untied = false;
  uint64_t seed = 1;
  std::string word = "word";  // tokens that are nothing else are called this and their id
  std::vector<std::string> user_defined =
      {};                             // the first of these are called so, and are of type 4
  std::string architecture = "gpt2";  // or "llama"
  std::string chat_format = "role_tokens";
  std::string tokenizer_model = "gpt2";
  std::string tokenizer_pre = "gpt-2";
  // Changes the tensors before they are written.
  std::function<void(std::vector<TestTensor>*)> edit = {};

  uint32_t tokens() const { return n_tokens == 0 ? vocab : n_tokens; }
  uint32_t kv_width() const { return width / n_heads * (n_kv_heads == 0 ? n_heads : n_kv_heads); }
  bool llama() const { return architecture == "llama"; }
  uint32_t mlp_width() const { return llama() ? 2 * width + 32 : 4 * width; }
  std::vector<TestTensor> Tensors() const;
  std::vector<uint8_t> Build() const;
  // As Build, and tells where each tensor lies.
  std::vector<uint8_t> Build(std::vector<TestTensor>* tensors) const;
};

// Uniform in [-1, 1): splitmix64 (Steele et al. 2014), so that every platform has the same weights.
class Noise {
 public:
  explicit Noise(uint64_t seed) : state_(seed) {}
  float Next() {
    uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    z ^= z >> 31;
    return static_cast<float>(static_cast<int64_t>(z >> 40) - (1 << 23)) * 0x1p-23f;
  }

 private:
  uint64_t state_;
};

// Appends little-endian values as GGUF has them.
class GgufBytes {
 public:
  template <typename T>
  GgufBytes& Put(T value) {
    const size_t at = bytes_.size();
    bytes_.resize(at + sizeof(T));
    std::memcpy(bytes_.data() + at, &value, sizeof(T));
    return *this;
  }
  GgufBytes& Text(const std::string& text) {
    Put(static_cast<uint64_t>(text.size()));
    bytes_.insert(bytes_.end(), text.begin(), text.end());
    return *this;
  }
  GgufBytes& Key(const std::string& key, uint32_t type) { return Text(key).Put(type); }
  GgufBytes& Raw(const std::vector<uint8_t>& bytes) {
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    return *this;
  }
  GgufBytes& Pad(size_t alignment) {
    while (bytes_.size() % alignment != 0) bytes_.push_back(0);
    return *this;
  }
  size_t size() const { return bytes_.size(); }
  std::vector<uint8_t> Take() { return std::move(bytes_); }

 private:
  std::vector<uint8_t> bytes_;
};

// The 256 byte tokens in GPT-2's printable form, by byte value (bytes_to_unicode of its
// encoder.py).
inline std::string ByteToken(uint32_t byte) {
  const auto printable = [](uint32_t b) {
    return (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || (b >= 174 && b <= 255);
  };
  uint32_t code = byte;
  if (!printable(byte)) {
    code = 256;
    for (uint32_t b = 0; b < byte; ++b) code += !printable(b);
  }
  if (code < 0x80) return std::string(1, static_cast<char>(code));
  return {static_cast<char>(0xc0 | code >> 6), static_cast<char>(0x80 | (code & 0x3f))};
}

inline std::vector<TestTensor> TestModel::Tensors() const {
  Noise noise(seed);
  std::vector<TestTensor> tensors;
  const auto add = [&](const std::string& name, DType type, std::vector<uint64_t> shape, float mean,
                       float spread) {
    uint64_t count = 1;
    for (const uint64_t dim : shape) count *= dim;
    std::vector<float> values(count);
    for (float& value : values) value = mean + spread * noise.Next();
    tensors.push_back({name, type, std::move(shape), std::move(values)});
  };
  const uint64_t w = width;
  const auto norm = [&](const std::string& name) {
    add(name + ".weight", DType::kF32, {w}, 1.0f, 0.3f);
    if (!llama()) add(name + ".bias", DType::kF32, {w}, 0.0f, 0.1f);
  };
  const auto linear = [&](const std::string& name, uint64_t outputs, uint64_t inputs) {
    add(name + ".weight", matrices, {outputs, inputs}, 0.0f, 0.2f);
    if (!llama()) add(name + ".bias", DType::kF32, {outputs}, 0.0f, 0.1f);
  };
  add("token_embd.weight", embedding, {vocab, w}, 0.0f, 0.5f);
  if (!llama()) add("position_embd.weight", DType::kF32, {context, w}, 0.0f, 0.2f);
  for (uint32_t layer = 0; layer < n_layers; ++layer) {
    const std::string prefix = "blk." + std::to_string(layer) + ".";
    norm(prefix + "attn_norm");
    if (llama()) {
      linear(prefix + "attn_q", w, w);
      linear(prefix + "attn_k", kv_width(), w);
      linear(prefix + "attn_v", kv_width(), w);
    } else {
      linear(prefix + "attn_qkv", 3 * w, w);
    }
    linear(prefix + "attn_output", w, w);
    norm(prefix + "ffn_norm");
    if (llama()) linear(prefix + "ffn_gate", mlp_width(), w);
    linear(prefix + "ffn_up", mlp_width(), w);
    linear(prefix + "ffn_down", w, mlp_width());
  }
  norm("output_norm");
  if (untied) add("output.weight", embedding, {vocab, w}, 0.0f, 0.5f);
  return tensors;
}

inline std::vector<uint8_t> EncodeTensor(const TestTensor& tensor) {
  if (!tensor.raw.empty()) return tensor.raw;
  const uint64_t columns = tensor.shape.back();
  const uint64_t row_bytes = RowBytes(tensor.type, columns);
  const uint64_t rows = tensor.values.size() / columns;
  std::vector<uint8_t> bytes(rows * row_bytes);
  for (uint64_t row = 0; row < rows; ++row) {
    EncodeRow(tensor.type, tensor.values.data() + row * columns, columns,
              bytes.data() + row * row_bytes);
  }
  return bytes;
}

inline std::vector<uint8_t> TestModel::Build() const {
  std::vector<TestTensor> tensors = Tensors();
  return Build(&tensors);
}

inline std::vector<uint8_t> TestModel::Build(std::vector<TestTensor>* tensors) const {
  constexpr uint32_t kU32 = 4, kI32 = 5, kF32 = 6, kString = 8, kArray = 9;
  constexpr size_t kAlignment = 32;
  *tensors = Tensors();
  if (edit) edit(tensors);

  std::vector<std::string> merges = {"t h", "th e", "a n", "i n"};
  const std::vector<std::string> specials = {"<|endoftext|>", "<|user|>", "<|assistant|>",
                                             "<|system|>"};
  // A merge only where the vocabulary has room for what it makes.
  const size_t room = tokens() - unused_tail - 256 - specials.size();
  merges.resize(room < merges.size() ? room : merges.size());
  std::vector<std::string> names;
  std::vector<int32_t> types;
  const uint32_t n = tokens();
  for (uint32_t id = 0; id < n; ++id) {
    const uint32_t from_end = n - unused_tail - id;  // specials stand last, before the padding
    if (id >= n - unused_tail) {
      names.push_back("[PAD" + std::to_string(id) + "]");
      types.push_back(5);
    } else if (from_end <= specials.size()) {
      names.push_back(specials[specials.size() - from_end]);
      types.push_back(3);
    } else if (id < 256) {
      names.push_back(ByteToken(id));
      types.push_back(1);
    } else if (id - 256 < merges.size()) {
      const std::string& merge = merges[id - 256];
      const size_t space = merge.find(' ');
      names.push_back(merge.substr(0, space) + merge.substr(space + 1));
      types.push_back(1);
    } else if (id - 256 - merges.size() < user_defined.size()) {
      names.push_back(user_defined[id - 256 - merges.size()]);
      types.push_back(4);
    } else {
      names.push_back(word + std::to_string(id));
      types.push_back(1);
    }
  }
  const uint32_t eos = n - unused_tail - static_cast<uint32_t>(specials.size());

  GgufBytes metadata;
  uint64_t n_entries = 0;
  const auto key = [&](const std::string& name, uint32_t type) -> GgufBytes& {
    ++n_entries;
    return metadata.Key(name, type);
  };
  key("general.architecture", kString).Text(architecture);
  key("general.name", kString).Text("test model");
  const std::string of = llama() ? "llama." : "gpt2.";
  key(of + "context_length", kU32).Put(context);
  key(of + "embedding_length", kU32).Put(width);
  key(of + "block_count", kU32).Put(n_layers);
  key(of + "feed_forward_length", kU32).Put(mlp_width());
  key(of + "attention.head_count", kU32).Put(n_heads);
  if (llama()) {
    key(of + "attention.head_count_kv", kU32).Put(kv_width() / (width / n_heads));
    key(of + "attention.layer_norm_rms_epsilon", kF32).Put(1e-5f);
    key(of + "rope.freq_base", kF32).Put(10000.0f);
    key(of + "rope.dimension_count", kU32).Put(width / n_heads);
  } else {
    key(of + "attention.layer_norm_epsilon", kF32).Put(1e-5f);
  }
  key("tokenizer.ggml.model", kString).Text(tokenizer_model);
  key("tokenizer.ggml.pre", kString).Text(tokenizer_pre);
  key("tokenizer.ggml.tokens", kArray).Put(kString).Put(uint64_t{names.size()});
  for (const std::string& name : names) metadata.Text(name);
  key("tokenizer.ggml.token_type", kArray).Put(kI32).Put(uint64_t{types.size()});
  for (const int32_t type : types) metadata.Put(type);
  key("tokenizer.ggml.merges", kArray).Put(kString).Put(uint64_t{merges.size()});
  for (const std::string& merge : merges) metadata.Text(merge);
  key("tokenizer.ggml.bos_token_id", kU32).Put(eos);
  key("tokenizer.ggml.eos_token_id", kU32).Put(eos);
  key("parley.chat_format", kString).Text(chat_format);

  GgufBytes infos;
  GgufBytes data;
  for (TestTensor& tensor : *tensors) {
    tensor.offset = data.size();
    infos.Text(tensor.name).Put(static_cast<uint32_t>(tensor.shape.size()));
    for (size_t i = tensor.shape.size(); i-- > 0;) infos.Put(tensor.shape[i]);
    infos.Put(static_cast<uint32_t>(tensor.type)).Put(static_cast<uint64_t>(tensor.offset));
    data.Raw(EncodeTensor(tensor)).Pad(kAlignment);
  }

  GgufBytes file;
  file.Put(uint32_t{0x46554747}).Put(uint32_t{3});
  file.Put(uint64_t{tensors->size()}).Put(n_entries);
  file.Raw(metadata.Take()).Raw(infos.Take()).Pad(kAlignment);
  for (TestTensor& tensor : *tensors) tensor.offset += file.size();
  file.Raw(data.Take());
  return file.Take();
}

}  // namespace parley::test
