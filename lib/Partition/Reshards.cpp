// Reshard steps as ops. A dimension of several outer parts is two while it is resharded.
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

// A split without its outer parts, which are a dimension of their own.
static SplitAttr innerSplit(Split split, MLIRContext *context) {
  split.outer = 1;
  return toAttribute(split, context);
}

// The collective of a step on `value`, whose dimensions with outer parts are expanded; the result's too.
static Value emitStep(LocalContext &context, Location loc, Value value, const ReshardStep &step, StringAttr why) {
  OpBuilder &b = context.builder;
  int64_t outer = step.split.outer, toOuter = step.kind == ReshardStep::AllToAll ? step.toSplit.outer : 1;
  unsigned shift = outer > 1, toShift = toOuter > 1;
  unsigned dim = step.dim, toDim = step.toDim;
  if (step.kind == ReshardStep::AllToAll) {
    // The later dimension first, so that the earlier one keeps its number.
    value = dim > toDim ? expandParts(b, loc, expandParts(b, loc, value, dim, outer), toDim, toOuter)
                        : expandParts(b, loc, expandParts(b, loc, value, toDim, toOuter), dim, outer);
    dim += shift + (toDim < dim ? toShift : 0);
    toDim += toShift + (step.dim < toDim ? shift : 0);
  } else {
    value = expandParts(b, loc, value, dim, outer);
    dim += shift;
  }
  IntegerAttr dimAttr = b.getI64IntegerAttr(dim), size = b.getI64IntegerAttr(step.size / outer);
  SplitAttr split = innerSplit(step.split, b.getContext());
  auto reduce = ReduceKindAttr::get(b.getContext(), step.reduce);
  ArrayAttr axes = b.getArrayAttr(SmallVector<Attribute>(step.axes.begin(), step.axes.end()));
  auto input = cast<RankedTensorType>(value.getType());
  auto resized = [&](int64_t elements) {
    SmallVector<int64_t> shape(input.getShape());
    shape[dim] = elements;
    return input.clone(shape);
  };
  int64_t whole = step.size / outer, part = geometryOf(step.split, step.size, context.mesh).local();
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
    shape[toDim] = geometryOf(step.toSplit, step.toSize, context.mesh).local();
    return AllToAllOp::create(b, loc, input.clone(shape), value, dimAttr, size, split, b.getI64IntegerAttr(toDim),
                              b.getI64IntegerAttr(step.toSize / toOuter), innerSplit(step.toSplit, b.getContext()),
                              context.meshName, why);
  }
  }
  llvm_unreachable("all kinds are handled");
}

Value tp::emitReshard(LocalContext &context, Location loc, Value value, ArrayRef<ReshardStep> steps, StringRef origin) {
  OpBuilder &b = context.builder;
  StringAttr why = b.getStringAttr(origin);
  for (const ReshardStep &step : steps) {
    value = emitStep(context, loc, value, step, why);
    bool exchange = step.kind == ReshardStep::AllToAll;
    int64_t outer = step.split.outer, toOuter = exchange ? step.toSplit.outer : 1;
    // The earlier dimension first: its collapse gives the later one its number back.
    if (exchange && step.toDim < step.dim)
      value = collapseParts(b, loc, value, step.toDim, toOuter);
    value = collapseParts(b, loc, value, step.dim, outer);
    if (exchange && step.toDim > step.dim)
      value = collapseParts(b, loc, value, step.toDim, toOuter);
  }
  return value;
}

Value tp::emitMask(LocalContext &context, Location loc, Value value, unsigned dim, int64_t size, const Split &split) {
  OpBuilder &b = context.builder;
  Value parts = expandParts(b, loc, value, dim, split.outer);
  Value masked = MaskPaddingOp::create(b, loc, parts.getType(), parts, b.getI64IntegerAttr(dim + (split.outer > 1)),
                                       b.getI64IntegerAttr(size / split.outer), innerSplit(split, b.getContext()),
                                       context.meshName);
  return collapseParts(b, loc, masked, dim, split.outer);
}
