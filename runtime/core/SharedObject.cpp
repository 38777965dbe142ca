#include "core/SharedObject.h"

#include "core/Error.h"

#include <cstring>
#include <dlfcn.h>
#include <elf.h>
#include <filesystem>
#include <fstream>

namespace tp::rt {
namespace {

// Whether every segment that the loader maps lies inside the file.
void checkWhole(const std::string &path) {
  std::error_code error;
  const uint64_t size = std::filesystem::file_size(path, error);
  std::ifstream file(path, std::ios::binary);
  Elf64_Ehdr header;
  if (error || !file.read(reinterpret_cast<char *>(&header), sizeof(header)) ||
      std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_ident[EI_CLASS] != ELFCLASS64 ||
      header.e_type != ET_DYN || header.e_phentsize != sizeof(Elf64_Phdr))
    throw Error(path + ": cannot load: expected a shared object");
  file.seekg(std::streamoff(header.e_phoff));
  for (int i = 0; i < header.e_phnum; ++i) {
    Elf64_Phdr segment;
    if (!file.read(reinterpret_cast<char *>(&segment), sizeof(segment)) || segment.p_offset > size ||
        segment.p_filesz > size - segment.p_offset)
      throw Error(path + ": cannot load: the file is cut, it has " + std::to_string(size) + " bytes");
  }
}

} // namespace

SharedObject::SharedObject(const std::string &path) {
  checkWhole(path);
  // An absolute path, lest the loader search elsewhere for a name without a slash.
  handle = dlopen(std::filesystem::absolute(path).c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!handle)
    throw Error(path + ": cannot load: " + dlerror());
}

SharedObject::~SharedObject() {
  if (handle)
    dlclose(handle);
}

void *SharedObject::symbol(const std::string &name) const { return dlsym(handle, name.c_str()); }

} // namespace tp::rt
