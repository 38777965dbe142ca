// Floating-point work of matrix products: what is worth splitting.
#ifndef TP_COST_FLOPS_H
#define TP_COST_FLOPS_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/STLFunctionalExtras.h"

namespace tp {

// Operations of one run of `op`, a multiplication and an addition being two: of tp ops and of structured linalg ops
// that sum products of two operands. 0 for other ops, for calls and for layers (--tp-decompose-layers expands them).
// Masks are not looked at: causal attention counts all its scores.
double flopsOf(mlir::Operation *op);

// Calls `visit` for each op that a run of `entry` executes, inside calls and loops too, with the function it stands in
// and how often one run executes it. A function called from several places is visited for each of its callers once. A
// loop whose number of passes is not constant counts as one pass.
void visitRuns(mlir::func::FuncOp entry,
               llvm::function_ref<void(mlir::Operation *op, mlir::func::FuncOp function, int64_t times)> visit);

// Of one run of `entry`; after partitioning, on one device.
double countFlops(mlir::func::FuncOp entry);

} // namespace tp

#endif
