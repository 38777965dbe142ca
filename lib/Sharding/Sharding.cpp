#include "tp/Sharding/Sharding.h"

using namespace mlir;
using namespace tp;

Sharding Sharding::open(int64_t rank) {
  Sharding result;
  result.dims.resize(rank);
  return result;
}

Sharding Sharding::whole(int64_t rank) {
  Sharding result = open(rank);
  for (Split &split : result.dims)
    split.closed = true;
  return result;
}

Sharding Sharding::from(ShardingAttr attribute) {
  Sharding result;
  for (SplitAttr split : attribute.getDims())
    result.dims.push_back({Axes(split.getAxes()),
                           split.getClosed(),
                           split.getUnit(),
                           split.getRepeat(),
                           split.getPriority(),
                           {split.getOuter(), split.getSections().vec()}});
  result.replicated = Axes(attribute.getReplicated());
  result.partial = Axes(attribute.getPartial());
  result.reduce = attribute.getReduce();
  return result;
}

SplitAttr tp::toAttribute(const Split &split, MLIRContext *context) {
  return SplitAttr::get(context, split.axes, split.closed, split.unit, split.repeat, split.priority, split.parts.outer,
                        split.parts.sections);
}

ShardingAttr Sharding::toAttribute(FlatSymbolRefAttr mesh, MLIRContext *context) const {
  SmallVector<SplitAttr> splits;
  for (const Split &split : dims)
    splits.push_back(tp::toAttribute(split, context));
  return ShardingAttr::get(context, mesh, splits, replicated, partial, reduce);
}

bool Sharding::uses(StringAttr axis) const {
  return llvm::is_contained(replicated, axis) || llvm::is_contained(partial, axis) ||
         llvm::any_of(dims, [&](const Split &split) { return llvm::is_contained(split.axes, axis); });
}

Geometry tp::geometryOf(const Split &split, int64_t size, MeshAttr mesh) {
  return Geometry{size / split.parts.width(), mesh.sizeOf(split.axes), split.unit, split.repeat};
}

int64_t tp::localSize(const Split &split, int64_t size, MeshAttr mesh) {
  return split.parts.width() * geometryOf(split, size, mesh).local();
}

// The two lists of the same axes, in another order, put the same elements on every device. That is where most devices
// are idle.
static bool sameInAnotherOrder(const Split &a, const Split &b, int64_t size, MeshAttr mesh) {
  Geometry x = geometryOf(a, size, mesh), y = geometryOf(b, size, mesh);
  if (a.parts != b.parts || x.local() != y.local())
    return false;
  PartAt inB(a.axes, b.axes, mesh);
  for (int64_t p = 0; p < x.parts; ++p) {
    int64_t q = inB(p);
    if (x.valid(p) != y.valid(q) || (x.valid(p) > 0 && x.start(p) != y.start(q)))
      return false;
  }
  return true;
}

bool tp::sameLayout(const Split &a, const Split &b, int64_t size, MeshAttr mesh) {
  if (a.axes == b.axes)
    return a.axes.empty() || (a.parts == b.parts && geometryOf(a, size, mesh).sameAs(geometryOf(b, size, mesh)));
  return a.axes.size() > 1 && a.axes.size() == b.axes.size() &&
         std::is_permutation(a.axes.begin(), a.axes.end(), b.axes.begin()) && sameInAnotherOrder(a, b, size, mesh);
}

PartAt::PartAt(ArrayRef<StringAttr> group, ArrayRef<StringAttr> axes, MeshAttr mesh) {
  for (StringAttr axis : axes)
    digits.push_back({mesh.sizeOf(group.drop_front(llvm::find(group, axis) - group.begin() + 1)), *mesh.sizeOf(axis)});
}

bool tp::sameLayout(const Sharding &a, const Sharding &b, RankedTensorType type, MeshAttr mesh) {
  if (a.partial.size() != b.partial.size() ||
      !llvm::all_of(a.partial, [&](StringAttr x) { return llvm::is_contained(b.partial, x); }))
    return false;
  for (auto [i, size] : llvm::enumerate(type.getShape()))
    if (!sameLayout(a.dims[i], b.dims[i], size, mesh))
      return false;
  return true;
}

RankedTensorType tp::localType(RankedTensorType type, const Sharding &sharding, MeshAttr mesh) {
  SmallVector<int64_t> shape;
  for (auto [split, size] : llvm::zip(sharding.dims, type.getShape()))
    shape.push_back(localSize(split, size, mesh));
  return type.clone(shape);
}

void tp::canonicalise(Sharding &sharding, RankedTensorType type, MeshAttr mesh) {
  for (auto [split, size] : llvm::zip(sharding.dims, type.getShape())) {
    if (mesh.sizeOf(split.axes) == 1)
      split.parts = {};
    Geometry geometry = geometryOf(split, size, mesh).canonical();
    split.unit = geometry.unit;
    split.repeat = geometry.repeat;
  }
}

void tp::projectToFactors(const DimFactors &dim, const Split &split, const ShardingRule &rule, MeshAttr mesh,
                          function_ref<void(unsigned, Split)> assign) {
  if (dim.factors.empty())
    return;
  if (dim.factors.size() == 1) {
    Split factor = split;
    if (!dim.sections.empty()) {
      int64_t size = rule.factors[dim.factors[0]].size, one = dim.sections.size() == 1 ? dim.sections[0] : 1;
      if (split.parts != dim.splitParts() && split.parts.width() != 1)
        return;
      // Blocks that a split of the whole states without its sections are none of the sections', and ones that leave
      // devices idle are better cut.
      factor.unit = split.parts == dim.splitParts() && split.unit % one == 0 ? split.unit / one : 1;
      if (size / factor.unit < mesh.sizeOf(split.axes))
        factor.unit = 1;
      factor.repeat = 1;
      factor.parts = {};
    }
    // repeat g: each of the dimension's elements is g of the factor's. A split that states no repeat leaves the
    // factor's grain free.
    if (dim.repeat > 1 && split.repeat % dim.repeat == 0)
      factor.repeat = split.repeat / dim.repeat;
    else if (dim.repeat > 1)
      factor.unit = factor.repeat = 1;
    assign(dim.factors[0], factor);
    return;
  }
  // Factors of one element take no axes.
  int64_t inner = 1;
  for (unsigned factor : dim.factors)
    inner *= rule.factors[factor].size;
  ArrayRef<StringAttr> axes = split.axes;
  int64_t unit = split.unit, repeat = split.repeat;
  Parts parts = split.parts;
  bool first = true; // an inner factor's blocks must not cross the outer one's
  for (unsigned factor : dim.factors) {
    int64_t size = rule.factors[factor].size;
    inner = size ? inner / size : 0;
    // Factors that `outer` counts, or that must be whole, leave every axis to the next ones.
    if (first && size > 0 && parts.outer > 1 && parts.outer % size == 0) {
      parts.outer /= size;
      continue;
    }
    if (first && size > 1 && parts.width() == 1 && rule.factors[factor].kind == FactorKind::Whole)
      continue;
    if (size % parts.width() != 0)
      return;
    int64_t held = size / parts.width();
    // Blocks that hold all of the inner factors leave every axis to this one, be it a single block (one kv head for all
    // ranks).
    bool takesAll = unit > 1 && inner > 0 && unit % inner == 0;
    if (size == 1 && !takesAll)
      continue;
    Split part;
    part.closed = split.closed;
    part.priority = split.priority;
    part.parts = parts;
    int64_t devices = 1;
    while (!axes.empty() && (devices < held || takesAll)) {
      devices *= *mesh.sizeOf(axes.front());
      part.axes.push_back(axes.front());
      axes = axes.drop_front();
    }
    if (inner > 0 && unit % inner == 0) {
      part.unit = unit / inner;
      part.repeat = repeat;
    }
    if (held % part.unit != 0)
      return;
    if (!first && (size % (devices * part.unit) != 0 || part.repeat != 1))
      return;
    first = false;
    assign(factor, part);
    // Inner factors hold the rest only where this one is used up exactly.
    if (!isUsedUp(part, size, mesh))
      return;
    unit = repeat = 1;
    parts = {};
  }
}

bool tp::isUsedUp(const Split &split, int64_t size, MeshAttr mesh) {
  return split.parts.sections.empty() && mesh.sizeOf(split.axes) * split.parts.outer == size && split.unit == 1 &&
         split.repeat == 1;
}

Split tp::projectToDim(const DimFactors &dim, ArrayRef<Split> factors, const ShardingRule &rule, MeshAttr mesh) {
  Split result;
  if (dim.factors.empty())
    return result;
  if (dim.factors.size() == 1) {
    result = factors[dim.factors[0]];
    if (!dim.sections.empty()) {
      if (result.parts.width() != 1)
        return Split();
      result.parts = dim.splitParts();
      result.repeat = 1;
      if (dim.sections.size() == 1)
        result.unit *= dim.sections[0];
    }
    if (dim.repeat > 1) {
      // A block of the factor is some elements, or each element is read by some blocks; other blocks cannot be said.
      int64_t blocks = result.unit > 0 && dim.repeat % result.unit == 0 ? dim.repeat / result.unit : dim.repeat;
      if (result.repeat == 1 && result.unit % dim.repeat == 0) {
        result.unit /= dim.repeat;
      } else {
        result.repeat *= result.repeat == 1 ? blocks : dim.repeat;
        result.unit = 1;
      }
    }
    return result;
  }
  int64_t inner = 1;
  for (unsigned factor : dim.factors)
    inner *= rule.factors[factor].size;
  bool first = true;
  int64_t outer = 1;
  for (unsigned factor : dim.factors) {
    int64_t size = rule.factors[factor].size;
    inner = size ? inner / size : 0;
    const Split &part = factors[factor];
    if (part.axes.empty() && (first || size == 1)) {
      outer *= std::max<int64_t>(size, 1);
      continue;
    }
    if (first) {
      result = part;
      result.unit = part.unit * std::max<int64_t>(inner, 1);
      result.parts.outer *= outer;
    } else if (size % mesh.sizeOf(part.axes) != 0 || part.parts.width() != 1) {
      break;
    } else {
      result.axes.append(part.axes.begin(), part.axes.end());
      result.unit = result.repeat = 1;
    }
    first = false;
    if (!isUsedUp(part, size, mesh))
      break;
  }
  return result;
}

Sharding tp::projectToTensor(const TensorFactors &tensor, ArrayRef<Split> factors, const ShardingRule &rule,
                             MeshAttr mesh) {
  Sharding result;
  for (const DimFactors &dim : tensor)
    result.dims.push_back(projectToDim(dim, factors, rule, mesh));
  return result;
}
