#include "ScalarBody.h"

#include "Elementwise.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace tp;

OutLanes ScalarBody::makeRegister(ElementKind kind) {
  if (isFloat(kind))
    return {kind, floats.emplace_back(lanes).data(), nullptr};
  return {kind, nullptr, ints.emplace_back(lanes).data()};
}

void ScalarBody::capture(Value value, const Tensor &scalar) {
  OutLanes lanesOfValue = makeRegister(scalar.kind());
  if (scalar.isFloat())
    std::fill_n(lanesOfValue.floats, lanes, scalar.floats()[0]);
  else
    std::fill_n(lanesOfValue.ints, lanes, scalar.ints()[0]);
  define(value, lanesOfValue);
}

LogicalResult ScalarBody::compileConstant(Operation &op, RankKernel kernel) {
  Tensor value;
  RankCall call{&op, {}, {}, value};
  if (failed(kernel(call)))
    return failure();
  capture(op.getResult(0), value);
  return success();
}

void ScalarBody::compileElementwise(Operation &op, ElementwiseKernel kernel) {
  SmallVector<Lanes> in;
  for (Value operand : op.getOperands())
    in.push_back(registers.lookup(operand));
  OutLanes out = makeRegister(*elementKindOf(op.getResult(0).getType()));
  define(op.getResult(0), out);
  steps.push_back([&op, kernel, in, out](int64_t n) {
    kernel(&op, in, out, n);
    if (out.floats)
      roundAll(out.kind, out.floats, n);
  });
}

// An element of a tensor from outside; indices that leave it give 0.
void ScalarBody::compileExtract(Operation &op, const Tensor &from) {
  SmallVector<const int64_t *> index;
  for (Value operand : cast<tensor::ExtractOp>(op).getIndices())
    index.push_back(registers.lookup(operand).ints);
  OutLanes out = makeRegister(from.kind());
  define(op.getResult(0), out);
  steps.push_back([index, from, out](int64_t n) {
    for (int64_t i = 0; i < n; ++i) {
      int64_t offset = 0;
      bool inside = true;
      for (auto [d, x] : llvm::enumerate(index)) {
        inside &= x[i] >= 0 && x[i] < from.dim(d);
        offset = offset * from.dim(d) + x[i];
      }
      if (out.floats)
        out.floats[i] = inside ? from.floats()[offset] : 0;
      else
        out.ints[i] = inside ? from.ints()[offset] : 0;
    }
  });
}

LogicalResult ScalarBody::compileOp(Operation &op, RankCall &call) {
  for (Value operand : op.getOperands())
    if (const Tensor &captured = call[operand]; captured && captured.rank() == 0 && !registers.contains(operand))
      capture(operand, captured);
  StringRef name = op.getName().getStringRef();
  const KernelRegistry &registry = KernelRegistry::builtin();
  if (auto index = dyn_cast<linalg::IndexOp>(op)) {
    define(index, indexLanes[index.getDim()]);
    return success();
  }
  if (auto extract = dyn_cast<tensor::ExtractOp>(op); extract && call[extract.getTensor()]) {
    compileExtract(op, call[extract.getTensor()]);
    return success();
  }
  bool isScalar = op.getNumResults() == 1 && elementKindOf(op.getResult(0).getType());
  if (ElementwiseKernel kernel = registry.elementwiseKernel(name); kernel && isScalar) {
    compileElementwise(op, kernel);
    return success();
  }
  if (RankKernel kernel = registry.rankKernel(name); kernel && isScalar && op.hasTrait<OpTrait::ConstantLike>())
    return compileConstant(op, kernel);
  return op.emitError() << "the interpreter has no kernel for '" << name << "' on scalars";
}

LogicalResult ScalarBody::compile(Block &block, RankCall &call, int64_t laneCount, unsigned indices) {
  lanes = laneCount;
  for (unsigned d = 0; d < indices; ++d)
    indexLanes.push_back(makeRegister(ElementKind::Index));
  for (BlockArgument argument : block.getArguments()) {
    std::optional<ElementKind> kind = elementKindOf(argument.getType());
    if (!kind)
      return emitError(argument.getLoc()) << "the interpreter has no values of type " << argument.getType();
    arguments.push_back(makeRegister(*kind));
    define(argument, arguments.back());
  }
  for (Operation &op : block.without_terminator())
    if (failed(compileOp(op, call)))
      return failure();
  for (Value value : block.getTerminator()->getOperands()) {
    if (const Tensor &captured = call[value]; captured && !registers.contains(value))
      capture(value, captured);
    results.push_back(registers.lookup(value));
  }
  return success();
}
