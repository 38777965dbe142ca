#include "ReshardMoves.h"
#include "tp/Cost/Bytes.h"

using namespace mlir;
using namespace tp;

namespace {
// Walks from one sharding to another by what is best next. Where that is one collective that sends as little as any
// chain must, it is the answer; else it bounds the search.
struct Walk {
  const Moves &moves;
  Sharding now;
  const Sharding &to;
  std::vector<ReshardStep> steps = {};
  ReshardCost cost = {};

  bool same(unsigned dim) const {
    return sameLayout(now.dims[dim], to.dims[dim], moves.type.getDimSize(dim), moves.mesh);
  }

  void push(ReshardStep step, int64_t group, const Sharding &next) {
    ReshardCost sent = moves.cost(step.kind, group, moves.elements(now), moves.elements(next));
    cost.bytes += sent.bytes;
    cost.steps += sent.steps;
    now = next;
    step.result = localType(moves.type, now, moves.mesh);
    step.reduce = now.reduce;
    steps.push_back(std::move(step));
  }

  // Axes that are to be reduced.
  Axes sums() const {
    Axes axes;
    for (StringAttr axis : now.partial)
      if (!llvm::is_contained(to.partial, axis))
        axes.push_back(axis);
    return axes;
  }

  // One dimension becomes as the target has it: sliced, or scattered where its axes are summed over.
  bool split(ReshardStep::Kind kind) {
    Axes summed = sums();
    for (unsigned dim = 0; dim < now.dims.size(); ++dim) {
      std::optional<Split> rest = same(dim) ? std::nullopt : moves.rest(now.dims[dim], to.dims[dim], dim);
      bool scatters = kind == ReshardStep::ReduceScatter;
      if (!rest || (scatters && moves.geometry(to.dims[dim], dim).overlaps()))
        continue;
      if (!llvm::all_of(rest->axes,
                        [&](StringAttr axis) { return scatters ? llvm::is_contained(summed, axis) : !now.uses(axis); }))
        continue;
      Sharding next = now;
      llvm::erase_if(next.partial, [&](StringAttr axis) { return llvm::is_contained(rest->axes, axis); });
      next.dims[dim] = to.dims[dim];
      push(moves.step(kind, now.dims[dim], *rest, dim), moves.mesh.sizeOf(rest->axes), next);
      return true;
    }
    return false;
  }

  bool reduce() {
    ReshardStep step{.kind = ReshardStep::AllReduce, .axes = sums()};
    if (step.axes.empty())
      return false;
    Sharding next = now;
    next.partial = to.partial;
    push(step, moves.mesh.sizeOf(step.axes), next);
    return true;
  }

  // An axis that leaves one dimension and enters another.
  bool exchange() {
    for (unsigned from = 0; from < now.dims.size(); ++from)
      for (unsigned into = 0; into < now.dims.size(); ++into) {
        if (from == into || same(from) || same(into))
          continue;
        std::optional<Split> left = moves.rest(to.dims[from], now.dims[from], from),
                             entered = moves.rest(now.dims[into], to.dims[into], into);
        if (!left || !entered || left->axes != entered->axes || moves.geometry(now.dims[from], from).overlaps() ||
            moves.geometry(to.dims[into], into).overlaps())
          continue;
        Sharding next = now;
        next.dims[from] = to.dims[from];
        next.dims[into] = to.dims[into];
        push(moves.allToAll(to.dims[from], *left, from, now.dims[into], *entered, into), moves.mesh.sizeOf(left->axes),
             next);
        return true;
      }
    return false;
  }

  bool gather() {
    for (unsigned dim = 0; dim < now.dims.size(); ++dim) {
      if (same(dim) || now.dims[dim].axes.empty())
        continue;
      Split target = moves.rest(to.dims[dim], now.dims[dim], dim) ? to.dims[dim] : Split{.axes = {}, .closed = true};
      Split rest = *moves.rest(target, now.dims[dim], dim);
      Sharding next = now;
      next.dims[dim] = target;
      push(moves.step(ReshardStep::AllGather, target, rest, dim), moves.mesh.sizeOf(rest.axes), next);
      return true;
    }
    return false;
  }

  // Slices first (they cost nothing and shrink what follows), gathers last; those may free axes for further slices.
  void run() {
    while (split(ReshardStep::AllSlice) || split(ReshardStep::ReduceScatter) || reduce() || exchange() || gather())
      ;
  }
};

// What any chain must send, as a ReshardCost counts it: on average over the devices, the elements that a device needs
// and does not have; for a sum of p parts, p - 1 parts that are added up and one message to each further holder.
// Dimensions that are split alike in both shardings count as whole ones.
struct Bound {
  const Moves &moves;
  const Sharding &from, &to;
  SmallVector<unsigned> moved = {}; // dimensions that change
  Axes axes = {};                   // that change their place
  double alike = 1;                 // elements of the other dimensions

  void collect() {
    auto add = [&](ArrayRef<StringAttr> list) {
      for (StringAttr axis : list)
        if (!llvm::is_contained(axes, axis))
          axes.push_back(axis);
    };
    for (unsigned dim = 0; dim < from.dims.size(); ++dim) {
      if (sameLayout(from.dims[dim], to.dims[dim], moves.type.getDimSize(dim), moves.mesh)) {
        alike *= moves.local(from.dims[dim], dim);
        continue;
      }
      moved.push_back(dim);
      add(from.dims[dim].axes);
      add(to.dims[dim].axes);
    }
    add(from.partial);
  }

  // The elements of a dimension that the device at a position has before and after, and those it has both times.
  struct Held {
    double before, after, both;
  };
  Held held(unsigned dim, int64_t position) const {
    auto window = [&](const Split &split) {
      int64_t part = 0, rest = position;
      SmallVector<int64_t, 4> coordinates;
      for (StringAttr axis : axes) {
        coordinates.push_back(rest % *moves.mesh.sizeOf(axis));
        rest /= *moves.mesh.sizeOf(axis);
      }
      for (StringAttr axis : split.axes)
        part = part * *moves.mesh.sizeOf(axis) + coordinates[llvm::find(axes, axis) - axes.begin()];
      Geometry geometry = moves.geometry(split, dim);
      return std::pair(geometry.start(part), geometry.start(part) + geometry.valid(part));
    };
    const Split &x = from.dims[dim], &y = to.dims[dim];
    auto [a, b] = window(x);
    auto [c, d] = window(y);
    double before = x.parts.width() * (b - a), after = y.parts.width() * (d - c), both = std::min(before, after);
    if (x.parts == y.parts)
      both = x.parts.width() * std::max<int64_t>(0, std::min(b, d) - std::max(a, c));
    return {before, after, both};
  }

  double bytes() {
    collect();
    int64_t n = moves.mesh.sizeOf(axes), parts = moves.mesh.sizeOf(from.partial) / moves.mesh.sizeOf(to.partial);
    double after = 0, both = 0, whole = alike;
    for (int64_t position = 0; position < n; ++position) {
      Held device{1, alike, alike};
      for (unsigned dim : moved) {
        Held in = held(dim, position);
        device.after *= in.after;
        device.both *= in.both;
      }
      after += device.after;
      both += device.both;
    }
    for (unsigned dim : moved)
      whole *= moves.type.getDimSize(dim);
    double elements = parts > 1 ? after + whole * moves.mesh.sizeOf(to.partial) * (parts - 2) : after - both;
    int64_t replicas = moves.mesh.devices() / n;
    return elements * elementBits(moves.type) * replicas;
  }
};

// Axes of one device split nothing.
Sharding withoutIdleAxes(Sharding sharding, MeshAttr mesh) {
  auto drop = [&](Axes &axes) { llvm::erase_if(axes, [&](StringAttr axis) { return mesh.sizeOf(axis) == 1; }); };
  for (Split &split : sharding.dims)
    drop(split.axes);
  drop(sharding.partial);
  sharding.replicated.clear();
  return sharding;
}
} // namespace

std::vector<ReshardStep> tp::planReshard(RankedTensorType globalType, const Sharding &from, const Sharding &to,
                                         MeshAttr mesh) {
  if (sameLayout(from, to, globalType, mesh))
    return {};
  Sharding start = withoutIdleAxes(from, mesh), end = withoutIdleAxes(to, mesh);
  Moves moves(globalType, mesh);
  Walk walk{moves, start, end};
  walk.run();
  if (walk.steps.size() > 1 || (walk.cost.bytes > 0 && walk.cost.bytes > Bound{moves, start, end}.bytes()))
    if (auto better = searchReshard(moves, start, end, walk.cost); !better.empty())
      walk.steps = std::move(better);
  return walk.steps;
}

int64_t tp::elementBits(RankedTensorType type) {
  auto complex = dyn_cast<ComplexType>(type.getElementType());
  Type element = complex ? complex.getElementType() : type.getElementType();
  return (complex ? 2 : 1) * (element.isIntOrFloat() ? element.getIntOrFloatBitWidth() : 64);
}

static double bytesOf(RankedTensorType type) { return 1.0 * type.getNumElements() * elementBits(type) / 8; }

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
  case ReshardStep::Permute:
    return bytesOf(input);
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
