// A header is read in two steps: the bytes that show how long it is, then all of it.
#include "engine/hf_shards.h"

#include <algorithm>
#include <string>
#include <utility>

namespace parley {
namespace {

// Of a weights file: what shows its kind and its header's size.
constexpr uint64_t kFirstBytes = 64;

}  // namespace

Status HfShards::Begin(std::span<const HfWeightsFile> files) {
  files_ = files;
  if (files.empty()) return MakeError(Code::kIo, "no weights: model.safetensors is needed");
  if (files.size() > kMaxShards) {
    return MakeError(Code::kLimit, "more than " + std::to_string(kMaxShards) + " weight files");
  }
  return {};
}

Result<std::optional<ConvertStep>> HfShards::Next() {
  if (!has_size_ && !prefix_.empty()) {
    const uint64_t file_bytes = files_[headers_.size()].bytes;
    Result<uint64_t> bytes = SafetensorsHeader::PrefixBytes(prefix_.span(), file_bytes);
    if (!bytes.ok()) return InFile(std::move(bytes).TakeError());
    TRY_ASSIGN(prefix_, Buffer<uint8_t>::Make(*bytes, "a safetensors header"));
    has_size_ = true;
  } else {
    if (has_size_) TRY(Parse());
    if (headers_.size() == files_.size()) return std::optional<ConvertStep>();
    const uint64_t bytes = std::min(kFirstBytes, files_[headers_.size()].bytes);
    if (bytes == 0) return InFile(MakeError(Code::kTruncated, "an empty file", 0));
    TRY_ASSIGN(prefix_, Buffer<uint8_t>::Make(bytes, "a safetensors header"));
  }
  return std::optional(ConvertStep{.kind = ConvertStep::Kind::kRead,
                                   .file = static_cast<uint32_t>(headers_.size()),
                                   .destination = prefix_.span()});
}

Status HfShards::Parse() {
  Result<SafetensorsHeader> header =
      SafetensorsHeader::Parse(prefix_.span(), files_[headers_.size()].bytes);
  if (!header.ok()) return InFile(std::move(header).TakeError());
  prefix_ = Buffer<uint8_t>();
  has_size_ = false;
  for (const TensorInfo& tensor : header->tensors()) {
    uint32_t file = 0;
    if (Find(tensor.name, &file) == nullptr) continue;
    return InFile(MakeError(Code::kDuplicate, "tensor '" + std::string(tensor.name.substr(0, 64)) +
                                                  "' is in " + std::string(files_[file].name) +
                                                  " as well"));
  }
  headers_.push_back(std::move(*header));
  return {};
}

Error HfShards::InFile(Error error) const {
  const std::string_view name = files_[headers_.size()].name;
  return name.empty() ? std::move(error) : parley::InFile(name, std::move(error));
}

uint64_t HfShards::n_tensors() const {
  uint64_t count = 0;
  for (const SafetensorsHeader& header : headers_) count += header.tensors().size();
  return count;
}

const TensorInfo* HfShards::Find(std::string_view name, uint32_t* file) const {
  for (*file = 0; *file < headers_.size(); ++*file) {
    if (const TensorInfo* info = headers_[*file].FindTensor(name); info != nullptr) return info;
  }
  return nullptr;
}

}  // namespace parley
