// Reads models/catalog.json: which models are bundled and which files they are made of. Only what
// the command line needs of it; the page reads the rest.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace parley {

struct CatalogPart {
  std::string url;  // relative to the catalog
  uint64_t bytes = 0;
  std::string sha256;
};

struct CatalogEntry {
  std::string id;
  std::vector<CatalogPart> parts;  // of the first file, in order; empty when it is not in parts
  // The preset's options in order, as SetOption takes them.
  std::vector<std::pair<std::string, std::string>> preset;
};

// BAD_JSON with the offset for what is no catalog.
Result<std::vector<CatalogEntry>> ReadCatalog(std::string_view json);

}  // namespace parley
