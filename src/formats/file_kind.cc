// The signatures of files that people mistake for models, and what to do with them.
#include "formats/file_kind.h"

#include <string_view>

namespace parley {
namespace {

using std::string_view_literals::operator""sv;

constexpr const char* kTakeAnother = "take the model's GGUF or safetensors file";
constexpr const char* kPickle =
    "pickles can run code and are not read; take the model's safetensors or GGUF file";

struct Signature {
  std::string_view prefix;
  FileKind kind;
};

constexpr Signature kSignatures[] = {
    {"GGUF"sv, {"a GGUF file", ""}},
    {"version https://git-lfs"sv,
     {"a Git LFS pointer, not the file itself",
      "fetch the file with 'git lfs pull', or by the download link on its page"}},
    {"PK\x03\x04"sv, {"a ZIP archive, perhaps a PyTorch checkpoint (pickle)", kPickle}},
    {"\x80\x02"sv, {"a Python pickle, perhaps a PyTorch checkpoint", kPickle}},
    {"\x80\x03"sv, {"a Python pickle", kPickle}},
    {"\x80\x04"sv, {"a Python pickle", kPickle}},
    {"\x80\x05"sv, {"a Python pickle", kPickle}},
    {"ggml"sv, {"a GGML file, older than GGUF", kTakeAnother}},
    {"lmgg"sv, {"a GGML file, older than GGUF", kTakeAnother}},
    {"tjgg"sv, {"a GGJT file, older than GGUF", kTakeAnother}},
    {"fmgg"sv, {"a GGMF file, older than GGUF", kTakeAnother}},
    {"FUGG"sv, {"a GGUF file with its bytes swapped", kTakeAnother}},
    {"\x89HDF"sv, {"an HDF5 file, perhaps Keras weights", kTakeAnother}},
    {"\x1f\x8b"sv, {"a gzip file", "unpack it first"}},
    {"%PDF"sv, {"a PDF document", kTakeAnother}},
    {"{"sv, {"a JSON file", "it belongs to a model's folder, beside model.safetensors"}},
};

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool StartsWithIgnoringCase(std::string_view text, std::string_view prefix) {
  if (text.size() < prefix.size()) return false;
  for (size_t i = 0; i < prefix.size(); ++i) {
    if (Lower(text[i]) != prefix[i]) return false;
  }
  return true;
}

// Markup may follow a byte order mark and white space.
bool IsHtml(std::string_view text) {
  if (text.starts_with("\xef\xbb\xbf"sv)) text.remove_prefix(3);
  while (!text.empty() &&
         (text[0] == ' ' || text[0] == '\n' || text[0] == '\r' || text[0] == '\t')) {
    text.remove_prefix(1);
  }
  return StartsWithIgnoringCase(text, "<!doctype") || StartsWithIgnoringCase(text, "<html") ||
         StartsWithIgnoringCase(text, "<?xml") || StartsWithIgnoringCase(text, "<head");
}

// An ONNX ModelProto begins with field 1 (ir_version, a small varint), then field 2
// (producer_name), 7 (graph) or 8 (opset_import), all length-delimited.
bool IsOnnx(std::string_view text) {
  return text.size() >= 3 && text[0] == '\x08' && text[1] >= 1 && text[1] <= 32 &&
         (text[2] == '\x12' || text[2] == '\x3a' || text[2] == '\x42');
}

// A header's length, which is 2^24 at most (of eight bytes the upper five are zero below it), and
// the header's first brace. Some lengths begin as other formats do: 640 as a pickle, 123 as JSON.
// Those have no five zeros there: zero is no opcode of a pickle, nor a character of JSON.
bool IsSafetensors(std::string_view text) {
  return text.size() > 8 && text.substr(3, 5) == "\0\0\0\0\0"sv && text[8] == '{';
}

}  // namespace

FileKind RecogniseFile(std::span<const uint8_t> first_bytes) {
  const std::string_view text(reinterpret_cast<const char*>(first_bytes.data()),
                              first_bytes.size());
  constexpr FileKind kSafetensors = {
      kSafetensorsKind, "it is read with its folder's config.json and tokenizer files beside it"};
  if (IsSafetensors(text)) return kSafetensors;
  for (const Signature& signature : kSignatures) {
    if (text.starts_with(signature.prefix)) return signature.kind;
  }
  if (IsHtml(text)) {
    return {"an HTML page", "the link leads to a page; take the file's own download link"};
  }
  if (IsOnnx(text)) return {"an ONNX model", kTakeAnother};
  if (text.size() > 8 && text[8] == '{') return kSafetensors;  // of whatever length
  if (text.substr(0, 8).ends_with("TFL3")) return {"a TensorFlow Lite model", kTakeAnother};
  return {kUnknownKind, ""};
}

std::string NotA(const char* wanted, FileKind found) {
  std::string text = std::string("not ") + wanted + " but " + found.description;
  if (found.advice[0] != '\0') text.append(": ").append(found.advice);
  return text;
}

}  // namespace parley
