// Kernels from LLVM IR: the text that also becomes PTX, built for the host with every access to memory checked.
#ifndef TP_EMU_KERNELS_H
#define TP_EMU_KERNELS_H

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace tp::emu {

struct Kernel {
  std::string name;
  uint32_t staticShared = 0;                       // bytes
  std::vector<std::pair<uint32_t, uint32_t>> gaps; // [begin, end) of shared memory that belongs to no variable
  uint32_t requiredBlock[3] = {0, 0, 0};           // 0: any
  std::vector<uint32_t> parameterBytes;
  void (*code)(void **parameters) = nullptr;
  std::shared_ptr<const std::vector<std::string>> sites; // "line 12: '%3 = ...'", by number

  void run(const std::vector<uint64_t> &arguments) const;
  std::string describe(uint32_t site) const { return (*sites)[site]; }
};

struct KernelModule {
  std::vector<Kernel> kernels; // their code lives as long as the process
  const Kernel *find(const std::string &name) const;
};

// Built once per path and time of change. Throws std::runtime_error.
std::shared_ptr<const KernelModule> loadKernels(const std::string &irFile);

} // namespace tp::emu

#endif
