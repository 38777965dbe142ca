#include "tp/Sharding/Reshard.h"
#include "tp/Cost/Bytes.h"

using namespace mlir;
using namespace tp;

namespace {
// Walks from one sharding to another, keeping the present sharding and local type.
struct Walk {
  RankedTensorType global;
  Sharding now;
  const Sharding &to;
  MeshAttr mesh;
  SmallVector<ReshardStep> steps;

  int64_t size(unsigned dim) const { return global.getDimSize(dim); }

  // `longer` is `shorter` and further axes, and the shards of `longer` divide those of `shorter`, so that the further
  // axes alone make the change.
  bool extends(const Split &longer, const Split &shorter, unsigned dim) const {
    if (longer.axes.size() <= shorter.axes.size() ||
        !std::equal(shorter.axes.begin(), shorter.axes.end(), longer.axes.begin()))
      return false;
    if (shorter.axes.empty())
      return true;
    return longer.unit == 1 && longer.repeat == 1 && shorter.unit == 1 && shorter.repeat == 1 && longer.outer == 1 &&
           shorter.outer == 1 && size(dim) % mesh.sizeOf(longer.axes) == 0;
  }
  // The further axes, as a split of what `shorter` leaves.
  static Split rest(const Split &longer, const Split &shorter) {
    Split result = longer;
    result.closed = true;
    result.priority = 0;
    result.axes.erase(result.axes.begin(), result.axes.begin() + shorter.axes.size());
    return result;
  }
  int64_t sizeUnder(const Split &split, unsigned dim) const { return localSize(split, size(dim), mesh); }

  void push(ReshardStep step) {
    step.result = localType(global, now, mesh);
    steps.push_back(step);
  }

  // Partial sums: scattered where the target splits a dimension over exactly these axes, else reduced everywhere.
  void reducePartials() {
    Axes axes;
    for (StringAttr axis : now.partial)
      if (!llvm::is_contained(to.partial, axis))
        axes.push_back(axis);
    if (axes.empty())
      return;
    llvm::erase_if(now.partial, [&](StringAttr axis) { return llvm::is_contained(axes, axis); });
    for (unsigned dim = 0; dim < now.dims.size(); ++dim) {
      if (!extends(to.dims[dim], now.dims[dim], dim))
        continue;
      Split split = rest(to.dims[dim], now.dims[dim]);
      if (split.axes != axes || geometryOf(to.dims[dim], size(dim), mesh).overlaps())
        continue;
      int64_t whole = sizeUnder(now.dims[dim], dim);
      now.dims[dim] = to.dims[dim];
      return push(
          {.kind = ReshardStep::ReduceScatter, .dim = dim, .size = whole, .split = split, .reduce = now.reduce});
    }
    push({.kind = ReshardStep::AllReduce, .axes = axes, .reduce = now.reduce});
  }

  void slice(unsigned dim) {
    Split split = rest(to.dims[dim], now.dims[dim]);
    int64_t whole = sizeUnder(now.dims[dim], dim);
    now.dims[dim] = to.dims[dim];
    push({.kind = ReshardStep::AllSlice, .dim = dim, .size = whole, .split = split});
  }

  void gather(unsigned dim, const Split &target) {
    Split split = rest(now.dims[dim], target);
    int64_t whole = sizeUnder(target, dim);
    now.dims[dim] = target;
    push({.kind = ReshardStep::AllGather, .dim = dim, .size = whole, .split = split});
  }

  // An axis that leaves one dimension and enters another.
  bool exchange() {
    for (unsigned from = 0; from < now.dims.size(); ++from) {
      if (!extends(now.dims[from], to.dims[from], from))
        continue;
      Split moved = rest(now.dims[from], to.dims[from]);
      for (unsigned into = 0; into < now.dims.size(); ++into) {
        if (into == from || !extends(to.dims[into], now.dims[into], into))
          continue;
        Split target = rest(to.dims[into], now.dims[into]);
        if (target.axes != moved.axes || geometryOf(to.dims[into], size(into), mesh).overlaps() ||
            geometryOf(now.dims[from], size(from), mesh).overlaps())
          continue;
        int64_t fromSize = sizeUnder(to.dims[from], from), intoSize = sizeUnder(now.dims[into], into);
        now.dims[from] = to.dims[from];
        now.dims[into] = to.dims[into];
        push({.kind = ReshardStep::AllToAll,
              .dim = from,
              .size = fromSize,
              .split = moved,
              .toDim = into,
              .toSize = intoSize,
              .toSplit = target});
        return true;
      }
    }
    return false;
  }

  // Slices need their axes to be free in every dimension.
  bool canSlice(unsigned dim) const {
    if (!extends(to.dims[dim], now.dims[dim], dim))
      return false;
    Split split = rest(to.dims[dim], now.dims[dim]);
    return llvm::none_of(split.axes, [&](StringAttr axis) { return now.uses(axis); });
  }

  bool sliceOnce() {
    for (unsigned dim = 0; dim < now.dims.size(); ++dim)
      if (!sameLayout(now.dims[dim], to.dims[dim], size(dim), mesh) && canSlice(dim))
        return slice(dim), true;
    return false;
  }

  bool gatherOnce() {
    for (unsigned dim = 0; dim < now.dims.size(); ++dim) {
      if (sameLayout(now.dims[dim], to.dims[dim], size(dim), mesh) || now.dims[dim].axes.empty())
        continue;
      gather(dim, extends(now.dims[dim], to.dims[dim], dim) ? to.dims[dim] : Split());
      return true;
    }
    return false;
  }
};
} // namespace

SmallVector<ReshardStep> tp::planReshard(RankedTensorType globalType, const Sharding &from, const Sharding &to,
                                         MeshAttr mesh) {
  Walk walk{globalType, from, to, mesh, {}};
  walk.now.replicated.clear();
  walk.reducePartials();
  // Slices first (they cost nothing and shrink what follows), then exchanges, then gathers, which may free axes for
  // further slices.
  while (walk.sliceOnce() || walk.exchange() || walk.gatherOnce())
    ;
  return walk.steps;
}

static double bytesOf(RankedTensorType type) { return 1.0 * type.getNumElements() * type.getElementTypeBitWidth() / 8; }

double tp::stepBytes(const ReshardStep &step, RankedTensorType input, MeshAttr mesh) {
  switch (step.kind) {
  case ReshardStep::AllReduce:
    return allReduceBytes(mesh.sizeOf(step.axes), bytesOf(input));
  case ReshardStep::ReduceScatter:
    return allGatherBytes(mesh.sizeOf(step.split.axes), bytesOf(input));
  case ReshardStep::AllGather:
    return allGatherBytes(mesh.sizeOf(step.split.axes), bytesOf(step.result));
  case ReshardStep::AllToAll:
    return allToAllBytes(mesh.sizeOf(step.split.axes), bytesOf(input));
  case ReshardStep::AllSlice:
    return 0;
  }
  llvm_unreachable("all kinds are handled");
}

double tp::reshardBytes(RankedTensorType globalType, const Sharding &from, const Sharding &to, MeshAttr mesh) {
  RankedTensorType input = localType(globalType, from, mesh);
  double bytes = 0;
  for (const ReshardStep &step : planReshard(globalType, from, to, mesh)) {
    bytes += stepBytes(step, input, mesh);
    input = step.result;
  }
  return bytes;
}
