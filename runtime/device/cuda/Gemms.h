// The manifest's GEMMs by cuBLASLt: y [m, n] = epilogue(x [m, k] times the transpose of w [n, k], plus bias [n]). The
// algorithm is chosen when the package is loaded and kept.
#ifndef TP_RT_CUDAGEMMS_H
#define TP_RT_CUDAGEMMS_H

#include "core/Manifest.h"
#include "device/cuda/Objects.h"

#include <memory>
#include <vector>

namespace tp::rt::cuda {

class GemmTable {
public:
  explicit GemmTable(const CudaTarget &target); // opens cuBLASLt where there are GEMMs
  ~GemmTable();
  GemmTable(const GemmTable &) = delete;
  GemmTable &operator=(const GemmTable &) = delete;
  void run(Stream stream, int32_t gemm, Pointer x, Pointer w, Pointer bias, Pointer y);

private:
  struct Plan;
  LtHandle handle = nullptr;
  DeviceBuffer workspace;
  int64_t workspaceBytes;
  std::vector<std::unique_ptr<Plan>> plans;
};

} // namespace tp::rt::cuda

#endif
