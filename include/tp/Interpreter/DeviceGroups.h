// Ranks, their coordinates in a mesh, and the groups that meet at a collective.
#ifndef TP_INTERPRETER_DEVICEGROUPS_H
#define TP_INTERPRETER_DEVICEGROUPS_H

#include "tp/Dialect/Tp.h"

namespace tp {

// The ranks that differ only in their coordinates on `axes` form a group; a rank's position in it is the row-major
// index over `axes` in the order given. A rank is its coordinates in row-major order over the mesh (the last axis
// varies fastest).
class DeviceGroups {
public:
  // All of `axes` must exist in `mesh`.
  DeviceGroups(MeshAttr mesh, llvm::ArrayRef<mlir::StringAttr> axes);

  // Ranks in a group.
  int64_t groupSize() const { return size; }
  int64_t position(int64_t rank) const { return positions[rank]; }
  // The groups, each with its ranks by position.
  llvm::ArrayRef<llvm::SmallVector<int64_t>> groups() const { return members; }
  // The group of a rank.
  llvm::ArrayRef<int64_t> groupOf(int64_t rank) const { return members[group[rank]]; }

private:
  int64_t size = 1;
  llvm::SmallVector<int64_t> positions, group;
  llvm::SmallVector<llvm::SmallVector<int64_t>> members;
};

} // namespace tp

#endif
