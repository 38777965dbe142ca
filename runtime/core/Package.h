// A package folder opened for running: its manifest, its code and the paths of its other files. Nothing of it is
// written.
#ifndef TP_RT_PACKAGE_H
#define TP_RT_PACKAGE_H

#include "core/Manifest.h"
#include "core/Memory.h"
#include "core/SharedObject.h"
#include "tp_cuda.h"
#include "tp_program.h"

#include <memory>

namespace tp::rt {

class Package {
public:
  // Checks everything that can be checked without running: the manifest, this machine's CPU, each file's presence and
  // size, each entry's symbol. Throws Error with one line that names the file and the key.
  explicit Package(const std::string &folder);
  Package(const Package &) = delete;
  Package &operator=(const Package &) = delete;

  const Manifest &manifest() const { return parsed; }
  tp_entry code(const Entry &entry) const { return reinterpret_cast<tp_entry>(symbolOf(entry)); }
  tp_cuda_entry cudaCode(const Entry &entry) const { return reinterpret_cast<tp_cuda_entry>(symbolOf(entry)); }
  // The rank's own weight file and no other.
  MappedFile mapWeights(int64_t rank) const;
  std::string path(const std::string &name) const { return folder + "/" + name; }
  const std::string folder;

private:
  void checkFiles() const;
  void loadProgram();
  Manifest parsed;
  std::unique_ptr<SharedObject> program;
  void *symbolOf(const Entry &entry) const { return symbols[size_t(&entry - parsed.entries.data())]; }
  std::vector<void *> symbols; // one per manifest entry
};

} // namespace tp::rt

#endif
