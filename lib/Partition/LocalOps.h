// Ops in the shapes of one device.
#ifndef TP_LIB_PARTITION_LOCALOPS_H
#define TP_LIB_PARTITION_LOCALOPS_H

#include "tp/Partition/Assignment.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/IRMapping.h"

namespace tp {

struct LocalContext {
  mlir::OpBuilder &builder;
  MeshAttr mesh;
  mlir::FlatSymbolRefAttr meshName;
};

// Emits the steps of a reshard; `origin` says what asked for it.
mlir::Value emitReshard(LocalContext &context, mlir::Location loc, mlir::Value value, mlir::ArrayRef<ReshardStep> steps,
                        llvm::StringRef origin);

// `value` with zeros in the padding of dimension `dim`, of `size` elements when whole.
mlir::Value emitMask(LocalContext &context, mlir::Location loc, mlir::Value value, unsigned dim, int64_t size,
                     const Split &split);

// The part of `numbers` that an op and its regions read: a clone adds values of its own.
mlir::IRMapping numbersFor(mlir::Operation *op, const mlir::IRMapping &numbers);

// The op on local operands. Operands whose values are indices into a split factor are moved; an attention op whose
// query heads start inside a group is told where. `numbers` maps those that the op's regions may use.
mlir::Operation *createLocal(LocalContext &context, mlir::Operation *op, const ShardingRule &rule,
                             const Assignment &assignment, llvm::SmallVector<mlir::Value> operands,
                             const mlir::IRMapping &numbers);

// Makes the body of a local op right where it depends on the place in a split loop; may replace the op.
mlir::Operation *localiseBody(LocalContext &context, mlir::linalg::LinalgOp op, const ShardingRule &rule,
                              const Assignment &assignment);

} // namespace tp

#endif
