// Kernels as LLVM IR to PTX, and PTX to cubin by NVIDIA's assembler where there is one.
#ifndef TP_LIB_CONVERSION_CUDA_PTX_H
#define TP_LIB_CONVERSION_CUDA_PTX_H

#include "tp/Conversion/CudaProgram.h"

#include "llvm/IR/Module.h"
#include "llvm/Support/Error.h"

namespace tp::cuda {

inline constexpr llvm::StringLiteral kPtxVersion = "8.0";

// An error where `arch` is not one that kernels can be made for.
llvm::Error checkArch(llvm::StringRef arch);

// Optimises the module for `arch` and returns its PTX; the module is left as the IR that the PTX was made from.
llvm::Expected<std::string> makePtx(llvm::Module &module, llvm::StringRef arch);

// The assembler's path; empty where none is found. `wanted`: as CudaOptions::ptxas; one that is wanted but cannot be
// run is an error.
llvm::Expected<std::string> findPtxas(llvm::StringRef wanted);

// The cubin; an error carries the assembler's messages.
llvm::Expected<std::string> assemble(llvm::StringRef ptxas, llvm::StringRef ptx, llvm::StringRef arch);

} // namespace tp::cuda

#endif
