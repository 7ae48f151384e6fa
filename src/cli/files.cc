// POSIX file access with errors as values.
#include "cli/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace parley {
namespace {

Error FileError(const std::string& path, const char* what) {
  return MakeError(Code::kIo, std::string(what) + " " + path + ": " + std::strerror(errno));
}

class FileSource final : public ByteSource {
 public:
  FileSource(int descriptor, uint64_t size, std::string path)
      : descriptor_(descriptor), size_(size), path_(std::move(path)) {}
  ~FileSource() override { close(descriptor_); }

  uint64_t size() const override { return size_; }
  Status ReadAt(uint64_t offset, std::span<uint8_t> destination) override {
    while (!destination.empty()) {
      const ssize_t count =
          pread(descriptor_, destination.data(), destination.size(), static_cast<off_t>(offset));
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return FileError(path_, "cannot read");
      if (count == 0) {
        return MakeError(Code::kIo, path_ + " ends before its end was reached", offset);
      }
      destination = destination.subspan(static_cast<size_t>(count));
      offset += static_cast<uint64_t>(count);
    }
    return {};
  }

 private:
  int descriptor_;
  uint64_t size_;
  std::string path_;
};

Result<std::string> ReadDescriptor(int descriptor, const std::string& name, uint64_t max_bytes) {
  std::string text;
  char buffer[1 << 16];
  for (;;) {
    const ssize_t count = read(descriptor, buffer, sizeof(buffer));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return FileError(name, "cannot read");
    if (count == 0) return text;
    text.append(buffer, static_cast<size_t>(count));
    if (text.size() > max_bytes) {
      return MakeError(Code::kLimit,
                       name + " has more than " + std::to_string(max_bytes) + " bytes");
    }
  }
}

}  // namespace

Result<std::unique_ptr<ByteSource>> OpenFile(const std::string& path) {
  const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return FileError(path, "cannot open");
  struct stat status;
  if (fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode)) {
    close(descriptor);
    return MakeError(Code::kIo, path + " is not a regular file");
  }
  return std::unique_ptr<ByteSource>(
      new FileSource(descriptor, static_cast<uint64_t>(status.st_size), path));
}

Result<std::string> ReadWholeFile(const std::string& path, uint64_t max_bytes) {
  const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return FileError(path, "cannot open");
  Result<std::string> text = ReadDescriptor(descriptor, path, max_bytes);
  close(descriptor);
  return text;
}

Result<std::string> ReadStandardInput(uint64_t max_bytes) {
  return ReadDescriptor(STDIN_FILENO, "standard input", max_bytes);
}

}  // namespace parley
