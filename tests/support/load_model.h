// Loads a model from bytes in memory, for tests; the choice of pieces, threads and kernels is the
// test's.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "base/bytes.h"
#include "engine/engine.h"

namespace parley::test {

inline Result<std::unique_ptr<Engine>> LoadBytes(std::span<const uint8_t> bytes,
                                                 const LoadOptions& options = {}) {
  MemorySource source(bytes);
  return LoadGguf(source, options);
}

// Gives the loader `piece_bytes` at a time.
inline Result<std::unique_ptr<Engine>> LoadPieces(std::span<const uint8_t> bytes,
                                                  size_t piece_bytes,
                                                  const LoadOptions& options = {}) {
  TRY_ASSIGN(auto loader, Loader::Begin(bytes.size(), options));
  while (!bytes.empty()) {
    const auto piece = bytes.first(piece_bytes < bytes.size() ? piece_bytes : bytes.size());
    TRY(loader->Write(piece));
    bytes = bytes.subspan(piece.size());
  }
  return loader->Finish();
}

}  // namespace parley::test
