// Rules of ops that upstream dialects define, by dialect. std::nullopt: no rule is known.
#ifndef TP_LIB_SHARDING_UPSTREAMRULES_H
#define TP_LIB_SHARDING_UPSTREAMRULES_H

#include "tp/Sharding/ShardingRule.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace tp {

std::optional<ShardingRule> linalgRule(mlir::linalg::LinalgOp op);
std::optional<ShardingRule> tensorRule(mlir::Operation *op);

// The shape of a tensor; a scalar has no dimensions.
inline llvm::ArrayRef<int64_t> shapeOf(mlir::Value value) {
  auto type = llvm::dyn_cast<mlir::RankedTensorType>(value.getType());
  return type ? type.getShape() : llvm::ArrayRef<int64_t>();
}

} // namespace tp

#endif
