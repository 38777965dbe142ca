// Ops in the shapes of one device.
#ifndef TP_LIB_PARTITION_LOCALOPS_H
#define TP_LIB_PARTITION_LOCALOPS_H

#include "tp/Partition/Assignment.h"

#include "mlir/IR/Builders.h"

namespace tp {

struct LocalContext {
  mlir::OpBuilder &builder;
  MeshAttr mesh;
  mlir::FlatSymbolRefAttr meshName;
};

// Emits the steps of a reshard; `origin` says what asked for it.
mlir::Value emitReshard(LocalContext &context, mlir::Location loc, mlir::Value value, mlir::ArrayRef<ReshardStep> steps,
                        llvm::StringRef origin);

// The op on local operands. Operands whose values are indices into a split factor are moved; an attention op whose
// query heads start inside a group is told where. Fails with a diagnostic where the op cannot be made smaller.
mlir::FailureOr<mlir::Operation *> createLocal(LocalContext &context, mlir::Operation *op, const ShardingRule &rule,
                                               const Assignment &assignment, llvm::SmallVector<mlir::Value> operands);

} // namespace tp

#endif
