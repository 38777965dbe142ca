#include "LocalOps.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace tp;

Value tp::emitReshard(LocalContext &context, Location loc, Value value, ArrayRef<ReshardStep> steps, StringRef origin) {
  OpBuilder &b = context.builder;
  StringAttr why = b.getStringAttr(origin);
  for (const ReshardStep &step : steps) {
    SplitAttr split = toAttribute(step.split, b.getContext());
    IntegerAttr dim = b.getI64IntegerAttr(step.dim), size = b.getI64IntegerAttr(step.size);
    auto reduce = ReduceKindAttr::get(b.getContext(), step.reduce);
    switch (step.kind) {
    case ReshardStep::AllReduce: {
      SmallVector<StringRef> axes;
      for (StringAttr axis : step.axes)
        axes.push_back(axis);
      value = AllReduceOp::create(b, loc, step.result, reduce, value, b.getStrArrayAttr(axes), context.meshName, why);
      break;
    }
    case ReshardStep::ReduceScatter:
      value = ReduceScatterOp::create(b, loc, step.result, reduce, value, dim, size, split, context.meshName, why);
      break;
    case ReshardStep::AllGather:
      value = AllGatherOp::create(b, loc, step.result, value, dim, size, split, context.meshName, why);
      break;
    case ReshardStep::AllSlice:
      value = AllSliceOp::create(b, loc, step.result, value, dim, size, split, context.meshName, why);
      break;
    case ReshardStep::AllToAll:
      value = AllToAllOp::create(b, loc, step.result, value, dim, size, split, b.getI64IntegerAttr(step.toDim),
                                 b.getI64IntegerAttr(step.toSize), toAttribute(step.toSplit, b.getContext()),
                                 context.meshName, why);
      break;
    }
  }
  return value;
}

namespace {
struct LocalOpBuilder {
  LocalContext &context;
  Operation *op;
  const ShardingRule &rule;
  const Assignment &assignment;
  SmallVector<Value> operands;
  OpBuilder &b = context.builder;
  Value headOffset = {};

  RankedTensorType localResult(unsigned i) const {
    return localType(cast<RankedTensorType>(op->getResult(i).getType()), assignment.results[i], context.mesh);
  }

  void shiftIndices() {
    for (const IndexShift &shift : rule.shifts) {
      const Split &split = assignment.factors[shift.factor];
      if (split.axes.empty())
        continue;
      Value &index = operands[shift.operand];
      index = ShiftIndexOp::create(b, op->getLoc(), index.getType(), shift.minus ? b.getUnitAttr() : UnitAttr(), index,
                                   b.getI64IntegerAttr(rule.factors[shift.factor].size),
                                   toAttribute(split, b.getContext()), context.meshName);
    }
  }

  // The default: the same op, other types.
  Operation *clone() {
    OperationState state(op->getLoc(), op->getName(), operands, {}, op->getAttrs());
    for (unsigned i = 0; i < op->getNumResults(); ++i)
      state.addTypes(localResult(i));
    return b.create(state);
  }

  FailureOr<Operation *> constant(arith::ConstantOp constant) {
    auto value = dyn_cast<DenseElementsAttr>(constant.getValue());
    RankedTensorType type = localResult(0);
    if (type == constant.getType())
      return clone();
    if (!value || !value.isSplat())
      return failure();
    return arith::ConstantOp::create(b, op->getLoc(), DenseElementsAttr::get(type, value.getSplatValue<Attribute>()))
        .getOperation();
  }

  Operation *expand(tensor::ExpandShapeOp expand) {
    return tensor::ExpandShapeOp::create(b, op->getLoc(), localResult(0), operands[0],
                                         expand.getReassociationIndices());
  }

  // The first query head on a device, where it is not the first of a group everywhere.
  void addHeadOffset(SdpaOp sdpa) {
    unsigned heads = rule.results[0][2].factors[0];
    const Split &split = assignment.factors[heads];
    Geometry geometry = geometryOf(split, rule.factors[heads].size, context.mesh);
    if (split.axes.empty() || sdpa.getHeadOffset() || geometry.chunk() * geometry.unit % sdpa.getGroup() == 0)
      return;
    auto type = RankedTensorType::get({}, b.getI32Type());
    Value zero = arith::ConstantOp::create(b, op->getLoc(), DenseElementsAttr::get(type, b.getI32IntegerAttr(0)));
    headOffset =
        ShiftIndexOp::create(b, op->getLoc(), type, UnitAttr(), zero, b.getI64IntegerAttr(rule.factors[heads].size),
                             toAttribute(split, b.getContext()), context.meshName);
  }

  FailureOr<Operation *> create() {
    shiftIndices();
    if (auto sdpa = dyn_cast<SdpaOp>(op)) {
      addHeadOffset(sdpa);
      if (headOffset) {
        auto local = cast<SdpaOp>(clone());
        local.getHeadOffsetMutable().assign(headOffset);
        return local.getOperation();
      }
    }
    if (auto constantOp = dyn_cast<arith::ConstantOp>(op))
      return constant(constantOp);
    if (auto expandOp = dyn_cast<tensor::ExpandShapeOp>(op))
      return expand(expandOp);
    return clone();
  }
};
} // namespace

FailureOr<Operation *> tp::createLocal(LocalContext &context, Operation *op, const ShardingRule &rule,
                                       const Assignment &assignment, SmallVector<Value> operands) {
  return LocalOpBuilder{context, op, rule, assignment, std::move(operands)}.create();
}
