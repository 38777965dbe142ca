#include "PanelProduct.h"

#include "mlir/Dialect/X86Vector/X86VectorDialect.h"

using namespace mlir;

namespace tp::cpu {

namespace {

class PanelProduct {
public:
  PanelProduct(KernelBuilder &b, Value input, int64_t k, ArrayRef<Value> rows, ArrayRef<std::pair<Value, Value>> panels)
      : b(b), input(input), k(k), rows(rows), panels(panels), weightBf16(isBf16(panels.front().first)),
        dot(weightBf16 && isBf16(input) && b.target.bf16Dot) {}
  SmallVector<Value> run(int64_t unroll);

private:
  SmallVector<Value> step(Value i, SmallVector<Value> sums, bool half = false);
  void stepRow(Value row, Value i, ArrayRef<std::pair<Value, Value>> weights, MutableArrayRef<Value> sums, bool half);
  Value inputPair(Value row, Value i, bool half);

  KernelBuilder &b;
  Value input;
  int64_t k;
  ArrayRef<Value> rows;
  ArrayRef<std::pair<Value, Value>> panels;
  bool weightBf16, dot;
};

} // namespace

SmallVector<Value> PanelProduct::run(int64_t unroll) {
  SmallVector<Value> sums(rows.size() * panels.size(), b.splat(0));
  int64_t steps = weightBf16 ? k / 2 : k, whole = steps / unroll * unroll;
  if (whole)
    sums = b.loop(b.index(0), b.index(whole), unroll, sums, [&](Value i, ValueRange carried) {
      SmallVector<Value> next(carried);
      for (int64_t u = 0; u < unroll; ++u)
        next = step(b.add(i, u), next);
      return next;
    });
  for (int64_t i = whole; i < steps; ++i)
    sums = step(b.index(i), sums);
  if (weightBf16 && k % 2)
    sums = step(b.index(steps), sums, true);
  return sums;
}

// One column of f32 weights, or one pair of bf16 columns (`half`: the second lies beyond the input's end).
SmallVector<Value> PanelProduct::step(Value i, SmallVector<Value> sums, bool half) {
  SmallVector<std::pair<Value, Value>> weights;
  for (auto [memory, panel] : panels) {
    SmallVector<Value> at = {panel, i, b.index(0)};
    if (dot)
      weights.push_back(
          {vector::LoadOp::create(b, VectorType::get({kLanes * 2}, b.getBF16Type()), memory, at), Value()});
    else if (weightBf16)
      weights.push_back(b.loadPair(memory, at));
    else
      weights.push_back({b.load(memory, at), Value()});
  }
  for (auto [r, row] : llvm::enumerate(rows))
    stepRow(row, i, weights, MutableArrayRef<Value>(sums).slice(r * weights.size(), weights.size()), half);
  return sums;
}

// A pair of the input's columns in every lane.
Value PanelProduct::inputPair(Value row, Value i, bool half) {
  auto pairs = VectorType::get({kLanes * 2}, b.getBF16Type());
  Value bits;
  if (half) {
    Value one = memref::LoadOp::create(b, input, ValueRange{row, b.mul(i, 2)});
    bits = arith::ExtUIOp::create(b, b.getI32Type(), arith::BitcastOp::create(b, b.getIntegerType(16), one));
  } else {
    Value pair = vector::LoadOp::create(b, VectorType::get({2}, b.getBF16Type()), input, ValueRange{row, b.mul(i, 2)});
    bits = vector::ExtractOp::create(b, vector::BitCastOp::create(b, VectorType::get({1}, b.getI32Type()), pair), 0);
  }
  return vector::BitCastOp::create(b, pairs, b.broadcast(bits));
}

void PanelProduct::stepRow(Value row, Value i, ArrayRef<std::pair<Value, Value>> weights, MutableArrayRef<Value> sums,
                           bool half) {
  if (dot) {
    Value pair = inputPair(row, i, half);
    for (auto [sum, weight] : llvm::zip_equal(sums, weights))
      sum = x86vector::DotBF16Op::create(b, sum.getType(), sum, weight.first, pair);
    return;
  }
  Value column = weightBf16 ? b.mul(i, 2) : i;
  Value x = b.loadSplat(input, {row, column});
  for (auto [sum, weight] : llvm::zip_equal(sums, weights))
    sum = b.fma(x, weight.first, sum);
  if (!weightBf16 || half)
    return;
  Value y = b.loadSplat(input, {row, b.add(column, 1)});
  for (auto [sum, weight] : llvm::zip_equal(sums, weights))
    sum = b.fma(y, weight.second, sum);
}

SmallVector<Value> panelProduct(KernelBuilder &b, Value input, int64_t k, ArrayRef<Value> rows,
                                ArrayRef<std::pair<Value, Value>> panels, int64_t unroll) {
  return PanelProduct(b, input, k, rows, panels).run(unroll);
}

} // namespace tp::cpu
