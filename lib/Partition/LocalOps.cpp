#include "LocalOps.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Transforms/RegionUtils.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace tp;

namespace {
struct LocalOpBuilder {
  LocalContext &context;
  Operation *op;
  const ShardingRule &rule;
  const Assignment &assignment;
  SmallVector<Value> operands;
  const IRMapping &numbers;
  OpBuilder &b = context.builder;
  Value headOffset = {};

  Type localResult(unsigned i) const {
    auto type = dyn_cast<RankedTensorType>(op->getResult(i).getType());
    return type ? Type(localType(type, assignment.results[i], context.mesh)) : op->getResult(i).getType();
  }

  void shiftIndices() {
    for (const IndexShift &shift : rule.shifts) {
      const Split &split = assignment.factors[shift.factor];
      if (split.axes.empty() || shift.operand == kOwnIndex)
        continue;
      Value &index = operands[shift.operand];
      index = ShiftIndexOp::create(b, op->getLoc(), index.getType(), shift.minus ? b.getUnitAttr() : UnitAttr(), index,
                                   b.getI64IntegerAttr(rule.factors[shift.factor].size),
                                   toAttribute(split, b.getContext()), context.meshName);
    }
  }

  // The default: the same op, other types.
  Operation *clone() {
    IRMapping mapping = numbersFor(op, numbers);
    Operation *local = b.clone(*op, mapping);
    local->setOperands(operands);
    for (unsigned i = 0; i < op->getNumResults(); ++i)
      local->getResult(i).setType(localResult(i));
    return local;
  }

  Operation *constant(arith::ConstantOp constant) {
    auto type = dyn_cast<RankedTensorType>(localResult(0));
    if (!type || type == constant.getType())
      return clone();
    auto value = cast<DenseElementsAttr>(constant.getValue());
    return arith::ConstantOp::create(b, op->getLoc(), DenseElementsAttr::get(type, value.getSplatValue<Attribute>()));
  }

  Operation *expand(tensor::ExpandShapeOp expand) {
    return tensor::ExpandShapeOp::create(b, op->getLoc(), localResult(0), operands[0],
                                         expand.getReassociationIndices());
  }

  // A slice of the local whole: a split dimension has as many parts, or blocks of each section.
  template <typename SliceOp> Operation *slice(SliceOp slice, const TensorFactors &whole) {
    SmallVector<int64_t> offsets(slice.getStaticOffsets()), sizes(slice.getStaticSizes());
    for (auto [d, dim] : llvm::enumerate(whole)) {
      if (dim.factors.empty() || assignment.factors[dim.factors.back()].axes.empty())
        continue;
      int64_t size = rule.factors[dim.factors.back()].size;
      int64_t local = localSize(assignment.factors[dim.factors.back()], size, context.mesh);
      offsets[d] = offsets[d] / size * local;
      sizes[d] = sizes[d] / size * local;
    }
    Operation *local = clone();
    local->setAttr("static_offsets", b.getDenseI64ArrayAttr(offsets));
    local->setAttr("static_sizes", b.getDenseI64ArrayAttr(sizes));
    return local;
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

  Operation *create() {
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
    if (auto extract = dyn_cast<tensor::ExtractSliceOp>(op))
      return slice(extract, rule.operands[0]);
    if (auto insert = dyn_cast<tensor::InsertSliceOp>(op))
      return slice(insert, rule.operands[1]);
    Operation *local = clone();
    if (auto linalgOp = dyn_cast<linalg::LinalgOp>(local))
      return localiseBody(context, linalgOp, rule, assignment);
    return local;
  }
};
} // namespace

IRMapping tp::numbersFor(Operation *op, const IRMapping &numbers) {
  llvm::SetVector<Value> read(op->operand_begin(), op->operand_end());
  getUsedValuesDefinedAbove(op->getRegions(), read);
  IRMapping result;
  for (Value value : read)
    if (Value number = numbers.lookupOrNull(value))
      result.map(value, number);
  return result;
}

Operation *tp::createLocal(LocalContext &context, Operation *op, const ShardingRule &rule, const Assignment &assignment,
                           SmallVector<Value> operands, const IRMapping &numbers) {
  return LocalOpBuilder{context, op, rule, assignment, std::move(operands), numbers}.create();
}
