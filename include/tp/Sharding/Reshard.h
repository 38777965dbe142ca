// From one sharding of a value to another: which collectives, in which order, and what they cost.
//
// The chain sends the fewest bytes per device in the ring model (include/tp/Cost/Bytes.h); among those it has the
// fewest collectives. Two things are not changed on the way: a dimension that is split alike in both shardings stays
// split so (it may be split further for a while), and axes that neither sharding uses stay unused, so that replicas
// stay replicas.
#ifndef TP_SHARDING_RESHARD_H
#define TP_SHARDING_RESHARD_H

#include "tp/Sharding/Sharding.h"

namespace tp {

struct ReshardStep {
  enum Kind { AllReduce, ReduceScatter, AllGather, AllSlice, AllToAll, Permute } kind;
  Axes axes = {};     // AllReduce, Permute
  unsigned dim = 0;   // the dimension gathered, sliced or scattered (AllToAll: gathered)
  int64_t size = 0;   // its elements when whole (within what stays split)
  Split split = {};   // how it is held before (gather) or after (slice, scatter)
  unsigned toDim = 0; // AllToAll: the dimension that becomes split
  int64_t toSize = 0;
  Split toSplit = {};
  std::vector<int64_t> sources = {}; // Permute: whose value each position of the group receives; -1: nobody's
  ReduceKind reduce = ReduceKind::Sum;
  mlir::RankedTensorType result = {}; // local type after the step
};

// The steps from `from` to `to` (axes partial in `to` must be partial in `from`).
std::vector<ReshardStep> planReshard(mlir::RankedTensorType globalType, const Sharding &from, const Sharding &to,
                                     MeshAttr mesh);

// Bits of one element.
int64_t elementBits(mlir::RankedTensorType type);
// Bytes that one device sends in a step on a local value of type `input` (ring model).
double stepBytes(const ReshardStep &step, mlir::RankedTensorType input, MeshAttr mesh);
double reshardBytes(mlir::RankedTensorType globalType, const Sharding &from, const Sharding &to, MeshAttr mesh);

} // namespace tp

#endif
