// Bodies of linalg ops that compute with their place in a split loop: linalg.index counts from the device's first
// element, and a reduction skips the padding where no zero would be neutral.
#include "LocalOps.h"

#include "mlir/Dialect/Linalg/Transforms/Transforms.h"

using namespace mlir;
using namespace tp;

namespace {
class BodyLocaliser {
public:
  BodyLocaliser(LocalContext &context, linalg::GenericOp op, const ShardingRule &rule, const Assignment &assignment)
      : context(context), b(context.builder), op(op), rule(rule), assignment(assignment) {}

  Operation *run(ArrayRef<unsigned> loops) {
    unsigned inputs = op.getNumDpsInputs();
    for (unsigned loop : loops) {
      if (llvm::any_of(op.getBody()->getOps<linalg::IndexOp>(),
                       [&](linalg::IndexOp index) { return index.getDim() == loop; }))
        shiftIndex(loop);
      if (rule.factors[loop].kind == FactorKind::Reduction &&
          geometryOf(assignment.factors[loop], rule.factors[loop].size, context.mesh).padded())
        skipPadding(loop);
    }
    // Last: the indices that it adds are the device's own.
    while (inputs-- > 0)
      readRepeated(inputs);
    return op;
  }

private:
  // A number that differs from device to device: `value` moved by the loop's first element.
  BlockArgument addNumber(unsigned loop, int64_t value, bool minus) {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPoint(op);
    auto type = RankedTensorType::get({}, b.getI32Type());
    Value number = arith::ConstantOp::create(b, op.getLoc(), DenseElementsAttr::get(type, b.getI32IntegerAttr(value)));
    number = ShiftIndexOp::create(b, op.getLoc(), type, minus ? b.getUnitAttr() : UnitAttr(), number,
                                  b.getI64IntegerAttr(rule.factors[loop].size),
                                  toAttribute(assignment.factors[loop], b.getContext()), context.meshName);
    unsigned position = op.getNumDpsInputs();
    op.getInputsMutable().append(number);
    SmallVector<AffineMap> maps = op.getIndexingMapsArray();
    maps.insert(maps.begin() + position, AffineMap::get(op.getNumLoops(), 0, op.getContext()));
    op.setIndexingMapsAttr(b.getAffineMapArrayAttr(maps));
    return op.getBody()->insertArgument(position, b.getI32Type(), op.getLoc());
  }

  // An operand whose elements are read several times each, `loop floordiv repeat`: where the device's part of the loop
  // begins inside the reads of one element, the body looks the element up. What lies behind the end reads the last one.
  void readRepeated(unsigned input) {
    const TensorFactors &dims = rule.operands[input];
    auto repeats = [](const DimFactors &dim) { return dim.repeat > 1; };
    auto dim = llvm::find_if(dims, repeats); // there is at most one
    if (dim == dims.end() || !beginsInside(dim->factors[0], dim->repeat))
      return;
    BlockArgument first = addNumber(dim->factors[0], 0, /*minus=*/false), element = op.getBody()->getArgument(input);
    Value tensor = op.getDpsInputs()[input];
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(op.getBody());
    auto number = [&](int64_t value) { return arith::ConstantIndexOp::create(b, op.getLoc(), value); };
    SmallVector<Value> indices;
    for (auto [i, each] : llvm::enumerate(dims)) {
      Value index = linalg::IndexOp::create(b, op.getLoc(), each.factors[0]);
      if (repeats(each)) {
        Value offset = arith::IndexCastOp::create(b, op.getLoc(), b.getIndexType(), first);
        offset = arith::RemUIOp::create(b, op.getLoc(), offset, number(each.repeat));
        index = arith::AddIOp::create(b, op.getLoc(), index, offset);
        index = arith::DivUIOp::create(b, op.getLoc(), index, number(each.repeat));
        int64_t last = cast<RankedTensorType>(tensor.getType()).getDimSize(i) - 1;
        index = arith::MinUIOp::create(b, op.getLoc(), index, number(last));
      }
      indices.push_back(index);
    }
    element.replaceAllUsesWith(tensor::ExtractOp::create(b, op.getLoc(), tensor, indices));
    dropInput(input);
  }

  bool beginsInside(unsigned loop, int64_t repeat) const {
    const Split &split = assignment.factors[loop];
    Geometry geometry = geometryOf(split, rule.factors[loop].size, context.mesh);
    int64_t local = geometry.chunk() * geometry.unit;
    return !split.axes.empty() && local % repeat != 0 && (local == 0 || repeat % local != 0);
  }

  void dropInput(unsigned input) {
    SmallVector<AffineMap> maps = op.getIndexingMapsArray();
    maps.erase(maps.begin() + input);
    op.getInputsMutable().erase(input);
    op.setIndexingMapsAttr(b.getAffineMapArrayAttr(maps));
    op.getBody()->eraseArgument(input);
  }

  void shiftIndex(unsigned loop) {
    BlockArgument first = addNumber(loop, 0, /*minus=*/false);
    OpBuilder::InsertionGuard guard(b);
    for (auto index : llvm::make_early_inc_range(op.getBody()->getOps<linalg::IndexOp>())) {
      if (index.getDim() != loop)
        continue;
      b.setInsertionPointAfter(index);
      Value offset = arith::IndexCastOp::create(b, op.getLoc(), b.getIndexType(), first);
      auto global = arith::AddIOp::create(b, op.getLoc(), index, offset);
      index.getResult().replaceAllUsesExcept(global, global);
    }
  }

  // Keeps the accumulator where the element lies beyond the dimension's end.
  void skipPadding(unsigned loop) {
    BlockArgument valid = addNumber(loop, rule.factors[loop].size, /*minus=*/true);
    OpBuilder::InsertionGuard guard(b);
    Operation *yield = op.getBody()->getTerminator();
    b.setInsertionPoint(yield);
    Value index = linalg::IndexOp::create(b, op.getLoc(), loop);
    Value limit = arith::IndexCastOp::create(b, op.getLoc(), b.getIndexType(), valid);
    Value inside = arith::CmpIOp::create(b, op.getLoc(), arith::CmpIPredicate::slt, index, limit);
    yield->setOperand(
        0, arith::SelectOp::create(b, op.getLoc(), inside, yield->getOperand(0), op.getBody()->getArguments().back()));
  }

  LocalContext &context;
  OpBuilder &b;
  linalg::GenericOp op;
  const ShardingRule &rule;
  const Assignment &assignment;
};
} // namespace

Operation *tp::localiseBody(LocalContext &context, linalg::LinalgOp op, const ShardingRule &rule,
                            const Assignment &assignment) {
  SmallVector<unsigned> loops;
  for (const IndexShift &shift : rule.shifts)
    if (!assignment.factors[shift.factor].axes.empty())
      loops.push_back(shift.factor);
  auto generic = dyn_cast<linalg::GenericOp>(op.getOperation());
  if (!generic && loops.empty())
    return op;
  if (!generic) {
    IRRewriter rewriter(context.builder);
    rewriter.setInsertionPoint(op);
    generic = *linalg::generalizeNamedOp(rewriter, op);
  }
  return BodyLocaliser(context, generic, rule, assignment).run(loops);
}
