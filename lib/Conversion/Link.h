// LLVM IR to a shared object.
#ifndef TP_LIB_CONVERSION_LINK_H
#define TP_LIB_CONVERSION_LINK_H

#include "HostTarget.h"

#include "llvm/IR/Module.h"

namespace tp::cpu {

// Optimises `module` and returns the bytes of a shared object that exports its external functions. `saveTemps`: a
// folder for what lies between, or empty.
llvm::Expected<std::string> makeSharedObject(llvm::Module &module, const Machine &machine, llvm::StringRef saveTemps);

} // namespace tp::cpu

#endif
