#include "core/Npy.h"

#include "core/Error.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace tp::rt {

OutputFile::OutputFile(const std::string &path) : path(path), temporary(path + ".partial-" + std::to_string(getpid())) {
  struct stat info;
  if (stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode)) {
    // A device or a pipe, /dev/null say: nothing to rename onto.
    temporary.clear();
    fd = open(path.c_str(), O_WRONLY | O_CLOEXEC);
  } else {
    fd = open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  }
  if (fd < 0)
    fail();
}

OutputFile::~OutputFile() {
  if (fd < 0)
    return;
  close(fd);
  if (!temporary.empty())
    unlink(temporary.c_str());
}

void OutputFile::fail() const { throw Error(path + ": cannot write: " + std::strerror(errno)); }

void OutputFile::write(const void *data, size_t bytes) {
  auto *at = static_cast<const char *>(data);
  while (bytes > 0) {
    ssize_t n = ::write(fd, at, std::min(bytes, size_t(1) << 30));
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      fail();
    at += n;
    bytes -= size_t(n);
  }
}

void OutputFile::commit() {
  int closed = close(fd);
  fd = -1;
  if (closed != 0 || (!temporary.empty() && std::rename(temporary.c_str(), path.c_str()) != 0)) {
    int code = errno;
    if (!temporary.empty())
      unlink(temporary.c_str());
    errno = code;
    fail();
  }
}

void writeNpy(OutputFile &file, std::span<const float> values, const std::vector<int64_t> &shape) {
  std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': (";
  for (int64_t size : shape)
    header += std::to_string(size) + ", ";
  header += "), }";
  // Magic, version and length are 10 bytes; the data starts at a multiple of 64.
  while ((10 + header.size() + 1) % 64 != 0)
    header += ' ';
  header += '\n';
  std::string start("\x93NUMPY\x01\x00", 8);
  start += char(header.size() & 0xff);
  start += char(header.size() >> 8);
  start += header;
  file.write(start.data(), start.size());
  file.write(values.data(), values.size_bytes());
}

} // namespace tp::rt
