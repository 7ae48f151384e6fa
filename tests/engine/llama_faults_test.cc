// Rows G15 and G16 of docs/FAULTS.md for architecture llama: hyperparameters that make no model,
// what llama.cpp's keys can express and Parley does not run, tensors that are missing or misshaped.
#include <catch2/catch_test_macros.hpp>
#include <limits>
#include <string>
#include <vector>

#include "engine/refused.h"
#include "support/gguf_file.h"
#include "support/load_model.h"

using parley::Code;
using namespace parley::test;

namespace {

GgufFile With(GgufEntry entry) {
  GgufFile file = SmallestLlama();
  std::erase_if(file.entries, [&](const GgufEntry& old) { return old.key == entry.key; });
  file.entries.push_back(std::move(entry));
  return file;
}

GgufEntry F32Entry(const std::string& key, float value) {
  return {.key = key, .type = kGgufF32, .value = Little(value)};
}

}  // namespace

TEST_CASE("the smallest llama loads and runs") {
  const auto engine = LoadBytes(SmallestLlama().Build().bytes);
  INFO(engine.error().message);
  REQUIRE(engine.ok());
  std::vector<float> logits(256);
  const int32_t tokens[] = {0, 1};
  CHECK((*engine)->model->Forward(tokens, parley::LogitsOf::kLast, logits).ok());
}

TEST_CASE("G15: hyperparameters that make no llama are BAD_CONFIG") {
  for (const auto& [key, value] : {std::pair{"llama.attention.head_count", 0u},
                                   {"llama.attention.head_count", 5u},
                                   {"llama.attention.head_count_kv", 0u},
                                   {"llama.attention.head_count_kv", 3u},
                                   {"llama.attention.head_count_kv", 0xffffffffu},
                                   {"llama.rope.dimension_count", 15u},
                                   {"llama.feed_forward_length", 0u},
                                   {"llama.context_length", 0u},
                                   {"llama.context_length", 0xffffffffu},
                                   {"llama.block_count", 0u},
                                   {"llama.embedding_length", 0u}}) {
    INFO(key << " = " << value);
    Refused(With(U32Entry(key, value)), Code::kBadConfig, "");
  }
  // Four heads, of which three would share none evenly.
  GgufFile uneven = With(U32Entry("llama.attention.head_count", 4));
  Entry(&uneven, "llama.attention.head_count_kv").value = Little(uint32_t{3});
  Entry(&uneven, "llama.rope.dimension_count").value = Little(uint32_t{8});
  Refused(uneven, Code::kBadConfig, "head count");
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  for (const float base : {0.0f, -1.0f, kInfinity, std::numeric_limits<float>::quiet_NaN()}) {
    Refused(With(F32Entry("llama.rope.freq_base", base)), Code::kBadConfig, "rope.freq_base");
  }
  for (const float epsilon : {0.0f, 1.0f, kInfinity, std::numeric_limits<float>::quiet_NaN()}) {
    Refused(With(F32Entry("llama.attention.layer_norm_rms_epsilon", epsilon)), Code::kBadConfig,
            "epsilon");
  }
  for (const char* key : {"llama.context_length", "llama.embedding_length", "llama.block_count",
                          "llama.attention.head_count", "llama.feed_forward_length",
                          "llama.attention.layer_norm_rms_epsilon"}) {
    GgufFile file = SmallestLlama();
    Entry(&file, key).key = "llama.renamed";
    Refused(file, Code::kBadConfig, key);
  }
}

TEST_CASE("G16: a llama of a kind that is not run is UNSUPPORTED_MODEL and named") {
  const auto refused = [](const GgufEntry& entry) {
    Refused(With(entry), Code::kUnsupportedModel, entry.key);
  };
  for (const char* type : {"linear", "yarn", "longrope"}) {
    INFO(type);
    refused(TextEntry("llama.rope.scaling.type", type));
    Refused(With(TextEntry("llama.rope.scaling.type", type)), Code::kUnsupportedModel, type);
  }
  refused(F32Entry("llama.rope.scaling.factor", 8));
  refused(F32Entry("llama.rope.scale_linear", 0.5f));
  refused(U32Entry("llama.rope.dimension_count", 8));
  refused(U32Entry("llama.expert_count", 8));
  refused(U32Entry("llama.attention.key_length", 64));
  refused(U32Entry("llama.attention.value_length", 64));
  refused(U32Entry("llama.attention.sliding_window", 4096));
  refused(F32Entry("llama.attention.scale", 1));
  CHECK(LoadBytes(With(TextEntry("llama.rope.scaling.type", "none")).Build().bytes).ok());
  CHECK(LoadBytes(With(U32Entry("llama.expert_count", 0)).Build().bytes).ok());
}

TEST_CASE("G15: factors of rotary positions are checked once they have arrived") {
  for (const float factor : {2.0f, 0.0f}) {
    GgufFile file = SmallestLlama();
    GgufTensor factors{.name = "rope_freqs.weight", .dims = {8}, .data = {}};
    for (int i = 0; i < 8; ++i) {
      const std::vector<uint8_t> bytes = Little(i == 3 ? factor : 1.0f);
      factors.data.insert(factors.data.end(), bytes.begin(), bytes.end());
    }
    file.tensors.push_back(factors);
    if (factor > 0) {
      CHECK(LoadBytes(file.Build().bytes).ok());
    } else {
      Refused(file, Code::kBadConfig, "rope_freqs.weight");
    }
  }
}

TEST_CASE("G16: a llama's missing, misshaped and unknown tensors are UNSUPPORTED_MODEL and named") {
  const GgufFile whole = SmallestLlama();
  for (size_t i = 0; i < whole.tensors.size(); ++i) {
    const std::string name = whole.tensors[i].name;
    INFO(name);
    GgufFile missing = whole;
    missing.tensors.erase(missing.tensors.begin() + static_cast<ptrdiff_t>(i));
    if (name == "output.weight") {  // without it the head is the embedding
      CHECK(LoadBytes(missing.Build().bytes).ok());
    } else {
      Refused(missing, Code::kUnsupportedModel, name);
    }
    if (name == "token_embd.weight") continue;  // its rows are the vocabulary: any number is lawful
    GgufFile misshaped = whole;
    GgufTensor& tensor = misshaped.tensors[i];
    tensor.dims.back() += 1;
    const size_t row_bytes = tensor.dims.size() == 1 ? 4 : 34 * tensor.dims[0] / 32;
    tensor.data.resize(tensor.data.size() + row_bytes);
    Refused(misshaped, Code::kUnsupportedModel, name);
  }
  for (const char* name :
       {"rope_factors_long.weight", "blk.0.ffn_gate_inp.weight", "blk.0.attn_q.bias",
        "blk.0.attn_qkv.weight", "position_embd.weight", "blk.1.attn_q.weight"}) {
    GgufFile unknown = whole;
    unknown.tensors.push_back({.name = name});
    Refused(unknown, Code::kUnsupportedModel, name);
  }
}
