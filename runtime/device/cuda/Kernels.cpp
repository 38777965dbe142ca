#include "device/cuda/Kernels.h"

#include <algorithm>
#include <fstream>
#include <iterator>

namespace tp::rt::cuda {
namespace {

constexpr int64_t sharedWithoutAsking = 48 << 10; // bytes that any kernel may use

std::string readImage(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  std::string bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (!file.is_open() || file.bad())
    throw Error(path + ": cannot read the kernels");
  if (bytes.empty())
    throw Error(path + ": expected kernels, the file is empty");
  return bytes;
}

} // namespace

OwnedModule loadModule(const char *image, const std::string &what) {
  char log[1024] = "";
  int options[] = {jitErrorLog, jitErrorLogBytes};
  void *values[] = {log, reinterpret_cast<void *>(uintptr_t(sizeof(log)))};
  Module module = nullptr;
  const int code = driver().cuModuleLoadDataEx(&module, image, 2, options, values);
  if (code == cudaUnsupportedPtx) {
    int version = 0;
    TP_CUDA(cuDriverGetVersion, &version);
    throw Error(
        what + ": the NVIDIA driver (CUDA " + std::to_string(version / 1000) + "." +
        std::to_string(version % 1000 / 10) +
        ") is too old for its PTX: update the driver, or compile the package with a cubin (tp-compile with ptxas)");
  }
  if (code)
    throw Error(what + ": " + cudaMessage("cuModuleLoadDataEx", code) + (log[0] ? std::string(": ") + log : ""));
  return OwnedModule(module);
}

Function functionOf(const OwnedModule &module, const std::string &name) {
  Function function = nullptr;
  if (int code = driver().cuModuleGetFunction(&function, module.get(), name.c_str()))
    throw Error("kernel '" + name + "': " + cudaMessage("cuModuleGetFunction", code));
  return function;
}

Choice chooseModule(const CudaTarget &target, int arch) {
  const Choice none{target.modules.size(), false};
  Choice cubin = none, ptx = none;
  auto better = [&](const Choice &old, int candidate) {
    return old.module == none.module || target.modules[old.module].arch < candidate;
  };
  std::string arches;
  for (size_t i = 0; i < target.modules.size(); ++i) {
    const CudaModule &m = target.modules[i];
    arches += (i ? ", sm_" : "sm_") + std::to_string(m.arch);
    if (m.arch > arch)
      continue;
    if (m.cubin && m.arch / 10 == arch / 10 && better(cubin, m.arch))
      cubin = {i, true};
    if (better(ptx, m.arch))
      ptx = {i, false};
  }
  const Choice choice = cubin.module != none.module ? cubin : ptx;
  if (choice.module == none.module)
    throw Error("the package has kernels for " + arches + ", none that runs on sm_" + std::to_string(arch) +
                ": compile it with --gpu-arch sm_" + std::to_string(arch));
  return choice;
}

KernelTable::KernelTable(const CudaTarget &target, const std::string &folder, const DeviceContext &context)
    : target(target) {
  const Choice choice = chooseModule(target, context.arch);
  const CudaModule &m = target.modules[choice.module];
  const std::string path = folder + "/" + (choice.cubin ? *m.cubin : m.ptx);
  module = loadModule(readImage(path).c_str(), path); // a string ends in the zero that PTX needs
  for (const CudaKernel &kernel : target.kernels) {
    Function function = functionOf(module, kernel.name);
    if (kernel.dynamicShared > sharedWithoutAsking)
      TP_CUDA(cuFuncSetAttribute, function, functionMaxDynamicShared, int(kernel.dynamicShared));
    functions.push_back(function);
  }
}

std::string KernelTable::name(int32_t kernel) const {
  return kernel >= 0 && size_t(kernel) < functions.size() ? target.kernels[size_t(kernel)].name : "";
}

void KernelTable::launch(Stream stream, int32_t kernel, const int32_t grid[3], const int32_t block[3],
                         int32_t sharedBytes, const uint64_t *args) const {
  if (kernel < 0 || size_t(kernel) >= functions.size())
    throw Error("the program launches kernel " + std::to_string(kernel) + ", the manifest has " +
                std::to_string(functions.size()));
  const CudaKernel &info = target.kernels[size_t(kernel)];
  void *parameters[500];
  for (int64_t i = 0; i < info.params; ++i)
    parameters[i] = const_cast<uint64_t *>(args + i);
  const int code = driver().cuLaunchKernel(functions[size_t(kernel)], unsigned(grid[0]), unsigned(grid[1]),
                                           unsigned(grid[2]), unsigned(block[0]), unsigned(block[1]),
                                           unsigned(block[2]), unsigned(sharedBytes), stream, parameters, nullptr);
  if (code)
    throw Error("kernel '" + info.name + "': " + cudaMessage("cuLaunchKernel", code));
}

} // namespace tp::rt::cuda
