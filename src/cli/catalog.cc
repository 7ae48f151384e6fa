// A JsonHandler that keeps the few values of the catalog that it knows.
#include "cli/catalog.h"

#include <utility>

#include "base/json_text.h"
#include "formats/json_reader.h"

namespace parley {
namespace {

using Kind = JsonValue::Kind;

class CatalogHandler final : public JsonHandler {
 public:
  std::vector<CatalogEntry> entries;

  Status OnValue(const JsonPath& path, const JsonValue& value) override {
    // models[i] . KEY ...
    if (path.depth() < 2 || path.key(0) != "models") return {};
    if (path.index(1) >= entries.size()) entries.resize(path.index(1) + 1);
    CatalogEntry& entry = entries[path.index(1)];
    if (path.depth() == 3 && path.key(2) == "id") return Text(path, value, &entry.id);
    if (path.depth() == 4 && path.key(2) == "preset") return Preset(path, value, &entry);
    // models[i] . files[0] . parts[j] . KEY
    if (path.depth() == 7 && path.key(2) == "files" && path.index(3) == 0 &&
        path.key(4) == "parts") {
      return Part(path, value, &entry);
    }
    return {};
  }

 private:
  static Status Text(const JsonPath& path, const JsonValue& value, std::string* text) {
    if (value.kind != Kind::kString) {
      return MakeError(Code::kBadJson, "the catalog's " + path.ToString() + " must be a text",
                       value.offset);
    }
    *text = value.string;
    return {};
  }

  static Status Preset(const JsonPath& path, const JsonValue& value, CatalogEntry* entry) {
    std::string text;
    if (value.is_number()) {
      AppendJsonNumber(value.number(), &text);
    } else {
      TRY(Text(path, value, &text));
    }
    entry->preset.emplace_back(path.key(3), text);
    return {};
  }

  static Status Part(const JsonPath& path, const JsonValue& value, CatalogEntry* entry) {
    if (path.index(5) >= entry->parts.size()) entry->parts.resize(path.index(5) + 1);
    CatalogPart& part = entry->parts[path.index(5)];
    if (path.key(6) == "url") return Text(path, value, &part.url);
    if (path.key(6) == "sha256") return Text(path, value, &part.sha256);
    if (path.key(6) == "bytes") {
      if (value.kind != Kind::kUint) {
        return MakeError(Code::kBadJson, "the catalog's " + path.ToString() + " must be a size",
                         value.offset);
      }
      part.bytes = value.uint;
    }
    return {};
  }
};

}  // namespace

Result<std::vector<CatalogEntry>> ReadCatalog(std::string_view json) {
  CatalogHandler handler;
  TRY(ReadJson(json, &handler));
  return std::move(handler.entries);
}

}  // namespace parley
