#include "core/Memory.h"

#include "core/Error.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#endif

namespace tp::rt {
namespace {

constexpr int64_t hugePage = int64_t(2) << 20;
alignas(64) const char nothing[64] = {};

struct Descriptor {
  int fd;
  ~Descriptor() {
    if (fd >= 0)
      close(fd);
  }
};

} // namespace

MappedFile::MappedFile(const std::string &path, int64_t bytes) {
  Descriptor file{open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  struct stat info;
  if (file.fd < 0 || fstat(file.fd, &info) != 0)
    throw Error(path + ": cannot open: " + std::strerror(errno));
  if (!S_ISREG(info.st_mode))
    throw Error(path + ": expected a regular file");
  if (info.st_size != bytes)
    throw Error(path + ": expected " + std::to_string(bytes) + " bytes, found " + std::to_string(info.st_size));
  if (bytes == 0)
    return;
  void *address = mmap(nullptr, size_t(bytes), PROT_READ, MAP_PRIVATE, file.fd, 0);
  if (address == MAP_FAILED)
    throw Error(path + ": cannot map " + std::to_string(bytes) + " bytes: " + std::strerror(errno));
  base = static_cast<char *>(address);
  length = bytes;
}

MappedFile::~MappedFile() {
  if (base)
    munmap(base, size_t(length));
}

const char *MappedFile::data() const { return base ? base : nothing; }

void MappedFile::swap(MappedFile &other) noexcept {
  std::swap(base, other.base);
  std::swap(length, other.length);
}

void MappedFile::prefault(int64_t index, int64_t parts) const {
  int64_t pages = (length + hugePage - 1) / hugePage;
  int64_t begin = pages * index / parts * hugePage, end = std::min(pages * (index + 1) / parts * hugePage, length);
  // A kernel without MADV_POPULATE_READ faults the pages in when they are used: slower at first, not wrong.
  if (begin < end)
    madvise(base + begin, size_t(end - begin), MADV_POPULATE_READ);
}

Buffer::Buffer(int64_t bytes) : bytes(bytes) {
  reserved = (bytes + hugePage - 1) / hugePage * hugePage + hugePage;
  void *address =
      mmap(nullptr, size_t(reserved), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (address == MAP_FAILED)
    throw Error("cannot allocate " + std::to_string(bytes) + " bytes: " + std::strerror(errno));
  base = static_cast<char *>(address);
  start = base + (hugePage - int64_t(reinterpret_cast<uintptr_t>(base) % hugePage)) % hugePage;
  madvise(start, size_t(reserved - hugePage), MADV_HUGEPAGE);
}

Buffer::~Buffer() {
  if (base)
    munmap(base, size_t(reserved));
}

void Buffer::clear() { madvise(start, size_t(reserved - hugePage), MADV_DONTNEED); }

void Buffer::swap(Buffer &other) noexcept {
  std::swap(base, other.base);
  std::swap(start, other.start);
  std::swap(reserved, other.reserved);
  std::swap(bytes, other.bytes);
}

} // namespace tp::rt
