// What a loaded model says of itself, and loading one whole from a source that is at hand. The
// loader itself is loader.cc's.
#include "engine/engine.h"

#include <algorithm>

#include "base/buffer.h"
#include "base/bytes.h"
#include "base/json_writer.h"
#include "chat/preset.h"

namespace parley {

SessionModel Engine::session_model() {
  SessionModel session;
  session.model = model.get();
  session.tokenizer = tokenizer.get();
  if (pool != nullptr) session.threads = &threads;
  session.style = style;
  session.bos_id = bos_id;
  session.eos_id = eos_id;
  session.add_bos = add_bos;
  return session;
}

std::string EngineToJson(const Engine& engine) {
  JsonWriter json;
  json.BeginObject();
  json.Key("kernels").String(engine.kernels);
  json.Key("chat_format").String(ChatFormatId(engine.style.format));
  json.Key("preset").BeginObject();
  for (const auto& [name, value] : PresetOf(engine.style.format)) json.Key(name).Number(value);
  json.EndObject();
  json.Key("bos_id").Number(engine.bos_id);
  json.Key("eos_id").Number(engine.eos_id);
  json.Key("used_bytes").Number(GetAllocationCounts().live_bytes);
  json.Key("plan");
  AppendPlan(engine.plan, &json);
  json.EndObject();
  return json.text();
}

Result<std::unique_ptr<Engine>> LoadGguf(ByteSource& source, const LoadOptions& options) {
  TRY_ASSIGN(std::unique_ptr<Loader> loader, Loader::Begin(source.size(), options));
  const uint64_t part_bytes = std::min<uint64_t>(source.size(), kPartBytes);
  Buffer<uint8_t> parts[2];  // the second once the plan wants it
  int place = 0;
  for (uint64_t offset = 0; offset < source.size(); offset += part_bytes) {
    if (parts[place].empty()) {
      TRY_ASSIGN(parts[place], Buffer<uint8_t>::Make(part_bytes, "part of the file"));
    }
    const auto piece = parts[place].span().first(
        static_cast<size_t>(std::min<uint64_t>(part_bytes, source.size() - offset)));
    TRY(source.ReadAt(offset, piece));
    TRY(loader->Write(piece));
    if (loader->plan() != nullptr && loader->plan()->staged_parts > 1) place = 1 - place;
  }
  return loader->Finish();
}

}  // namespace parley
