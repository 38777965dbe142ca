// libcuda, cuBLASLt and NCCL, opened when a package needs them. Each call goes through a table of pointers; a call that
// fails throws Error with the call, the library's name for the error and its text.
#ifndef TP_RT_CUDALIBRARIES_H
#define TP_RT_CUDALIBRARIES_H

#include "core/Error.h"
#include "device/cuda/CudaTypes.h"

#include <string>

namespace tp::rt::cuda {

#define TP_FIELD(name, parameters) int(*name) parameters = nullptr;
struct CudaTable {
  TP_CUDA_FUNCTIONS(TP_FIELD)
};
struct LtTable {
  TP_CUBLASLT_FUNCTIONS(TP_FIELD)
};
struct NcclTable {
  TP_NCCL_FUNCTIONS(TP_FIELD)
  const char *(*ncclGetErrorString)(int code) = nullptr;
};
#undef TP_FIELD

// Opened at first use, in TP_CUDA_LIBRARIES (a folder) if it is set, else where the loader looks; stays open. Throw
// Error that names the file names tried and the function that a library lacks.
const CudaTable &driver();
const LtTable &cublasLt();
const NcclTable &nccl();

// "cuMemAlloc: CUDA_ERROR_OUT_OF_MEMORY: out of memory"
std::string cudaMessage(const char *call, int code);
std::string cublasMessage(const char *call, int code);
std::string ncclMessage(const char *call, int code);

} // namespace tp::rt::cuda

// TP_CUDA(cuMemFree_v2, pointer): calls, and throws where the result is not 0.
#define TP_CUDA(name, ...)                                                                                             \
  do {                                                                                                                 \
    if (int code = ::tp::rt::cuda::driver().name(__VA_ARGS__))                                                         \
      throw ::tp::rt::Error(::tp::rt::cuda::cudaMessage(#name, code));                                                 \
  } while (0)
#define TP_CUBLAS(name, ...)                                                                                           \
  do {                                                                                                                 \
    if (int code = ::tp::rt::cuda::cublasLt().name(__VA_ARGS__))                                                       \
      throw ::tp::rt::Error(::tp::rt::cuda::cublasMessage(#name, code));                                               \
  } while (0)

#endif
