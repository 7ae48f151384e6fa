// Files and standard input for the command line: the core itself does no I/O.
#pragma once

#include <memory>
#include <string>

#include "base/bytes.h"
#include "base/result.h"

namespace parley {

// A file opened for reading. kIo names the path and the system's reason.
Result<std::unique_ptr<ByteSource>> OpenFile(const std::string& path);

// kLimit above `max_bytes`, kIo when it cannot be read.
Result<std::string> ReadWholeFile(const std::string& path, uint64_t max_bytes);
Result<std::string> ReadStandardInput(uint64_t max_bytes);

}  // namespace parley
