// What every phase that reads a program relies on, said at the place that breaks it.
#ifndef TP_SHARDING_CHECKPROGRAM_H
#define TP_SHARDING_CHECKPROGRAM_H

#include "mlir/IR/BuiltinOps.h"

namespace tp {

// Tensors have static shapes, of at most 2^46 elements, so that sizes and bytes can be computed with.
mlir::LogicalResult checkShapes(mlir::ModuleOp module);
// A whole program: static shapes, functions that do not call themselves, no ops of a partitioned program.
mlir::LogicalResult checkWholeProgram(mlir::ModuleOp module);

} // namespace tp

#endif
