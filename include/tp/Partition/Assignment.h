// Which axes an op uses for which factor, and what that asks of its operands.
#ifndef TP_PARTITION_ASSIGNMENT_H
#define TP_PARTITION_ASSIGNMENT_H

#include "tp/Sharding/Reshard.h"

namespace tp {

struct OpShardings {
  llvm::SmallVector<mlir::RankedTensorType, 4> types; // global: operands, then results
  llvm::SmallVector<Sharding, 4> shardings;
  llvm::SmallVector<char, 4> stationary =
      {}; // operands that are moved only where nothing else works: weights. Empty: none
};

// How an op is computed on the mesh.
struct Assignment {
  FactorSplits factors;
  llvm::SmallVector<Sharding, 4> operands; // required
  llvm::SmallVector<Sharding, 2> results;  // computed; partial over the axes of split reductions
};

// Chooses the assignment: an axis that only one factor has is used for it; where factors compete for an axis, the
// choice that moves the fewest bytes (operands to what is required, computed results to what is wanted) wins, then the
// earlier factor.
Assignment assignFactors(const ShardingRule &rule, const OpShardings &op, MeshAttr mesh);

} // namespace tp

#endif
