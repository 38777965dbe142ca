// Which axes an op uses for which factor, and what that asks of its operands.
#ifndef TP_PARTITION_ASSIGNMENT_H
#define TP_PARTITION_ASSIGNMENT_H

#include "tp/Sharding/Reshard.h"

namespace tp {

struct OpShardings {
  llvm::SmallVector<mlir::RankedTensorType, 4> types; // global: operands, then results
  llvm::SmallVector<Sharding, 3> shardings;
  llvm::SmallVector<char, 4> stationary =
      {};                                 // operands that are moved only where nothing else works: weights. Empty: none
  llvm::SmallVector<char, 4> free = {};   // results that nobody has a wish for. Empty: none
  llvm::SmallVector<int, 4> sharers = {}; // ops that read an operand, and share what bringing it costs. Empty: one each
};

// How an op is computed on the mesh.
struct Assignment {
  FactorSplits factors;
  llvm::SmallVector<Sharding, 2> operands; // required
  llvm::SmallVector<Sharding, 1> results;  // computed; partial over the axes of split reductions
};

// All assignments that use each axis for one of the factors that have it; the earliest factors first. At least one.
std::vector<Assignment> possibleAssignments(const ShardingRule &rule, const OpShardings &op, MeshAttr mesh);

// Work of one device, as the bytes that could be moved meanwhile.
double workInBytes(const ShardingRule &rule, const Assignment &assignment, MeshAttr mesh);

// Chooses the assignment: an axis that only one factor has is used for it; where factors compete for an axis, the
// choice that moves the fewest bytes (operands to what is required, computed results to what is wanted) wins, then the
// earlier factor.
Assignment assignFactors(const ShardingRule &rule, const OpShardings &op, MeshAttr mesh);

// Bytes to bring operands and results to their places, and the work of one device as bytes.
struct OpCost {
  double moved = 0, work = 0;
};

// What the op costs at least, both together.
OpCost leastCost(const ShardingRule &rule, const OpShardings &op, MeshAttr mesh);

} // namespace tp

#endif
