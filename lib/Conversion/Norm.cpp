#include "RowNorm.h"

#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;

namespace tp::cpu {

NormChain normChain(Kernel &kernel) {
  NormChain chain;
  for (Operation *op : kernel.ops) {
    if (isa<RmsNormOp, LayerNormOp>(op)) {
      chain.norm = op;
      break;
    }
    chain.before.push_back(op);
  }
  return chain;
}

namespace {

class NormRow {
public:
  NormRow(KernelBuilder &b, Kernel &kernel, const NormChain &chain, Value row)
      : b(b), kernel(kernel), chain(chain), row(row), size(shapeOf(chain.norm->getResult(0)).back()),
        rows(elementsOf(chain.norm->getResult(0)) / size) {}

  void run(Value target, Value targetRow, bool storeBefore);

private:
  Value rowsOf(Value memory) { return b.reshape(memory, {rows, size}); }
  // The norm's input at column `at`: computed by the ops before it the first time, kept in `kept`.
  Value first(Value at, Value mask, bool store);
  Value again(Value at, Value mask);
  // Sum over the row of `term`.
  Value total(llvm::function_ref<Value(Value, Value)> term);

  KernelBuilder &b;
  Kernel &kernel;
  const NormChain &chain;
  Value row;
  int64_t size, rows;
  Value kept;
};

} // namespace

Value NormRow::first(Value at, Value mask, bool store) {
  Value input = chain.norm->getOperand(0);
  if (chain.before.empty())
    return b.load(rowsOf(kernel.input(input)), {row, at}, kLanes, mask);
  Vectors vectors;
  for (Operation *op : chain.before) {
    for (Value operand : op->getOperands())
      if (Value memory = kernel.input(operand); memory && !vectors.contains(operand))
        vectors[operand] = b.load(rowsOf(memory), {row, at}, kLanes, mask);
    evaluate(b, op, vectors);
  }
  for (Operation *op : chain.before)
    if (Value output = kernel.output(op->getResult(0)); output && store)
      b.store(vectors.lookup(op->getResult(0)), rowsOf(output), {row, at}, mask);
  b.store(vectors.lookup(input), kept, at, mask);
  return vectors.lookup(input);
}

Value NormRow::again(Value at, Value mask) {
  if (chain.before.empty())
    return first(at, mask, false);
  return b.load(kept, at, kLanes, mask);
}

Value NormRow::total(llvm::function_ref<Value(Value, Value)> term) {
  int64_t whole = size / kLanes * kLanes;
  Value sum = b.splat(0);
  if (whole)
    sum = b.loop(b.index(0), b.index(whole), kLanes, sum, [&](Value i, ValueRange carried) {
      return SmallVector<Value>{b.addf(carried[0], term(i, nullptr))};
    })[0];
  if (whole < size)
    sum = b.addf(sum, term(b.index(whole), b.mask(b.index(size - whole))));
  return b.sum(sum);
}

void NormRow::run(Value target, Value targetRow, bool storeBefore) {
  if (!chain.before.empty())
    kept = b.scratch({size});
  auto layerNorm = dyn_cast<LayerNormOp>(chain.norm);
  Value count = arith::ConstantOp::create(b, b.getF32FloatAttr(float(size)));
  auto masked = [&](Value v, Value mask) { return mask ? Value(arith::SelectOp::create(b, mask, v, b.splat(0))) : v; };
  Value mean, squares;
  if (layerNorm) {
    Value sum = total([&](Value at, Value mask) { return masked(first(at, mask, storeBefore), mask); });
    mean = b.broadcast(arith::DivFOp::create(b, sum, count));
    squares = total([&](Value at, Value mask) {
      Value d = masked(b.subf(again(at, mask), mean), mask);
      return b.mulf(d, d);
    });
  } else {
    squares = total([&](Value at, Value mask) {
      Value x = masked(first(at, mask, storeBefore), mask);
      return b.mulf(x, x);
    });
  }
  double eps =
      layerNorm ? layerNorm.getEps().convertToDouble() : cast<RmsNormOp>(chain.norm).getEps().convertToDouble();
  Value variance = arith::AddFOp::create(b, arith::DivFOp::create(b, squares, count),
                                         arith::ConstantOp::create(b, b.getF32FloatAttr(float(eps))));
  Value one = arith::ConstantOp::create(b, b.getF32FloatAttr(1.0f));
  Value scale = b.broadcast(arith::DivFOp::create(b, one, math::SqrtOp::create(b, variance)));
  Value weight = kernel.input(chain.norm->getOperand(1));
  Value bias = layerNorm && layerNorm.getBias() ? kernel.input(layerNorm.getBias()) : Value();
  b.forVectors(size, [&](Value at, Value mask) {
    Value x = again(at, mask);
    if (mean)
      x = b.subf(x, mean);
    Value y = b.mulf(b.mulf(x, scale), b.load(weight, at, kLanes, mask));
    b.store(bias ? b.addf(y, b.load(bias, at, kLanes, mask)) : y, target, {targetRow, at}, mask);
  });
}

void emitNormRow(KernelBuilder &b, Kernel &kernel, const NormChain &chain, Value row, Value target, Value targetRow,
                 bool storeBefore) {
  NormRow(b, kernel, chain, row).run(target, targetRow, storeBefore);
}

void emitNorm(KernelBuilder &b, Kernel &kernel) {
  NormChain chain = normChain(kernel);
  Value result = chain.norm->getResult(0);
  int64_t size = shapeOf(result).back(), rows = elementsOf(result) / size;
  Value target = b.reshape(kernel.output(result), {rows, size});
  auto [begin, end] = b.share(rows);
  b.loop(begin, end, 1, [&](Value row) {
    b.ifInUse(cast<RankedTensorType>(result.getType()), row, 1,
              [&] { emitNormRow(b, kernel, chain, row, target, row, true); });
  });
}

} // namespace tp::cpu
