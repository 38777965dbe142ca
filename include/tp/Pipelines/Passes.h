// The compiler's passes (declared from Passes.td) and pipelines.
#ifndef TP_PIPELINES_PASSES_H
#define TP_PIPELINES_PASSES_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassManager.h"

namespace tp {
#define GEN_PASS_DECL
#include "tp/Pipelines/Passes.h.inc"
#define GEN_PASS_REGISTRATION
#include "tp/Pipelines/Passes.h.inc"

// Registers the passes above and the named pipelines.
void registerPipelines();

} // namespace tp

#endif
