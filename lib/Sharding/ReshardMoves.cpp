#include "ReshardMoves.h"

using namespace mlir;
using namespace tp;

// On every device, in each outer part, its piece under `rest` of its shard under `shorter` is its shard under `longer`,
// zeros behind the dimension's end included.
bool Moves::nests(const Split &shorter, const Split &rest, const Split &longer, unsigned dim) const {
  Geometry outer = geometry(shorter, dim), whole = geometry(longer, dim),
           inner = geometryOf(rest, local(shorter, dim), mesh);
  if (inner.size % inner.unit != 0 || inner.local() != whole.local())
    return false;
  Axes ordered = shorter.axes;
  ordered.append(rest.axes);
  if (ordered == longer.axes && !outer.overlaps() && !whole.overlaps() && outer.local() == inner.parts * whole.local())
    return true;
  PartAt inShorter(longer.axes, shorter.axes, mesh), inRest(longer.axes, rest.axes, mesh);
  for (int64_t p = 0; p < whole.parts; ++p) {
    int64_t i = inShorter(p), j = inRest(p);
    int64_t valid = std::clamp<int64_t>(outer.valid(i) - inner.start(j), 0, inner.valid(j));
    if (valid != whole.valid(p) || (valid > 0 && outer.start(i) + inner.start(j) != whole.start(p)))
      return false;
  }
  return true;
}

std::optional<Split> Moves::rest(const Split &shorter, const Split &longer, unsigned dim,
                                 ArrayRef<StringAttr> order) const {
  Split rest{{}, true, longer.unit, longer.repeat, 0};
  for (StringAttr axis : longer.axes)
    if (!llvm::is_contained(shorter.axes, axis))
      rest.axes.push_back(axis);
  rest.parts = longer.parts;
  if (rest.axes.empty() || rest.axes.size() + shorter.axes.size() != longer.axes.size())
    return std::nullopt;
  if (!order.empty() && ArrayRef(rest.axes) != order) {
    if (order.size() != rest.axes.size() ||
        !llvm::all_of(order, [&](StringAttr axis) { return llvm::is_contained(rest.axes, axis); }))
      return std::nullopt;
    rest.axes = Axes(order);
  } else if (shorter.axes.empty()) {
    return rest;
  }
  Split base = shorter;
  if (shorter.axes.empty())
    base.parts = longer.parts;
  else if (shorter.parts != longer.parts)
    return std::nullopt;
  // Plain blocks, as the whole dimension is cut, or all that there is on the first devices.
  int64_t all = geometry(longer, dim).local();
  for (auto [unit, repeat] : {std::pair<int64_t, int64_t>(1, 1), {longer.unit, longer.repeat}, {all, 1}}) {
    rest.unit = std::max<int64_t>(unit, 1);
    rest.repeat = repeat;
    if (nests(base, rest, longer, dim))
      return rest;
  }
  return std::nullopt;
}

ReshardStep Moves::step(ReshardStep::Kind kind, const Split &shorter, const Split &rest, unsigned dim) const {
  return {.kind = kind, .dim = dim, .size = local(shorter, dim), .split = rest};
}

ReshardStep Moves::allToAll(const Split &from, const Split &fromRest, unsigned dim, const Split &to,
                            const Split &toRest, unsigned toDim) const {
  ReshardStep result = step(ReshardStep::AllToAll, from, fromRest, dim);
  result.toDim = toDim;
  result.toSize = local(to, toDim);
  result.toSplit = toRest;
  return result;
}

// Where the shard of each device of `group` begins in `dims`, as one number; -1 for a device that holds padding alone.
std::vector<int64_t> Moves::starts(ArrayRef<StringAttr> group, const Sharding &sharding,
                                   ArrayRef<unsigned> dims) const {
  std::vector<int64_t> result(mesh.sizeOf(group), 0);
  for (unsigned dim : dims) {
    Geometry held = geometry(sharding.dims[dim], dim);
    PartAt part(group, sharding.dims[dim].axes, mesh);
    for (auto [p, number] : llvm::enumerate(result)) {
      int64_t start = held.start(part(p));
      number = number < 0 || start >= held.size ? -1 : number * held.size + start;
    }
  }
  return result;
}

std::optional<ReshardStep> Moves::permute(const Sharding &from, const Sharding &to) const {
  Axes group;
  SmallVector<unsigned> dims;
  for (unsigned dim = 0; dim < from.dims.size(); ++dim) {
    if (sameLayout(from.dims[dim], to.dims[dim], type.getDimSize(dim), mesh))
      continue;
    if (from.dims[dim].parts != to.dims[dim].parts || local(from.dims[dim], dim) != local(to.dims[dim], dim))
      return std::nullopt;
    dims.push_back(dim);
    for (const Axes *axes : {&from.dims[dim].axes, &to.dims[dim].axes})
      for (StringAttr axis : *axes)
        if (!llvm::is_contained(group, axis))
          group.push_back(axis);
  }
  llvm::sort(group,
             [&](StringAttr a, StringAttr b) { return llvm::find(mesh.getAxes(), a) < llvm::find(mesh.getAxes(), b); });
  std::vector<int64_t> held = starts(group, from, dims), needed = starts(group, to, dims);
  ReshardStep step{.kind = ReshardStep::Permute, .axes = group};
  step.sources.assign(held.size(), -1);
  // A device that has what it needs keeps it; the others are served in order.
  std::vector<std::pair<int64_t, int64_t>> holders, needers; // a start, and the device
  for (int64_t p = 0; p < static_cast<int64_t>(held.size()); ++p) {
    if (held[p] == needed[p] && held[p] >= 0) {
      step.sources[p] = p;
      continue;
    }
    holders.push_back({held[p], p});
    if (needed[p] >= 0)
      needers.push_back({needed[p], p});
  }
  llvm::sort(holders);
  llvm::sort(needers);
  auto holder = holders.begin();
  for (auto [start, p] : needers) {
    while (holder != holders.end() && holder->first < start)
      ++holder;
    if (holder == holders.end() || holder->first != start)
      return std::nullopt;
    step.sources[p] = (holder++)->second;
  }
  return step;
}

ReshardCost Moves::cost(ReshardStep::Kind kind, int64_t group, double before, double after) const {
  // Of a value of `n` elements, (group - 1) / group * n: times all devices.
  int64_t groups = devices / group;
  double bits = elementBits(type), ring = bits * (group - 1) * groups;
  switch (kind) {
  case ReshardStep::AllReduce:
    return {2 * ring * before, 1};
  case ReshardStep::AllGather:
    return {ring * after, 1};
  case ReshardStep::ReduceScatter:
  case ReshardStep::AllToAll:
    return {ring * before, 1};
  case ReshardStep::AllSlice:
    return {0, 1};
  case ReshardStep::Permute:
    return {bits * devices * before, 1};
  }
  llvm_unreachable("all kinds are handled");
}

double Moves::elements(const Sharding &sharding) const {
  double result = 1;
  for (unsigned dim = 0; dim < sharding.dims.size(); ++dim)
    result *= local(sharding.dims[dim], dim);
  return result;
}
