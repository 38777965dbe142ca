// Kernels of tensor ops that move elements without changing them.
#include "tp/Interpreter/Kernels.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace tp;

static LogicalResult runReshape(RankCall &call) {
  auto type = cast<RankedTensorType>(call.op->getResult(0).getType());
  call.results[0] = call.operands[0].reshaped(type.getShape());
  return success();
}

static LogicalResult runZeros(RankCall &call) {
  call.makeResult();
  return success();
}

static void copyElement(const Tensor &from, int64_t i, Tensor &to, int64_t j) {
  if (from.isFloat())
    to.writeFloats()[j] = from.floats()[i];
  else
    to.writeInts()[j] = from.ints()[i];
}

static LogicalResult runSplat(RankCall &call) {
  Tensor &result = call.makeResult();
  for (int64_t i = 0, n = result.size(); i < n; ++i)
    copyElement(call.operands[0], 0, result, i);
  return success();
}

// Calls `visit(index in the window, index in the tensor)` for each element of a static window of a tensor of `shape`.
static void forWindow(ArrayRef<int64_t> shape, ArrayRef<int64_t> offsets, ArrayRef<int64_t> sizes,
                      ArrayRef<int64_t> strides, llvm::function_ref<void(int64_t, int64_t)> visit) {
  int64_t count = 1;
  for (int64_t size : sizes)
    count *= size;
  for (int64_t i = 0; i < count; ++i) {
    int64_t rest = i, index = 0, step = 1;
    for (size_t d = shape.size(); d-- > 0; rest /= sizes[d], step *= shape[d])
      index += (offsets[d] + rest % sizes[d] * strides[d]) * step;
    visit(i, index);
  }
}

// An error unless the slice is static and lies within the tensor.
static LogicalResult checkSlice(OffsetSizeAndStrideOpInterface op, ArrayRef<int64_t> shape) {
  ArrayRef<int64_t> offsets = op.getStaticOffsets(), sizes = op.getStaticSizes(), strides = op.getStaticStrides();
  if (ShapedType::isDynamicShape(offsets) || ShapedType::isDynamicShape(sizes) || ShapedType::isDynamicShape(strides))
    return op->emitError() << "the interpreter runs slices with static offsets, sizes and strides";
  for (auto [d, size] : llvm::enumerate(shape))
    if (offsets[d] < 0 || (sizes[d] > 0 && offsets[d] + (sizes[d] - 1) * strides[d] >= size) || strides[d] < 1)
      return op->emitError() << "the slice leaves dimension " << d << " of size " << size;
  return success();
}

static LogicalResult runExtractSlice(RankCall &call) {
  auto op = cast<tensor::ExtractSliceOp>(call.op);
  const Tensor &from = call.operands[0];
  if (failed(checkSlice(op, from.shape())))
    return failure();
  Tensor &to = call.makeResult();
  forWindow(from.shape(), op.getStaticOffsets(), op.getStaticSizes(), op.getStaticStrides(),
            [&](int64_t i, int64_t j) { copyElement(from, j, to, i); });
  return success();
}

static LogicalResult runInsertSlice(RankCall &call) {
  auto op = cast<tensor::InsertSliceOp>(call.op);
  const Tensor from = call.operands[0];
  if (failed(checkSlice(op, call.operands[1].shape())))
    return failure();
  Tensor &to = call.results[0] = std::move(call.operands[1]);
  forWindow(to.shape(), op.getStaticOffsets(), op.getStaticSizes(), op.getStaticStrides(),
            [&](int64_t i, int64_t j) { copyElement(from, i, to, j); });
  return success();
}

static LogicalResult runConcat(RankCall &call) {
  auto op = cast<tensor::ConcatOp>(call.op);
  Tensor &to = call.makeResult();
  int64_t start = 0;
  for (const Tensor &from : call.operands) {
    copyWindow(from, 0, to, start, op.getDim(), from.dim(op.getDim()));
    start += from.dim(op.getDim());
  }
  return success();
}

void tp::addShapeKernels(KernelRegistry &registry) {
  for (StringRef reshape : {"tensor.expand_shape", "tensor.collapse_shape", "tensor.cast"})
    registry.add(reshape, runReshape);
  registry.add("tensor.empty", runZeros);
  registry.add("tensor.splat", runSplat);
  registry.add("tensor.extract_slice", runExtractSlice);
  registry.add("tensor.insert_slice", runInsertSlice);
  registry.add("tensor.concat", runConcat);
}
