// The CPU that code is made for.
#ifndef TP_LIB_CONVERSION_HOSTTARGET_H
#define TP_LIB_CONVERSION_HOSTTARGET_H

#include "KernelBuilder.h"

#include "llvm/Support/Error.h"
#include "llvm/Target/TargetMachine.h"
#include <memory>
#include <string>
#include <vector>

namespace tp::cpu {

// Code is made for a level of x86-64 (v3, or v4 with avx512_bf16 where there is one), tuned for the CPU: so the
// features that it may use are few and can be named.
struct Machine {
  Target target;
  std::string cpu;                   // LLVM's name of the level
  std::string tune;                  // LLVM's name of the CPU
  std::string features;              // "+avx512bf16" or nothing
  std::vector<std::string> required; // as the runtime names them
};

// `cpu`, `features` as in CpuOptions. An error: an unknown CPU, or one without AVX2 and FMA.
llvm::Expected<Machine> resolveMachine(llvm::StringRef cpu, llvm::StringRef features);
llvm::Expected<std::unique_ptr<llvm::TargetMachine>> makeTargetMachine(llvm::StringRef cpu, llvm::StringRef features);

} // namespace tp::cpu

#endif
