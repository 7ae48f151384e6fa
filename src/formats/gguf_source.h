// Reads a GGUF file's header from a source of bytes: as many of its first bytes as the header turns
// out to take.
#pragma once

#include "base/bytes.h"
#include "base/result.h"
#include "formats/gguf_reader.h"

namespace parley {

// The errors of GgufHeader::Parse, those of the source, and kOom.
Result<GgufHeader> ReadGgufHeader(ByteSource* source);

}  // namespace parley
