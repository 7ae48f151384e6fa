// Tries with a small prefix first and doubles it until the header is complete.
#include "formats/gguf_source.h"

#include <algorithm>

namespace parley {

Result<GgufHeader> ReadGgufHeader(ByteSource* source) {
  constexpr uint64_t kFirstAttempt = 64 << 10;  // bytes; a header without its vocabulary
  const uint64_t file_bytes = source->size();
  for (uint64_t attempt = kFirstAttempt;; attempt *= 2) {
    const uint64_t bytes = std::min(attempt, file_bytes);
    TRY_ASSIGN(auto prefix, Buffer<uint8_t>::Make(bytes, "the first bytes of a GGUF file"));
    TRY(source->ReadAt(0, prefix.span()));
    Result<GgufHeader> header = GgufHeader::Parse(prefix.span(), file_bytes);
    const bool more_would_help =
        !header.ok() && header.error().code == Code::kTruncated && bytes < file_bytes;
    if (!more_would_help) return header;
  }
}

}  // namespace parley
