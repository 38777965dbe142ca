// From a partitioned tp module to host code and GPU kernels with their description: what docs/cuda-abi.md says of a
// package.
#ifndef TP_CONVERSION_CUDAPROGRAM_H
#define TP_CONVERSION_CUDAPROGRAM_H

#include "tp/Conversion/CpuProgram.h"

#include <array>

namespace tp::cuda {

// A kernel; the host code names it by its index. Its parameters are 8 bytes each.
struct GpuKernelInfo {
  std::string name;
  int64_t parameters = 0;
  std::array<int64_t, 3> block = {1, 1, 1};
  int64_t staticShared = 0, dynamicShared = 0; // bytes
  int64_t memoryBytes = 0;                     // of the arrays it is given, each once
};

// All kernels, for one architecture.
struct GpuModule {
  std::string arch;  // "sm_80"
  std::string ptx;   // text
  std::string cubin; // empty: there was no ptxas
  std::string ir;    // LLVM IR that the PTX was made from; empty: not asked for
};

// y [m, n] = x [m, k] times the transpose of w [n, k], plus bias [n]; row-major.
struct Gemm {
  int64_t m = 0, n = 0, k = 0;
  std::string input, weight, output; // "f32", "bf16"
  std::string bias;                  // a type, or empty
  std::string epilogue;              // "none", "relu", "gelu_tanh"
};

struct CudaProgram {
  cpu::CpuProgram host; // program.so, memory, entries, collectives, weights; features of the host CPU
  std::vector<GpuKernelInfo> kernels;
  std::vector<GpuModule> modules;
  std::vector<Gemm> gemms;
  int64_t events = 0;
  int64_t workspaceBytes = 0; // of the GEMM library
  int64_t ncclBytes = 0;      // set aside for NCCL, where each rank has a GPU of its own
  std::string ptxVersion;     // "8.0"
  std::string ptxas;          // path of the assembler that made the cubins; empty: none was found
};

struct CudaOptions {
  std::vector<std::string> archs = {"sm_80", "sm_90"};
  bool kernelIr = false; // keep GpuModule::ir
  std::string ptxas;     // path; empty: $TP_PTXAS, PATH, /usr/local/cuda/bin; "none": no cubins
};

// Compiles a partitioned module; the module is not changed. Failure has been reported as a diagnostic.
llvm::FailureOr<CudaProgram> compileForCuda(mlir::ModuleOp partitioned, const CudaOptions &options = {});

} // namespace tp::cuda

#endif
