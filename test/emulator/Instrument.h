// Turns kernels for NVPTX into host code: special registers become fields of the thread, accesses to memory go through
// checks, warp and block operations call the emulator, shared variables lie in the block's memory.
#ifndef TP_EMU_INSTRUMENT_H
#define TP_EMU_INSTRUMENT_H

#include "Kernels.h"

namespace llvm {
class AsmParserContext;
class Module;
} // namespace llvm

namespace tp::emu {

// Fills in the kernels (all but their code) and adds a function `emu.NAME(void **parameters)` for each. Throws
// std::runtime_error that names what it does not know.
KernelModule instrument(llvm::Module &module, const llvm::AsmParserContext &lines);

} // namespace tp::emu

#endif
