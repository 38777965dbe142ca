#include "core/Package.h"

#include "core/CpuFeatures.h"
#include "core/Error.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace tp::rt {
namespace {

// A manifest lists every collective and weight of a model: megabytes for the largest. More is not a manifest.
constexpr uintmax_t maxManifestBytes = uintmax_t(1) << 30;

std::string readText(const std::string &path) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error))
    throw Error(path + ": cannot open: " + (error ? error.message() : std::string("no such file")));
  uintmax_t size = std::filesystem::file_size(path, error);
  if (error || size > maxManifestBytes)
    throw Error(path + ": expected a manifest below 1 GiB");
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  if (!file)
    throw Error(path + ": cannot read: " + std::strerror(errno));
  return text.str();
}

} // namespace

Package::Package(const std::string &folder) : folder(folder) {
  std::error_code error;
  if (!std::filesystem::is_directory(folder, error))
    throw Error(folder + ": expected a package folder");
  std::string manifestPath = path("manifest.json");
  parsed = Manifest::parse(readText(manifestPath), manifestPath);
  requireCpu(parsed.arch, parsed.features, manifestPath);
  checkFiles();
  loadProgram();
}

void Package::checkFiles() const {
  std::string manifestPath = path("manifest.json");
  auto size = [&](const std::string &name, const std::string &key) {
    std::error_code error;
    if (!std::filesystem::is_regular_file(path(name), error))
      throw Error(manifestPath + ": key '" + key + "': no file '" + name + "' in the package");
    return int64_t(std::filesystem::file_size(path(name), error));
  };
  size(parsed.program, "program");
  if (parsed.tokenizer)
    size(*parsed.tokenizer, "tokenizer");
  if (parsed.cuda)
    for (const CudaModule &module : parsed.cuda->modules) {
      size(module.ptx, "target.modules");
      if (module.cubin)
        size(*module.cubin, "target.modules");
    }
  for (const std::string &name : parsed.weightFiles)
    if (int64_t found = size(name, "weight_files"); found != parsed.weightBytes)
      throw Error(path(name) + ": expected " + std::to_string(parsed.weightBytes) +
                  " bytes (key 'weight_bytes'), found " + std::to_string(found));
}

void Package::loadProgram() {
  program = std::make_unique<SharedObject>(path(parsed.program));
  for (const Entry &entry : parsed.entries) {
    void *code = program->symbol(entry.symbol);
    if (!code)
      throw Error(path(parsed.program) + ": no symbol '" + entry.symbol + "', which entry '" + entry.name + "' names");
    symbols.push_back(code);
  }
}

MappedFile Package::mapWeights(int64_t rank) const {
  return MappedFile(path(parsed.weightFiles[size_t(rank)]), parsed.weightBytes);
}

} // namespace tp::rt
