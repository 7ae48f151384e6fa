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
  // With several threads one part is read while the one before is repacked.
  const uint64_t part_bytes = std::min<uint64_t>(source.size(), kPartBytes);
  const uint64_t n_parts = options.threads > 1 ? 2 : 1;
  TRY_ASSIGN(Buffer<uint8_t> parts,
             Buffer<uint8_t>::Make(n_parts * part_bytes, "parts of the file"));
  uint64_t place = 0;
  for (uint64_t offset = 0; offset < source.size(); offset += part_bytes) {
    const auto piece = parts.span().subspan(
        static_cast<size_t>(place * part_bytes),
        static_cast<size_t>(std::min<uint64_t>(part_bytes, source.size() - offset)));
    TRY(source.ReadAt(offset, piece));
    TRY(loader->Write(piece));
    place = (place + 1) % n_parts;
  }
  return loader->Finish();
}

}  // namespace parley
