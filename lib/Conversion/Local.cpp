// Parts of tensors, from this device's place in the mesh or fixed ones: what no other device is needed for.
#include "Shard.h"

using namespace mlir;

namespace tp::cpu {

static Value zeroOf(KernelBuilder &b, Value memory) {
  bool isFloat = isa<FloatType>(cast<MemRefType>(memory.getType()).getElementType());
  return arith::ConstantOp::create(b, b.getZeroAttr(isFloat ? Type(b.getF32Type()) : b.getI32Type()));
}

// target[o][i][j] = i < valid ? source[o][start + i][j] : 0, both [outer, n, inner].
static void copyWindow(KernelBuilder &b, Value source, Value target, Value start, Value valid) {
  ArrayRef<int64_t> shape = cast<MemRefType>(target.getType()).getShape();
  auto [begin, end] = b.share(shape[0] * shape[1]);
  b.loop(begin, end, 1, [&](Value item) {
    Value outer = b.div(item, shape[1]), i = b.rem(item, shape[1]);
    auto each = [&](llvm::function_ref<Value(Value)> value) {
      b.loop(b.index(0), b.index(shape[2]), 1, [&](Value j) { b.storeScalar(value(j), target, {outer, i, j}); });
    };
    b.when(
        b.less(i, valid), [&] { each([&](Value j) { return b.loadScalar(source, {outer, b.add(start, i), j}); }); },
        [&] { each([&](Value) { return zeroOf(b, target); }); });
  });
}

static void emitSlice(KernelBuilder &b, Kernel &kernel, AllSliceOp op) {
  Shard shard(b, op, op.getMeshAttr(), op.getSize(), op.getSplit());
  Value source = b.reshape(kernel.input(op.getInput()), around(shapeOf(op.getInput()), op.getDim()));
  Value target = b.reshape(kernel.output(op.getResult()), around(shapeOf(op.getResult()), op.getDim()));
  copyWindow(b, source, target, shard.start(b), shard.valid(b));
}

static void emitMask(KernelBuilder &b, Kernel &kernel, MaskPaddingOp op) {
  Shard shard(b, op, op.getMeshAttr(), op.getSize(), op.getSplit());
  SmallVector<int64_t> shape = around(shapeOf(op.getInput()), op.getDim());
  copyWindow(b, b.reshape(kernel.input(op.getInput()), shape), b.reshape(kernel.output(op.getResult()), shape),
             b.index(0), shard.valid(b));
}

static void emitAsPartial(KernelBuilder &b, Kernel &kernel, AsPartialOp op) {
  SmallVector<StringAttr> axes(op.getAxes().getAsRange<StringAttr>());
  Value position = b.groupPosition(lookupMesh(op, op.getMeshAttr()), axes);
  int64_t size = elementsOf(op.getInput());
  Value first = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, position, b.index(0));
  Value valid = arith::SelectOp::create(b, first, b.index(size), b.index(0));
  copyWindow(b, b.reshape(kernel.input(op.getInput()), {1, size, 1}),
             b.reshape(kernel.output(op.getResult()), {1, size, 1}), b.index(0), valid);
}

static void emitShift(KernelBuilder &b, Kernel &kernel, ShiftIndexOp op) {
  Shard shard(b, op, op.getMeshAttr(), op.getSize(), op.getSplit());
  int64_t size = elementsOf(op.getInput());
  Value offset = b.toI32(shard.virtualStart(b));
  Value source = b.reshape(kernel.input(op.getInput()), {size}),
        target = b.reshape(kernel.output(op.getResult()), {size});
  auto [begin, end] = b.share(size);
  b.loop(begin, end, 1, [&](Value i) {
    Value v = b.loadScalar(source, i);
    b.storeScalar(op.getMinus() ? Value(arith::SubIOp::create(b, v, offset))
                                : Value(arith::AddIOp::create(b, v, offset)),
                  target, i);
  });
}

static void emitExtract(KernelBuilder &b, Kernel &kernel, tensor::ExtractSliceOp op) {
  int64_t dim = *cutDimension(op), size = op.getStaticSize(dim);
  Value source = b.reshape(kernel.input(op.getSource()), around(shapeOf(op.getSource()), dim));
  Value target = b.reshape(kernel.output(op.getResult()), around(op.getStaticSizes(), dim));
  copyWindow(b, source, target, b.index(op.getStaticOffset(dim)), b.index(size));
}

static void emitConcat(KernelBuilder &b, Kernel &kernel, tensor::ConcatOp op) {
  int64_t dim = int64_t(op.getDim()), at = 0;
  Value target = b.reshape(kernel.output(op.getResult()), around(shapeOf(op.getResult()), dim));
  for (Value input : op.getInputs()) {
    SmallVector<int64_t> shape = around(shapeOf(input), dim);
    Value source = b.reshape(kernel.input(input), shape);
    auto [begin, end] = b.share(shape[0] * shape[1]);
    b.loop(begin, end, 1, [&](Value item) {
      Value outer = b.div(item, shape[1]), i = b.rem(item, shape[1]), to = b.add(i, b.index(at));
      b.loop(b.index(0), b.index(shape[2]), 1,
             [&](Value j) { b.storeScalar(b.loadScalar(source, {outer, i, j}), target, {outer, to, j}); });
    });
    at += shape[1];
  }
}

void emitLocal(KernelBuilder &b, Kernel &kernel) {
  Operation *op = kernel.ops.front();
  if (auto extract = dyn_cast<tensor::ExtractSliceOp>(op))
    emitExtract(b, kernel, extract);
  else if (auto concat = dyn_cast<tensor::ConcatOp>(op))
    emitConcat(b, kernel, concat);
  else if (auto slice = dyn_cast<AllSliceOp>(op))
    emitSlice(b, kernel, slice);
  else if (auto mask = dyn_cast<MaskPaddingOp>(op))
    emitMask(b, kernel, mask);
  else if (auto partial = dyn_cast<AsPartialOp>(op))
    emitAsPartial(b, kernel, partial);
  else
    emitShift(b, kernel, cast<ShiftIndexOp>(op));
}

} // namespace tp::cpu
