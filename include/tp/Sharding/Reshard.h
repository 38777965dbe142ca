// From one sharding of a value to another: which collectives, in which order, and what they cost.
#ifndef TP_SHARDING_RESHARD_H
#define TP_SHARDING_RESHARD_H

#include "tp/Sharding/Sharding.h"

namespace tp {

struct ReshardStep {
  enum Kind { AllReduce, ReduceScatter, AllGather, AllSlice, AllToAll } kind;
  Axes axes = {};     // AllReduce
  unsigned dim = 0;   // the dimension gathered, sliced or scattered (AllToAll: gathered)
  int64_t size = 0;   // its elements when whole (within what stays split)
  Split split = {};   // how it is held before (gather) or after (slice, scatter)
  unsigned toDim = 0; // AllToAll: the dimension that becomes split
  int64_t toSize = 0;
  Split toSplit = {};
  ReduceKind reduce = ReduceKind::Sum;
  mlir::RankedTensorType result = {}; // local type after the step
};

// The steps from `from` to `to` (axes partial in `to` must be partial in `from`).
llvm::SmallVector<ReshardStep> planReshard(mlir::RankedTensorType globalType, const Sharding &from, const Sharding &to,
                                           MeshAttr mesh);

// Bytes that one device sends in a step on a local value of type `input` (ring model).
double stepBytes(const ReshardStep &step, mlir::RankedTensorType input, MeshAttr mesh);
double reshardBytes(mlir::RankedTensorType globalType, const Sharding &from, const Sharding &to, MeshAttr mesh);

} // namespace tp

#endif
