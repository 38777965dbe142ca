// Passes that run programs. include/tp/Interpreter/Passes.td documents them.
#ifndef TP_INTERPRETER_PASSES_H
#define TP_INTERPRETER_PASSES_H

#include "mlir/Pass/Pass.h"

namespace tp {

#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "tp/Interpreter/Passes.h.inc"

} // namespace tp

#endif
