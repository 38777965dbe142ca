// A file that is being written. Errors name the file and the system's reason.
#ifndef TP_LIB_PACKAGE_OUTPUTFILE_H
#define TP_LIB_PACKAGE_OUTPUTFILE_H

#include <cstdint>
#include <string>
#include <string_view>

namespace tp::package {

class OutputFile {
public:
  // Creates the file, `bytes` long and zero; it must not exist.
  OutputFile(std::string path, int64_t bytes);
  OutputFile(OutputFile &&other) noexcept;
  OutputFile(const OutputFile &) = delete;
  ~OutputFile();

  // Several threads may write different places at once.
  void write(const void *data, int64_t bytes, int64_t offset) const;
  // Must be called for the file to count as written: some file systems report a full disk only here.
  void close();

private:
  std::string path;
  int descriptor;
};

void writeText(const std::string &path, std::string_view text);

} // namespace tp::package

#endif
