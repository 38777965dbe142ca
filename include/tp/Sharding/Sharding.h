// Shardings as plain data, and what factor rules make of them. The passes compute with these; #tp.sharding is their
// form in the IR.
#ifndef TP_SHARDING_SHARDING_H
#define TP_SHARDING_SHARDING_H

#include "tp/Dialect/Tp.h"
#include "tp/Sharding/Geometry.h"

namespace tp {

using Axes = llvm::SmallVector<mlir::StringAttr, 2>;

// #tp.split as data.
struct Split {
  Axes axes;
  bool closed = false;
  int64_t unit = 1, repeat = 1, priority = 0;
  Parts parts = {};

  bool operator==(const Split &) const = default;
};

// #tp.sharding as data, without the mesh's name (a program has one mesh).
struct Sharding {
  llvm::SmallVector<Split, 3> dims;
  Axes replicated, partial;
  ReduceKind reduce = ReduceKind::Sum;

  // All dimensions open and not split.
  static Sharding open(int64_t rank);
  // All dimensions closed and not split.
  static Sharding whole(int64_t rank);
  static Sharding from(ShardingAttr attribute);
  ShardingAttr toAttribute(mlir::FlatSymbolRefAttr mesh, mlir::MLIRContext *context) const;
  bool uses(mlir::StringAttr axis) const;
};

SplitAttr toAttribute(const Split &split, mlir::MLIRContext *context);
// Of a dimension of `size` elements: in one of its parts, and there in as many elements as a section of size 1 has; a
// section of size w has w for each.
Geometry geometryOf(const Split &split, int64_t size, MeshAttr mesh);
// Elements of a dimension that one device holds.
int64_t localSize(const Split &split, int64_t size, MeshAttr mesh);
// The coordinate on `axes`, all of `group`, of the device at a position in the group (row-major in the order given).
class PartAt {
public:
  PartAt(mlir::ArrayRef<mlir::StringAttr> group, mlir::ArrayRef<mlir::StringAttr> axes, MeshAttr mesh);
  int64_t operator()(int64_t position) const {
    int64_t result = 0;
    for (auto [stride, size] : digits)
      result = result * size + position / stride % size;
    return result;
  }

private:
  llvm::SmallVector<std::pair<int64_t, int64_t>, 2> digits; // stride and size of each axis
};
// Both splits put the same elements on the same devices.
bool sameLayout(const Split &a, const Split &b, int64_t size, MeshAttr mesh);
bool sameLayout(const Sharding &a, const Sharding &b, mlir::RankedTensorType type, MeshAttr mesh);
// The type of one device's part.
mlir::RankedTensorType localType(mlir::RankedTensorType type, const Sharding &sharding, MeshAttr mesh);
// Fewest units and repeats that say the same.
void canonicalise(Sharding &sharding, mlir::RankedTensorType type, MeshAttr mesh);

// How one factor is split; a Split in the factor's own elements.
using FactorSplits = llvm::SmallVector<Split, 4>;

// The axes that dimension `dim` (with `size` elements, split by `split`) puts on each of its factors. Axes go to the
// outermost factor (that `outer` does not count and that need not be whole) until it is used up. A factor gets nothing
// where the split cannot be said in its elements.
void projectToFactors(const DimFactors &dim, const Split &split, const ShardingRule &rule, MeshAttr mesh,
                      llvm::function_ref<void(unsigned factor, Split split)> assign);
// Every device has one element of each outer part of a factor: behind it, an inner factor can be split. (Not within
// sections, where some devices would have several.)
bool isUsedUp(const Split &split, int64_t size, MeshAttr mesh);
// The split of a dimension whose factors are split like this: whole factors before the first that is split are its
// `outer`; further ones are dropped where a block split cannot say them.
Split projectToDim(const DimFactors &dim, llvm::ArrayRef<Split> factors, const ShardingRule &rule, MeshAttr mesh);
Sharding projectToTensor(const TensorFactors &tensor, llvm::ArrayRef<Split> factors, const ShardingRule &rule,
                         MeshAttr mesh);

} // namespace tp

#endif
