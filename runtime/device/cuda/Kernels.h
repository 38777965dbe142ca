// Modules with kernels, loaded for a GPU, and the project's own launch.
#ifndef TP_RT_CUDAKERNELS_H
#define TP_RT_CUDAKERNELS_H

#include "device/cuda/Context.h"

namespace tp::rt::cuda {

// Loads a cubin or PTX; `what` names it in errors.
OwnedModule loadModule(const char *image, const std::string &what);
Function functionOf(const OwnedModule &module, const std::string &name);

// Index of the module that a GPU takes: the cubin of its own arch, else one of the same major arch and a lower minor,
// else the PTX of the highest arch not above its own. Throws Error that lists the arches.
struct Choice {
  size_t module;
  bool cubin;
};
Choice chooseModule(const CudaTarget &target, int arch);

class KernelTable {
public:
  // `folder` has the target's modules.
  KernelTable(const CudaTarget &target, const std::string &folder, const DeviceContext &context);
  // `args`: 8 bytes each, as many as the manifest says.
  std::string name(int32_t kernel) const;
  void launch(Stream stream, int32_t kernel, const int32_t grid[3], const int32_t block[3], int32_t sharedBytes,
              const uint64_t *args) const;

private:
  const CudaTarget &target;
  OwnedModule module;
  std::vector<Function> functions;
};

} // namespace tp::rt::cuda

#endif
