// What one collective can make of a value's sharding. The greedy walk and the search are made of these.
#ifndef TP_LIB_SHARDING_RESHARDMOVES_H
#define TP_LIB_SHARDING_RESHARDMOVES_H

#include "tp/Sharding/Reshard.h"

namespace tp {

// Bytes per device, times the number of devices and counted in bits, so that sums are exact; then collectives.
struct ReshardCost {
  double bytes = 0;
  int64_t steps = 0;
  auto operator<=>(const ReshardCost &) const = default;
};

class Moves {
public:
  Moves(mlir::RankedTensorType type, MeshAttr mesh) : type(type), mesh(mesh), devices(mesh.devices()) {}

  // Of one of the outer parts.
  Geometry geometry(const Split &split, unsigned dim) const { return geometryOf(split, type.getDimSize(dim), mesh); }
  // Elements of a shard.
  int64_t local(const Split &split, unsigned dim) const { return localSize(split, type.getDimSize(dim), mesh); }
  // The axes of `longer` that `shorter` has not, as a split of one shard of `shorter`; none where the shards of
  // `longer` are not such pieces.
  // With an `order`, the axes are those, in this order.
  std::optional<Split> rest(const Split &shorter, const Split &longer, unsigned dim,
                            mlir::ArrayRef<mlir::StringAttr> order = {}) const;

  // A step between a shard of `shorter` and its pieces under `rest`.
  ReshardStep step(ReshardStep::Kind kind, const Split &shorter, const Split &rest, unsigned dim) const;
  ReshardStep allToAll(const Split &from, const Split &fromRest, unsigned dim, const Split &to, const Split &toRest,
                       unsigned toDim) const;
  // Devices exchange their whole values, so that `from` becomes `to`; none where no permutation does that.
  std::optional<ReshardStep> permute(const Sharding &from, const Sharding &to) const;

  // Cost of a collective of `group` devices that hold `before` elements each, and `after` behind it.
  ReshardCost cost(ReshardStep::Kind kind, int64_t group, double before, double after) const;
  // Elements of one device.
  double elements(const Sharding &sharding) const;

  const mlir::RankedTensorType type;
  const MeshAttr mesh;

private:
  bool nests(const Split &shorter, const Split &rest, const Split &longer, unsigned dim) const;
  std::vector<int64_t> starts(mlir::ArrayRef<mlir::StringAttr> group, const Sharding &sharding,
                              mlir::ArrayRef<unsigned> dims) const;
  int64_t devices;
};

// The best chain that is cheaper than `limit`, as long as the search stays within its bounds; empty where there is
// none. `from` and `to` have no axes of one device.
std::vector<ReshardStep> searchReshard(const Moves &moves, const Sharding &from, const Sharding &to, ReshardCost limit);

} // namespace tp

#endif
