//===- MappedFile.cpp - A file mapped read-only --------------------------------------------------------------===//
#include "MappedFile.h"
#include "Text.h"
#include "tp/Support/Error.h"
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace tp::checkpoint {

[[noreturn]] static void fail(const std::string &path, const std::string &found) {
  throw Error("expected a readable file, found " + quote(path) + ": " + found);
}

MappedFile::MappedFile(const std::string &path) : name(path) {
  // O_NONBLOCK: opening a pipe must not wait for a writer before fstat can refuse it.
  int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0)
    fail(path, std::strerror(errno));
  struct stat status{};
  bool known = ::fstat(descriptor, &status) == 0;
  bool regular = known && S_ISREG(status.st_mode);
  void *address = nullptr;
  int problem = 0;
  if (regular && status.st_size > 0) {
    length = static_cast<uint64_t>(status.st_size);
    address = ::mmap(nullptr, length, PROT_READ, MAP_PRIVATE, descriptor, 0);
    problem = address == MAP_FAILED ? errno : 0;
  }
  ::close(descriptor);
  if (!regular)
    fail(path, "not a regular file");
  if (problem)
    fail(path, std::strerror(problem));
  bytes = static_cast<const uint8_t *>(address);
}

MappedFile::~MappedFile() {
  if (bytes)
    ::munmap(const_cast<uint8_t *>(bytes), length);
}

} // namespace tp::checkpoint
