// Recognises what a file is by its first bytes, so that a wrong file is refused by name. Reads
// nothing further.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace parley {

struct FileKind {
  const char* description;  // "an HTML page"
  const char* advice;       // what to do instead, as the end of a sentence; may be empty
};

// Two descriptions to compare with: arrays, each at one address in the whole program.
inline constexpr char kSafetensorsKind[] = "a safetensors file";
inline constexpr char kUnknownKind[] = "an unknown kind of file";

// GGUF itself is "a GGUF file". Some kinds need 64 bytes to be told.
FileKind RecogniseFile(std::span<const uint8_t> first_bytes);

// "not a GGUF file but an HTML page: ...", for an error.
std::string NotA(const char* wanted, FileKind found);

}  // namespace parley
