// Memory of a rank: mapped weights, and zeroed buffers for state and arena. All aligned to 64 bytes or better.
#ifndef TP_RT_MEMORY_H
#define TP_RT_MEMORY_H

#include <cstdint>
#include <string>

namespace tp::rt {

// A file mapped for reading; unmapped on destruction. An empty file maps to a valid pointer that must not be read.
class MappedFile {
public:
  MappedFile() = default;
  // Throws Error when the file cannot be opened or has not exactly `bytes` bytes.
  MappedFile(const std::string &path, int64_t bytes);
  MappedFile(MappedFile &&other) noexcept { swap(other); }
  MappedFile &operator=(MappedFile &&other) noexcept {
    swap(other);
    return *this;
  }
  ~MappedFile();
  const char *data() const;
  // Reads part `index` of `parts` into memory now rather than at first use.
  void prefault(int64_t index, int64_t parts) const;

private:
  void swap(MappedFile &other) noexcept;
  char *base = nullptr;
  int64_t length = 0;
};

// Zeroed anonymous memory, aligned to 2 MiB and backed by huge pages where the kernel has them.
class Buffer {
public:
  Buffer() = default;
  explicit Buffer(int64_t bytes); // throws Error when the system has not that much
  Buffer(Buffer &&other) noexcept { swap(other); }
  Buffer &operator=(Buffer &&other) noexcept {
    swap(other);
    return *this;
  }
  ~Buffer();
  char *data() const { return start; }
  int64_t size() const { return bytes; }
  // All zeros again; gives the pages back, so untouched memory costs nothing.
  void clear();

private:
  void swap(Buffer &other) noexcept;
  char *base = nullptr, *start = nullptr;
  int64_t reserved = 0, bytes = 0;
};

} // namespace tp::rt

#endif
