// The conversions of c_api.h: texts and files are gathered, the first step makes the conversion of
// them.
#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/json_writer.h"
#include "wasm/handle.h"

namespace parley {
namespace {

constexpr std::string_view kIndex = "model.safetensors.index.json";
constexpr uint64_t kMaxName = 1024;  // bytes of a file's or a model's name

Status NeedConversion(const Parley* parley, bool begun) {
  if (parley->converting == nullptr) return MakeError(Code::kBadState, "no conversion has begun");
  if (begun) return {};
  return parley->converting->conversion == nullptr
             ? Status()
             : MakeError(Code::kBadState, "the conversion has begun to read already");
}

Status CheckName(std::string_view name) {
  if (name.size() <= kMaxName) return {};
  return MakeError(Code::kLimit, "a name of more than " + std::to_string(kMaxName) + " bytes");
}

Status Begin(Parley* parley, std::string_view type, std::string_view name) {
  parley->converting.reset();
  TRY(CheckName(name));
  auto converting = std::make_unique<Converting>();
  TRY_ASSIGN(converting->options.type, ParseConvertType(type));
  converting->folder_name = name;
  parley->converting = std::move(converting);
  return {};
}

Status AddText(Parley* parley, std::string_view name, std::string_view text) {
  TRY(SetResult(parley, "[]"));
  TRY(NeedConversion(parley, false));
  if (name == kIndex) {
    TRY_ASSIGN(const auto names, ReadShardNames(text));
    JsonWriter json;
    json.BeginArray();
    for (const std::string& shard : names) json.String(shard);
    json.EndArray();
    return SetResult(parley, json.text());
  }
  HfFolder unused;
  if (FindText(name, &unused) == nullptr) return {};
  Converting& converting = *parley->converting;
  std::erase_if(converting.texts, [name](const auto& other) { return other.name == name; });
  TRY_ASSIGN(auto copy, Buffer<char>::Make(text.size(), "a text of the model"));
  std::copy(text.begin(), text.end(), copy.begin());
  converting.texts.push_back({std::string(name), std::move(copy)});
  return {};
}

Status AddWeights(Parley* parley, std::string_view name, double file_bytes) {
  TRY(NeedConversion(parley, false));
  TRY(CheckName(name));
  Converting& converting = *parley->converting;
  if (converting.weights.size() == kMaxShards) {
    return MakeError(Code::kLimit, "more than " + std::to_string(kMaxShards) + " weight files");
  }
  converting.weight_names.push_back(std::make_unique<std::string>(name));
  converting.weights.push_back(
      {*converting.weight_names.back(), static_cast<uint64_t>(file_bytes)});
  return {};
}

Result<ConvertStep> Next(Parley* parley) {
  TRY(NeedConversion(parley, true));
  Converting& converting = *parley->converting;
  if (converting.conversion == nullptr) {
    HfFolder folder;
    for (const auto& [name, text] : converting.texts) {
      *FindText(name, &folder) = {text.data(), text.size()};
    }
    folder.weights = converting.weights;
    folder.folder_name = converting.folder_name;
    TRY_ASSIGN(converting.conversion, Conversion::FromHuggingFace(folder, converting.options));
  }
  return converting.conversion->Next();
}

// What the step's views point into lives as long as the conversion.
void ViewStep(const ConvertStep& step, Converting* converting, ParleyConvertStep* view) {
  *view = {};
  switch (step.kind) {
    case ConvertStep::Kind::kRead:
      view->kind = PARLEY_CONVERT_READ;
      view->file = step.file;
      view->offset = static_cast<double>(step.offset);
      view->data = step.destination.data();
      view->size = static_cast<uint32_t>(step.destination.size());
      break;
    case ConvertStep::Kind::kWrite:
      view->kind = PARLEY_CONVERT_WRITE;
      view->data = const_cast<uint8_t*>(step.bytes.data());
      view->size = static_cast<uint32_t>(step.bytes.size());
      converting->written += step.bytes.size();
      break;
    case ConvertStep::Kind::kDone:
      view->kind = PARLEY_CONVERT_DONE;
      break;
  }
  view->written_bytes = static_cast<double>(converting->written);
  view->output_bytes = static_cast<double>(converting->conversion->output_bytes());
}

}  // namespace
}  // namespace parley

int32_t parley_convert_begin(Parley* parley, const char* type, uint32_t type_size, const char* name,
                             uint32_t name_size) {
  return parley::End(parley, parley::Begin(parley, {type, type_size}, {name, name_size}));
}
int32_t parley_convert_text(Parley* parley, const char* name, uint32_t name_size, const char* text,
                            uint32_t text_size) {
  return parley::End(parley, parley::AddText(parley, {name, name_size}, {text, text_size}));
}
int32_t parley_convert_weights(Parley* parley, const char* name, uint32_t name_size,
                               double file_bytes) {
  return parley::End(parley, parley::AddWeights(parley, {name, name_size}, file_bytes));
}
const ParleyConvertStep* parley_convert_next(Parley* parley) {
  const parley::Result<parley::ConvertStep> step = parley::Next(parley);
  if (step.ok()) {
    parley::End(parley, {});
    parley::ViewStep(*step, parley->converting.get(), &parley->convert_step);
  } else {
    parley::End(parley, parley::Status(step.error()));
    parley->convert_step = {};
    parley->convert_step.kind = PARLEY_CONVERT_FAILED;
  }
  if (parley->convert_step.kind >= PARLEY_CONVERT_DONE) parley->converting.reset();
  return &parley->convert_step;
}
