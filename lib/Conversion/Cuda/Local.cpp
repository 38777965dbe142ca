// Parts of tensors, from this device's place in the mesh or fixed ones: what no other device is needed for. A thread
// has an element of the result.
#include "../Shard.h"
#include "GpuKernels.h"

using namespace mlir;

namespace tp::cuda {

using cpu::Shard;

static constexpr int64_t kThreads = 128;

static Value loadRaw(GpuBuilder &b, Value memory, ValueRange at) { return memref::LoadOp::create(b, memory, at); }

// target[o][i][j] = i < valid ? source[o][start + i][j] : 0, both [outer, n, inner].
static void copyWindow(GpuBuilder &b, Value source, Value target, Value start, Value valid) {
  auto type = cast<MemRefType>(target.getType());
  ArrayRef<int64_t> shape = type.getShape();
  Value item = b.globalThread();
  b.when(b.less(item, b.index(type.getNumElements())), [&] {
    Value j = b.rem(item, shape[2]), row = b.div(item, shape[2]);
    Value outer = b.div(row, shape[1]), i = b.rem(row, shape[1]);
    Value v = b.guarded(b.less(i, valid), type.getElementType(),
                        [&] { return loadRaw(b, source, {outer, b.add(start, i), j}); });
    memref::StoreOp::create(b, v, target, ValueRange{outer, i, j});
  });
}

static void emitSlice(GpuKernel &k, AllSliceOp op) {
  Shard shard(k.b, op, op.getMeshAttr(), op.getSize(), op.getSplit());
  Value source = k.b.reshape(k.kernel.input(op.getInput()), cpu::around(cpu::shapeOf(op.getInput()), op.getDim()));
  Value target = k.b.reshape(k.kernel.output(op.getResult()), cpu::around(cpu::shapeOf(op.getResult()), op.getDim()));
  copyWindow(k.b, source, target, shard.start(k.b), shard.valid(k.b));
}

static void emitMask(GpuKernel &k, MaskPaddingOp op) {
  Shard shard(k.b, op, op.getMeshAttr(), op.getSize(), op.getSplit());
  SmallVector<int64_t> shape = cpu::around(cpu::shapeOf(op.getInput()), op.getDim());
  copyWindow(k.b, k.b.reshape(k.kernel.input(op.getInput()), shape),
             k.b.reshape(k.kernel.output(op.getResult()), shape), k.b.index(0), shard.valid(k.b));
}

static void emitAsPartial(GpuKernel &k, AsPartialOp op) {
  SmallVector<StringAttr> axes(op.getAxes().getAsRange<StringAttr>());
  Value position = k.b.groupPosition(lookupMesh(op, op.getMeshAttr()), axes);
  int64_t size = cpu::elementsOf(op.getInput());
  Value valid = k.b.select(k.b.equal(position, k.b.index(0)), k.b.index(size), k.b.index(0));
  copyWindow(k.b, k.b.reshape(k.kernel.input(op.getInput()), {1, size, 1}),
             k.b.reshape(k.kernel.output(op.getResult()), {1, size, 1}), k.b.index(0), valid);
}

static void emitShift(GpuKernel &k, ShiftIndexOp op) {
  GpuBuilder &b = k.b;
  Shard shard(b, op, op.getMeshAttr(), op.getSize(), op.getSplit());
  int64_t size = cpu::elementsOf(op.getInput());
  Value offset = b.toI32(shard.virtualStart(b));
  Value source = b.reshape(k.kernel.input(op.getInput()), {size}),
        target = b.reshape(k.kernel.output(op.getResult()), {size}), i = b.globalThread();
  b.when(b.less(i, b.index(size)), [&] {
    Value v = loadRaw(b, source, i);
    v = op.getMinus() ? Value(arith::SubIOp::create(b, v, offset)) : Value(arith::AddIOp::create(b, v, offset));
    memref::StoreOp::create(b, v, target, i);
  });
}

static void emitExtract(GpuKernel &k, tensor::ExtractSliceOp op) {
  int64_t dim = *cpu::cutDimension(op), size = op.getStaticSize(dim);
  Value source = k.b.reshape(k.kernel.input(op.getSource()), cpu::around(cpu::shapeOf(op.getSource()), dim));
  Value target = k.b.reshape(k.kernel.output(op.getResult()), cpu::around(op.getStaticSizes(), dim));
  copyWindow(k.b, source, target, k.b.index(op.getStaticOffset(dim)), k.b.index(size));
}

static void emitConcat(GpuKernel &k, tensor::ConcatOp op) {
  GpuBuilder &b = k.b;
  int64_t dim = int64_t(op.getDim()), at = 0;
  SmallVector<int64_t> shape = cpu::around(cpu::shapeOf(op.getResult()), dim);
  Value target = b.reshape(k.kernel.output(op.getResult()), shape), item = b.globalThread();
  b.when(b.less(item, b.index(shape[0] * shape[1] * shape[2])), [&] {
    Value j = b.rem(item, shape[2]), row = b.div(item, shape[2]);
    Value outer = b.div(row, shape[1]), i = b.rem(row, shape[1]);
    for (Value input : op.getInputs()) {
      SmallVector<int64_t> part = cpu::around(cpu::shapeOf(input), dim);
      Value source = b.reshape(k.kernel.input(input), part), from = b.sub(i, b.index(at));
      b.when(b.both(b.lessEqual(b.index(at), i), b.less(i, b.index(at + part[1]))), [&] {
        memref::StoreOp::create(b, loadRaw(b, source, {outer, from, j}), target, ValueRange{outer, i, j});
      });
      at += part[1];
    }
  });
}

void emitLocal(Launches &launches) {
  Kernel kernel = opsOf(launches.function());
  Operation *op = kernel.ops.front();
  for (Operation *other : kernel.ops)
    if (isa<AllSliceOp, MaskPaddingOp, AsPartialOp, ShiftIndexOp, tensor::ExtractSliceOp, tensor::ConcatOp>(other))
      op = other;
  GpuKernel k = launches.begin("", {ceilDiv(cpu::elementsOf(op->getResult(0)), kThreads)}, kThreads);
  if (auto extract = dyn_cast<tensor::ExtractSliceOp>(op))
    emitExtract(k, extract);
  else if (auto concat = dyn_cast<tensor::ConcatOp>(op))
    emitConcat(k, concat);
  else if (auto slice = dyn_cast<AllSliceOp>(op))
    emitSlice(k, slice);
  else if (auto mask = dyn_cast<MaskPaddingOp>(op))
    emitMask(k, mask);
  else if (auto partial = dyn_cast<AsPartialOp>(op))
    emitAsPartial(k, partial);
  else
    emitShift(k, cast<ShiftIndexOp>(op));
}

} // namespace tp::cuda
