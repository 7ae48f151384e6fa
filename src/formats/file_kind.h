// Recognises what a file is by its first bytes, so that a wrong file is refused by name. Reads
// nothing further.
#pragma once

#include <cstdint>
#include <span>

namespace parley {

// "an HTML page", "a Git LFS pointer, not the file itself", ...; "an unknown kind of file" when
// nothing matches. Never null. GGUF itself is "a GGUF file".
const char* DescribeFile(std::span<const uint8_t> first_bytes);

}  // namespace parley
