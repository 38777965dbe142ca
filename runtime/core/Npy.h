// Writing arrays as NumPy files.
#ifndef TP_RT_NPY_H
#define TP_RT_NPY_H

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace tp::rt {

// A file that exists whole or not at all: written beside its place and renamed by commit(). The constructor opens it,
// so that an unwritable place is known before the work; without commit() nothing is left behind.
class OutputFile {
public:
  explicit OutputFile(const std::string &path); // throws Error
  OutputFile(const OutputFile &) = delete;
  OutputFile &operator=(const OutputFile &) = delete;
  ~OutputFile();
  void write(const void *data, size_t bytes);
  void commit();

private:
  [[noreturn]] void fail() const;
  std::string path, temporary;
  int fd = -1;
};

// A float32 array in C order, .npy version 1.0.
void writeNpy(OutputFile &file, std::span<const float> values, const std::vector<int64_t> &shape);

} // namespace tp::rt

#endif
