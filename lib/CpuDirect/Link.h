// LLVM IR to a shared object for a CPU.
#ifndef TP_LIB_CPUDIRECT_LINK_H
#define TP_LIB_CPUDIRECT_LINK_H

#include "tp/Conversion/CpuProgram.h"

#include "llvm/IR/Module.h"

namespace tp::cpu {

struct Machine {
  std::string cpu, features;
  std::vector<std::string> required; // features the code may use, as GCC names them
  bool avx512bf16 = false;
};

Machine hostMachine(const CpuOptions &options);

// Optimises, generates code and links; false with a message in `error`.
bool linkProgram(llvm::Module &module, const Machine &machine, const CpuOptions &options, std::string &sharedObject, std::string &error);

} // namespace tp::cpu

#endif
