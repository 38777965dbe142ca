// Ops of the partitioned program that need this device's place in the mesh but no other device.
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
  Value offset = arith::IndexCastOp::create(b, b.getI32Type(), shard.virtualStart(b));
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

void emitLocal(KernelBuilder &b, Kernel &kernel) {
  Operation *op = kernel.ops.front();
  if (auto slice = dyn_cast<AllSliceOp>(op))
    emitSlice(b, kernel, slice);
  else if (auto mask = dyn_cast<MaskPaddingOp>(op))
    emitMask(b, kernel, mask);
  else if (auto partial = dyn_cast<AsPartialOp>(op))
    emitAsPartial(b, kernel, partial);
  else
    emitShift(b, kernel, cast<ShiftIndexOp>(op));
}

} // namespace tp::cpu
