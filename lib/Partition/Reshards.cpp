// Reshard steps as ops. A dimension of several outer parts is two while it is resharded; sections are resharded one by
// one.
#include "LocalOps.h"

using namespace mlir;
using namespace tp;

// `value` with dimension `dim` as `outer` parts of their own, or back in one.
static Value expandParts(OpBuilder &b, Location loc, Value value, unsigned dim, int64_t outer) {
  if (outer == 1)
    return value;
  auto type = cast<RankedTensorType>(value.getType());
  SmallVector<int64_t> shape(type.getShape());
  SmallVector<ReassociationIndices> groups;
  for (unsigned i = 0; i < shape.size(); ++i)
    groups.push_back(i < dim    ? ReassociationIndices{i}
                     : i == dim ? ReassociationIndices{i, i + 1}
                                : ReassociationIndices{i + 1});
  shape[dim] /= outer;
  shape.insert(shape.begin() + dim, outer);
  return tensor::ExpandShapeOp::create(b, loc, type.clone(shape), value, groups);
}
static Value collapseParts(OpBuilder &b, Location loc, Value value, unsigned dim, int64_t outer) {
  if (outer == 1)
    return value;
  SmallVector<ReassociationIndices> groups;
  for (unsigned i = 0; i + 1 < cast<RankedTensorType>(value.getType()).getRank(); ++i)
    groups.push_back(i < dim    ? ReassociationIndices{i}
                     : i == dim ? ReassociationIndices{i, i + 1}
                                : ReassociationIndices{i + 1});
  return tensor::CollapseShapeOp::create(b, loc, value, groups);
}

// A split of one section, `width` times as large as the smallest could be, of one of the outer parts.
static SplitAttr innerSplit(Split split, int64_t width, MLIRContext *context) {
  split.parts = {};
  split.unit *= width;
  return toAttribute(split, context);
}

// `emit` of each section of a dimension and its relative size; what it makes of them is joined again.
static Value forSections(OpBuilder &b, Location loc, Value value, unsigned dim, const Parts &parts,
                         function_ref<Value(Value, int64_t)> emit) {
  if (parts.sections.empty())
    return emit(value, 1);
  auto type = cast<RankedTensorType>(value.getType());
  SmallVector<OpFoldResult> offsets(type.getRank(), b.getIndexAttr(0)), strides(type.getRank(), b.getIndexAttr(1)),
      sizes = tensor::getMixedSizes(b, loc, value);
  int64_t at = 0, block = type.getDimSize(dim) / parts.sectionsWidth();
  SmallVector<Value> results;
  for (int64_t width : parts.sections) {
    offsets[dim] = b.getIndexAttr(at);
    sizes[dim] = b.getIndexAttr(width * block);
    results.push_back(emit(tensor::ExtractSliceOp::create(b, loc, value, offsets, sizes, strides), width));
    at += width * block;
  }
  return tensor::ConcatOp::create(b, loc, dim, results);
}

namespace {
// A step on a value whose dimensions with outer parts are expanded, so that `dim` and `toDim` are its dimensions.
struct StepBuilder {
  LocalContext &context;
  Location loc;
  const ReshardStep &step;
  unsigned dim, toDim;
  StringAttr why;

  // The collective on one section of each dimension, which are `width` and `toWidth` times the smallest.
  Value collective(Value value, int64_t width, int64_t toWidth) {
    OpBuilder &b = context.builder;
    int64_t whole = step.size / step.split.parts.width() * width;
    int64_t part = geometryOf(step.split, step.size, context.mesh).local() * width;
    IntegerAttr dimAttr = b.getI64IntegerAttr(dim), size = b.getI64IntegerAttr(whole);
    SplitAttr split = innerSplit(step.split, width, b.getContext());
    auto reduce = ReduceKindAttr::get(b.getContext(), step.reduce);
    ArrayAttr axes = b.getArrayAttr(SmallVector<Attribute>(step.axes.begin(), step.axes.end()));
    auto input = cast<RankedTensorType>(value.getType());
    auto resized = [&](int64_t elements) {
      SmallVector<int64_t> shape(input.getShape());
      shape[dim] = elements;
      return input.clone(shape);
    };
    switch (step.kind) {
    case ReshardStep::AllReduce:
      return AllReduceOp::create(b, loc, input, reduce, value, axes, context.meshName, why);
    case ReshardStep::Permute:
      return PermuteOp::create(b, loc, input, value, axes, b.getDenseI64ArrayAttr(step.sources), context.meshName, why);
    case ReshardStep::ReduceScatter:
      return ReduceScatterOp::create(b, loc, resized(part), reduce, value, dimAttr, size, split, context.meshName, why);
    case ReshardStep::AllGather:
      return AllGatherOp::create(b, loc, resized(whole), value, dimAttr, size, split, context.meshName, why);
    case ReshardStep::AllSlice:
      return AllSliceOp::create(b, loc, resized(part), value, dimAttr, size, split, context.meshName, why);
    case ReshardStep::AllToAll: {
      SmallVector<int64_t> shape(resized(whole).getShape());
      shape[toDim] = geometryOf(step.toSplit, step.toSize, context.mesh).local() * toWidth;
      return AllToAllOp::create(b, loc, input.clone(shape), value, dimAttr, size, split, b.getI64IntegerAttr(toDim),
                                b.getI64IntegerAttr(step.toSize / step.toSplit.parts.width() * toWidth),
                                innerSplit(step.toSplit, toWidth, b.getContext()), context.meshName, why);
    }
    }
    llvm_unreachable("all kinds are handled");
  }

  Value build(Value value) {
    OpBuilder &b = context.builder;
    return forSections(b, loc, value, dim, step.split.parts, [&](Value part, int64_t width) {
      return forSections(b, loc, part, toDim, step.toSplit.parts,
                         [&](Value both, int64_t toWidth) { return collective(both, width, toWidth); });
    });
  }
};
} // namespace

static Value emitStep(LocalContext &context, Location loc, Value value, const ReshardStep &step, StringAttr why) {
  OpBuilder &b = context.builder;
  unsigned dim = step.dim, toDim = step.toDim;
  int64_t outer = step.split.parts.outer, toOuter = step.toSplit.parts.outer;
  // The later dimension first, so that the earlier one keeps its number; back, the earlier one gives it its number.
  bool exchange = step.kind == ReshardStep::AllToAll;
  if (exchange && dim < toDim)
    value = expandParts(b, loc, value, toDim, toOuter);
  value = expandParts(b, loc, value, dim, outer);
  if (exchange && toDim < dim)
    value = expandParts(b, loc, value, toDim, toOuter);
  unsigned shift = outer > 1, toShift = toOuter > 1;
  value = StepBuilder{context,
                      loc,
                      step,
                      dim + shift + (exchange && toDim < dim ? toShift : 0),
                      toDim + toShift + (dim < toDim ? shift : 0),
                      why}
              .build(value);
  if (exchange && toDim < dim)
    value = collapseParts(b, loc, value, toDim, toOuter);
  value = collapseParts(b, loc, value, dim, outer);
  if (exchange && dim < toDim)
    value = collapseParts(b, loc, value, toDim, toOuter);
  return value;
}

Value tp::emitReshard(LocalContext &context, Location loc, Value value, ArrayRef<ReshardStep> steps, StringRef origin) {
  StringAttr why = context.builder.getStringAttr(origin);
  for (const ReshardStep &step : steps)
    // Nobody needs anything of a tensor without elements (nor can it be sliced).
    value = step.result.getNumElements() == 0
                ? tensor::EmptyOp::create(context.builder, loc, step.result.getShape(), step.result.getElementType())
                : emitStep(context, loc, value, step, why);
  return value;
}

Value tp::emitMask(LocalContext &context, Location loc, Value value, unsigned dim, int64_t size, const Split &split) {
  OpBuilder &b = context.builder;
  if (cast<RankedTensorType>(value.getType()).getNumElements() == 0)
    return value;
  int64_t outer = split.parts.outer;
  unsigned inner = dim + (outer > 1);
  Value expanded = expandParts(b, loc, value, dim, outer);
  Value masked = forSections(b, loc, expanded, inner, split.parts, [&](Value part, int64_t width) -> Value {
    return MaskPaddingOp::create(b, loc, part.getType(), part, b.getI64IntegerAttr(inner),
                                 b.getI64IntegerAttr(size / split.parts.width() * width),
                                 innerSplit(split, width, b.getContext()), context.meshName);
  });
  return collapseParts(b, loc, masked, dim, outer);
}
