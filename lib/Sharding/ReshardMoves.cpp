#include "ReshardMoves.h"

#include <map>

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
  for (int64_t p = 0; p < whole.parts; ++p) {
    int64_t i = partAt(p, longer.axes, shorter.axes, mesh), j = partAt(p, longer.axes, rest.axes, mesh);
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
  rest.outer = longer.outer;
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
    base.outer = longer.outer;
  else if (shorter.outer != longer.outer)
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

// The first element that the device at a position in `group` holds in each dimension; empty if it holds padding alone.
std::vector<int64_t> Moves::startsAt(int64_t position, ArrayRef<StringAttr> group, const Sharding &sharding,
                                     ArrayRef<unsigned> dims) const {
  std::vector<int64_t> result;
  for (unsigned dim : dims) {
    Geometry held = geometry(sharding.dims[dim], dim);
    result.push_back(held.start(partAt(position, group, sharding.dims[dim].axes, mesh)));
    if (result.back() >= held.size)
      return {};
  }
  return result;
}

std::optional<ReshardStep> Moves::permute(const Sharding &from, const Sharding &to) const {
  Axes group;
  SmallVector<unsigned> dims;
  for (unsigned dim = 0; dim < from.dims.size(); ++dim) {
    if (sameLayout(from.dims[dim], to.dims[dim], type.getDimSize(dim), mesh))
      continue;
    if (from.dims[dim].outer != to.dims[dim].outer || local(from.dims[dim], dim) != local(to.dims[dim], dim))
      return std::nullopt;
    dims.push_back(dim);
    for (const Axes *axes : {&from.dims[dim].axes, &to.dims[dim].axes})
      for (StringAttr axis : *axes)
        if (!llvm::is_contained(group, axis))
          group.push_back(axis);
  }
  llvm::sort(group,
             [&](StringAttr a, StringAttr b) { return llvm::find(mesh.getAxes(), a) < llvm::find(mesh.getAxes(), b); });
  std::map<std::vector<int64_t>, SmallVector<int64_t>> holders; // who has it and has not sent it
  int64_t n = mesh.sizeOf(group);
  for (int64_t p = 0; p < n; ++p)
    holders[startsAt(p, group, from, dims)].push_back(p);
  ReshardStep step{.kind = ReshardStep::Permute, .axes = group};
  step.sources.assign(n, -1);
  // A device that has what it needs keeps it.
  for (bool keeping : {true, false})
    for (int64_t p = 0; p < n; ++p) {
      std::vector<int64_t> needed = startsAt(p, group, to, dims);
      if (needed.empty() || step.sources[p] >= 0)
        continue;
      SmallVector<int64_t> &from = holders[needed];
      auto source = keeping ? llvm::find(from, p) : from.begin();
      if (source != from.end())
        step.sources[p] = *source, from.erase(source);
      else if (!keeping)
        return std::nullopt;
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
