// The ops of a function in groups, each of which becomes a kernel; an order in which they can run.
#ifndef TP_LIB_CONVERSION_GROUPS_H
#define TP_LIB_CONVERSION_GROUPS_H

#include "Layouts.h"

#include <limits>

namespace tp::cpu {

using Group = llvm::SmallVector<mlir::Operation *>; // in the order of the block

class Groups {
public:
  // Every op that computes is a group; constants are in none.
  explicit Groups(mlir::Block &block);

  // Ops whose place matters beyond their operands: an update of a state runs after all readers of the old one. An error
  // where a reader stands after the update.
  llvm::LogicalResult orderStates(llvm::StringRef target);

  // Merges the groups of two ops unless another op would then have to run both before and after; true if they are one
  // now.
  bool merge(mlir::Operation *a, mlir::Operation *b);

  bool same(mlir::Operation *a, mlir::Operation *b) const { return groupOf.lookup(a) == groupOf.lookup(b); }
  bool has(mlir::Operation *op) const { return op && groupOf.contains(op); }
  const Group &of(mlir::Operation *op) const { return groups[groupOf.lookup(op)]; }

  // Groups in an order that respects every use; empty if there is a cycle.
  std::vector<Group> schedule() const;

private:
  std::vector<Group> groups; // an emptied one was merged
  llvm::DenseMap<mlir::Operation *, int> groupOf;
  llvm::DenseMap<mlir::Operation *, int> order;
  std::vector<std::pair<mlir::Operation *, mlir::Operation *>> extraEdges; // first runs before second
};

// What a target has kernels for.
struct Fusion {
  int64_t linearRows = std::numeric_limits<int64_t>::max(); // linears of more rows stand alone
  int64_t normRows = 4; // so few rows that every thread may make their norm for the linears that read it
  bool library = false; // linears of more rows are a library's, which has some activations
};

// Merges what one kernel can do together; see Fusion.cpp.
void fuseElementwise(Groups &groups, mlir::Block &block);
void fuseKernels(Groups &groups, mlir::Block &block, const Fusion &fusion);

} // namespace tp::cpu

#endif
