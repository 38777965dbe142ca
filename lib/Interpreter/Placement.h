// Where the elements of a whole value lie on the ranks of a mesh.
#ifndef TP_LIB_INTERPRETER_PLACEMENT_H
#define TP_LIB_INTERPRETER_PLACEMENT_H

#include "tp/Interpreter/DeviceGroups.h"
#include "tp/Interpreter/Kernels.h"
#include "tp/Sharding/Sharding.h"

#include <string>

namespace tp {

// How the ranks' tensors differ from the whole value.
struct Mismatch {
  int64_t rank;
  llvm::SmallVector<int64_t> index; // in the whole value, of the first element that differs
  double found, expected;
  int64_t count;       // elements of this rank that differ
  double largestError; // of these, |found - expected|
};

class Placement {
public:
  // `sharding` may be null: every rank holds the whole value.
  Placement(MeshAttr mesh, ShardingAttr sharding, llvm::ArrayRef<int64_t> shape);

  // Each rank's shard; padding is zero. The parts of a partial value differ from rank to rank. Ranks with the same
  // elements share a tensor.
  RankValue slice(const Tensor &whole) const;
  // Shape of every rank's shard.
  llvm::SmallVector<int64_t> localShape() const;
  // The first rank whose elements differ from the whole value by more than tolerance * (rms + |expected|); ranks along
  // partial axes are combined first. The tensors have localShape(). `worst` gathers the largest error in these units.
  std::optional<Mismatch> compare(const RankValue &value, const Tensor &whole, double tolerance, double &worst) const;

private:
  struct Dim {
    DeviceGroups groups;
    Geometry geometry;
  };
  llvm::SmallVector<int64_t> startsOf(int64_t rank) const;
  llvm::SmallVector<int64_t> wholeView() const;
  llvm::SmallVector<int64_t> localView() const;
  // One number for each dimension of the value.
  llvm::SmallVector<int64_t> joined(llvm::ArrayRef<int64_t> index, llvm::ArrayRef<int64_t> view, bool sizes) const;
  std::optional<Mismatch> compareRank(int64_t rank, const Tensor &shard, const Tensor &whole, double tolerance,
                                      double rms, double &worst) const;
  RankValue combinePartials(const RankValue &value) const;

  int64_t ranks;
  // The tensor with the elements of its sections block by block (see Parts), so that only blocks are split; or back.
  Tensor blockByBlock(Tensor tensor, bool back = false) const;
  // The index in the value of an element of blockByBlock.
  int64_t indexOf(int64_t blockwise, unsigned dim) const;

  // The dimensions of the value; one of several parts, each split, counts as two, and one of sections as blocks and the
  // elements of a block.
  llvm::SmallVector<Dim> dims;
  llvm::SmallVector<bool> isOuter; // a dimension of such a group, but for the last
  llvm::SmallVector<int64_t> shape;
  llvm::SmallVector<Parts> parts;
  std::optional<DeviceGroups> partial;
  ReduceKind reduce = ReduceKind::Sum;
};

} // namespace tp

#endif
