// This device's part of a dimension, at run time.
#ifndef TP_LIB_CONVERSION_SHARD_H
#define TP_LIB_CONVERSION_SHARD_H

#include "Kernels.h"

#include "tp/Sharding/Geometry.h"

namespace tp::cpu {

// A device's shard of a dimension, at run time.
struct Shard {
  Geometry geometry;
  Value part;

  Shard(KernelBuilder &b, mlir::Operation *op, mlir::FlatSymbolRefAttr mesh, int64_t size, SplitAttr split)
      : geometry{size, lookupMesh(op, mesh).sizeOf(split.getAxes()), split.getUnit(), split.getRepeat()},
        part(b.groupPosition(lookupMesh(op, mesh), split.getAxes())) {}
  Value start(KernelBuilder &b) const {
    return b.mul(b.div(b.mul(part, geometry.chunk()), geometry.repeat), geometry.unit);
  }
  Value virtualStart(KernelBuilder &b) const { return b.mul(part, geometry.chunk() * geometry.unit); }
  // Elements of the shard that lie within the dimension.
  Value valid(KernelBuilder &b) const {
    return b.max(b.min(b.sub(b.index(geometry.size), start(b)), b.index(geometry.local())), b.index(0));
  }
};

// The result as [outer, n, inner] around dimension `dim`.
inline SmallVector<int64_t> around(ArrayRef<int64_t> shape, int64_t dim) {
  SmallVector<int64_t> result = {1, shape[dim], 1};
  for (auto [i, size] : llvm::enumerate(shape))
    if (int64_t(i) != dim)
      result[int64_t(i) < dim ? 0 : 2] *= size;
  return result;
}

} // namespace tp::cpu

#endif
