//===- MappedFile.h - A file mapped read-only ----------------------------------------------------------------===//
#ifndef TP_LIB_CHECKPOINT_MAPPEDFILE_H
#define TP_LIB_CHECKPOINT_MAPPEDFILE_H

#include <cstdint>
#include <string>
#include <string_view>

namespace tp::checkpoint {

class MappedFile {
public:
  /// An error when the file is missing, not a regular file, or cannot be mapped.
  explicit MappedFile(const std::string &path);
  ~MappedFile();
  MappedFile(const MappedFile &) = delete;
  MappedFile &operator=(const MappedFile &) = delete;

  const std::string &path() const { return name; }
  const uint8_t *data() const { return bytes; } ///< null when the file is empty
  uint64_t size() const { return length; }
  std::string_view text() const { return {reinterpret_cast<const char *>(bytes), length}; }

private:
  std::string name;
  const uint8_t *bytes = nullptr;
  uint64_t length = 0;
};

} // namespace tp::checkpoint

#endif // TP_LIB_CHECKPOINT_MAPPEDFILE_H
