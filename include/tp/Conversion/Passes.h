// Passes from the partitioned program to code for the CPU and for GPUs. include/tp/Conversion/Passes.td documents them.
#ifndef TP_CONVERSION_PASSES_H
#define TP_CONVERSION_PASSES_H

#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassManager.h"

namespace tp {

#define GEN_PASS_DECL
#include "tp/Conversion/Passes.h.inc"

// tp-lower-to-cpu up to loops and vectors (`cpu`, `features` as in LowerKernels).
void addCpuKernelPasses(mlir::OpPassManager &manager, const LowerKernelsOptions &options, bool fuse = true);
// From there to the LLVM dialect. `nativeBf16`: the CPU converts to bf16.
void addCpuToLlvmPasses(mlir::OpPassManager &manager, bool nativeBf16);

// The partitioned program to gpu.func kernels on planned memory.
void addGpuKernelPasses(mlir::OpPassManager &manager, bool fuse = true);
// gpu.module to the NVVM and LLVM dialects.
void addGpuToNvvmPasses(mlir::OpPassManager &manager);

} // namespace tp

#endif
