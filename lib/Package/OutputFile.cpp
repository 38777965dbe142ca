#include "OutputFile.h"

#include "tp/Support/Error.h"
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>
#include <utility>

namespace tp::package {

[[noreturn]] static void failWriting(const std::string &path) {
  throw Error("cannot write '" + path + "': " + std::strerror(errno));
}

OutputFile::OutputFile(std::string name, int64_t bytes) : path(std::move(name)) {
  descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (descriptor < 0)
    failWriting(path);
  if (::ftruncate(descriptor, bytes) == 0)
    return;
  int reason = errno;
  ::close(descriptor);
  errno = reason;
  failWriting(path);
}

OutputFile::OutputFile(OutputFile &&other) noexcept
    : path(std::move(other.path)), descriptor(std::exchange(other.descriptor, -1)) {}

OutputFile::~OutputFile() {
  if (descriptor >= 0)
    ::close(descriptor);
}

void OutputFile::write(const void *data, int64_t bytes, int64_t offset) const {
  const char *next = static_cast<const char *>(data);
  while (bytes > 0) {
    ssize_t count = ::pwrite(descriptor, next, size_t(bytes), offset);
    if (count < 0 && errno == EINTR)
      continue;
    if (count == 0)
      errno = ENOSPC;
    if (count <= 0)
      failWriting(path);
    next += count;
    offset += count;
    bytes -= count;
  }
}

void OutputFile::close() {
  if (::close(std::exchange(descriptor, -1)) != 0)
    failWriting(path);
}

void writeText(const std::string &path, std::string_view text) {
  OutputFile file(path, 0);
  file.write(text.data(), int64_t(text.size()), 0);
  file.close();
}

} // namespace tp::package
