// `parley quantize`: a Hugging Face folder or a GGUF file into a GGUF file of another type. The
// file appears under its name only when it is complete.
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "base/json_writer.h"
#include "cli/commands.h"
#include "cli/model_folder.h"
#include "cli/model_source.h"
#include "engine/convert.h"

namespace parley {
namespace {

Error FileError(const std::string& path) {
  return MakeError(Code::kIo, path + ": " + std::strerror(errno));
}

// A file that is written beside its place and moved there by Commit; without Commit it is removed.
class FileSink final : public ByteSink {
 public:
  explicit FileSink(std::string path) : path_(std::move(path)), partial_(path_ + ".partial") {}
  ~FileSink() override {
    if (file_ == nullptr) return;
    std::fclose(file_);
    std::remove(partial_.c_str());
  }

  Status Open() {
    file_ = std::fopen(partial_.c_str(), "wb");
    return file_ != nullptr ? Status() : FileError(partial_);
  }
  Status Write(std::span<const uint8_t> bytes) override {
    const bool all = std::fwrite(bytes.data(), 1, bytes.size(), file_) == bytes.size();
    return all ? Status() : FileError(partial_);
  }
  Status Commit() {
    const bool closed = std::fclose(file_) == 0;
    file_ = nullptr;
    if (!closed || std::rename(partial_.c_str(), path_.c_str()) != 0) {
      Error error = FileError(path_);
      std::remove(partial_.c_str());
      return error;
    }
    return {};
  }

 private:
  std::string path_;
  std::string partial_;
  std::FILE* file_ = nullptr;
};

// Returns the bytes written.
Result<uint64_t> Quantize(const std::string& in, const std::string& out,
                          const ConvertOptions& options) {
  ModelFolder folder;
  std::unique_ptr<ByteSource> source;
  std::vector<ByteSource*> files;
  std::unique_ptr<Conversion> conversion;
  if (IsModelFolder(in)) {
    TRY_ASSIGN(folder, OpenModelFolder(in));
    files = folder.sources();
    TRY_ASSIGN(conversion, Conversion::FromHuggingFace(folder.view(), options));
  } else {
    TRY_ASSIGN(source, OpenModel(in));
    files = {source.get()};
    TRY_ASSIGN(conversion, Conversion::FromGguf(source->size(), options));
  }
  FileSink sink(out);
  TRY(sink.Open());
  TRY(RunConversion(conversion.get(), files, &sink));
  TRY(sink.Commit());
  return conversion->output_bytes();
}

}  // namespace

int RunQuantize(Arguments& arguments) {
  std::string in, out;
  std::string type = "q8_0";
  ConvertOptions options;
  bool json = false;
  arguments.Positional("IN",
                       "a Hugging Face folder (config.json; model.safetensors or its shards; "
                       "vocab.json and merges.txt, or tokenizer.json), a GGUF file, or a bundled "
                       "model's id",
                       &in);
  arguments.Positional(
      "OUT.gguf", "the file to write; an old one is replaced when the new one is complete", &out);
  arguments.Value(
      "type", "TYPE",
      "of the matrices: q8_0, q4_0 (embeddings and head stay q8_0), f16 or f32; q8_0 unless given",
      &type);
  arguments.Value("name", "NAME", "the model's name in the file; the source's own unless given",
                  &options.name);
  arguments.Flag("json", "print {path, type, bytes}", &json);
  if (!arguments.Parse()) return arguments.exit_code();
  Result<DType> parsed = ParseConvertType(type);
  if (!parsed.ok()) return arguments.UsageError(parsed.error().message);
  options.type = *parsed;

  const Result<uint64_t> bytes = Quantize(in, out, options);
  if (!bytes.ok()) return arguments.Fail(bytes.error());
  if (json) {
    JsonWriter writer;
    writer.BeginObject()
        .Key("path")
        .String(out)
        .Key("type")
        .String(type)
        .Key("bytes")
        .Number(*bytes)
        .EndObject();
    std::printf("%s\n", writer.text().c_str());
  } else {
    std::printf("%s: %s, %llu bytes\n", out.c_str(), type.c_str(),
                static_cast<unsigned long long>(*bytes));
  }
  return kExitOk;
}

}  // namespace parley
