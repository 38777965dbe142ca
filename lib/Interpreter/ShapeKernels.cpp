// Kernels of tensor ops that move elements without changing them.
#include "Elementwise.h"
#include "ScalarBody.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include <algorithm>

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

static LogicalResult runSplat(RankCall &call) {
  call.results[0] = splat(call.operands[0], cast<RankedTensorType>(call.op->getResult(0).getType()).getShape());
  return success();
}

// `count` elements of `from`, from its i-th on, become those of `to` from the j-th on.
static void copyElements(const Tensor &from, int64_t i, Tensor &to, int64_t j, int64_t count = 1) {
  if (from.isFloat())
    std::copy_n(from.floats() + i, count, to.writeFloats() + j);
  else
    std::copy_n(from.ints() + i, count, to.writeInts() + j);
}

namespace {
struct Window {
  SmallVector<int64_t> offsets, sizes, strides;
};
} // namespace

// Calls `visit(index in the window, index in the tensor, count)` for the elements of a window of a tensor of `shape`:
// as many at once as lie together in both.
static void forWindow(ArrayRef<int64_t> shape, const Window &window,
                      llvm::function_ref<void(int64_t, int64_t, int64_t)> visit) {
  int64_t count = 1, together = 1;
  for (int64_t size : window.sizes)
    count *= size;
  for (size_t d = shape.size(); d-- > 0 && window.strides[d] == 1;) {
    together *= window.sizes[d];
    if (window.sizes[d] != shape[d])
      break;
  }
  for (int64_t i = 0; i < count; i += together) {
    int64_t rest = i, index = 0, step = 1;
    for (size_t d = shape.size(); d-- > 0; rest /= window.sizes[d], step *= shape[d])
      index += (window.offsets[d] + rest % window.sizes[d] * window.strides[d]) * step;
    visit(i, index, together);
  }
}

static SmallVector<int64_t> valuesOf(ArrayRef<OpFoldResult> mixed, const RankCall &call) {
  SmallVector<int64_t> values;
  for (OpFoldResult value : mixed)
    values.push_back(isa<Value>(value) ? call[cast<Value>(value)].ints()[0]
                                       : cast<IntegerAttr>(cast<Attribute>(value)).getInt());
  return values;
}

// The window of a slice; an error if it leaves the tensor.
static FailureOr<Window> windowOf(OffsetSizeAndStrideOpInterface op, ArrayRef<int64_t> shape, const RankCall &call) {
  Window window{valuesOf(op.getMixedOffsets(), call), valuesOf(op.getMixedSizes(), call),
                valuesOf(op.getMixedStrides(), call)};
  for (auto [d, size] : llvm::enumerate(shape))
    if (window.offsets[d] < 0 || window.sizes[d] < 0 || window.strides[d] < 1 ||
        (window.sizes[d] > 0 && window.offsets[d] + (window.sizes[d] - 1) * window.strides[d] >= size))
      return op->emitError() << "the slice leaves dimension " << d << " of size " << size;
  return window;
}

static LogicalResult runExtractSlice(RankCall &call) {
  auto op = cast<tensor::ExtractSliceOp>(call.op);
  const Tensor &from = call.operands[0];
  FailureOr<Window> window = windowOf(op, from.shape(), call);
  if (failed(window))
    return failure();
  Tensor &to = call.makeResult();
  forWindow(from.shape(), *window, [&](int64_t i, int64_t j, int64_t n) { copyElements(from, j, to, i, n); });
  return success();
}

static LogicalResult runInsertSlice(RankCall &call) {
  auto op = cast<tensor::InsertSliceOp>(call.op);
  const Tensor from = call.operands[0];
  FailureOr<Window> window = windowOf(op, call.operands[1].shape(), call);
  if (failed(window))
    return failure();
  Tensor &to = call.results[0] = std::move(call.operands[1]);
  forWindow(to.shape(), *window, [&](int64_t i, int64_t j, int64_t n) { copyElements(from, i, to, j, n); });
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

// The result with each element what the op's body makes of its indices.
static LogicalResult fillFromBody(RankCall &call) {
  Tensor &result = call.makeResult();
  ScalarBody body;
  if (failed(body.compile(call.op->getRegion(0).front(), call, result.size(), 0)))
    return failure();
  for (unsigned d = 0; d < result.rank(); ++d) {
    int64_t inner = 1;
    for (int64_t size : result.shape().drop_front(d + 1))
      inner *= size;
    for (int64_t i = 0, *index = body.argument(d).ints; i < result.size(); ++i)
      index[i] = i / inner % result.dim(d);
  }
  body.run(result.size());
  if (result.isFloat())
    std::copy_n(body.yielded(0).floats, result.size(), result.writeFloats());
  else
    std::copy_n(body.yielded(0).ints, result.size(), result.writeInts());
  return success();
}

static LogicalResult runPad(RankCall &call) {
  auto op = cast<tensor::PadOp>(call.op);
  const Tensor &from = call.operands[0];
  Window window{valuesOf(op.getMixedLowPad(), call), SmallVector<int64_t>(from.shape()),
                SmallVector<int64_t>(from.rank(), 1)};
  auto shape = cast<RankedTensorType>(op.getType()).getShape();
  for (auto [d, high] : llvm::enumerate(valuesOf(op.getMixedHighPad(), call)))
    if (high < 0 || window.offsets[d] < 0 || window.offsets[d] + from.dim(d) + high != shape[d])
      return op.emitError() << "the interpreter pads dimension " << d << " of size " << from.dim(d) << " to "
                            << shape[d] << ", found padding " << window.offsets[d] << " and " << high;
  if (failed(fillFromBody(call)))
    return failure();
  Tensor &to = call.results[0];
  forWindow(to.shape(), window, [&](int64_t i, int64_t j, int64_t n) { copyElements(from, i, to, j, n); });
  return success();
}

static LogicalResult runDim(RankCall &call) {
  auto op = cast<tensor::DimOp>(call.op);
  int64_t dim = call[op.getIndex()].ints()[0];
  const Tensor &from = call.operands[0];
  if (dim < 0 || dim >= from.rank())
    return op.emitError() << "dimension " << dim << " of a tensor with " << from.rank();
  call.makeResult().writeInts()[0] = from.dim(dim);
  return success();
}

// The number of the element at scalar indices; an error if they leave the tensor.
static FailureOr<int64_t> elementAt(Operation *op, ValueRange indices, const Tensor &tensor, const RankCall &call) {
  int64_t element = 0;
  for (auto [d, value] : llvm::enumerate(indices)) {
    int64_t index = call[value].ints()[0];
    if (index < 0 || index >= tensor.dim(d))
      return op->emitError() << "index " << index << " leaves dimension " << d << " of size " << tensor.dim(d);
    element = element * tensor.dim(d) + index;
  }
  return element;
}

static LogicalResult runExtract(RankCall &call) {
  auto op = cast<tensor::ExtractOp>(call.op);
  const Tensor &from = call[op.getTensor()];
  FailureOr<int64_t> element = elementAt(op, op.getIndices(), from, call);
  if (failed(element))
    return failure();
  copyElements(from, *element, call.makeResult(), 0);
  return success();
}

static LogicalResult runInsert(RankCall &call) {
  auto op = cast<tensor::InsertOp>(call.op);
  const Tensor &to = call[op.getDest()], &scalar = call[op.getScalar()];
  FailureOr<int64_t> element = elementAt(op, op.getIndices(), to, call);
  if (failed(element))
    return failure();
  copyElements(scalar, 0, call.results[0] = to, *element);
  return success();
}

static LogicalResult runFromElements(RankCall &call) {
  Tensor &to = call.makeResult();
  for (auto [i, scalar] : llvm::enumerate(call.operands))
    copyElements(scalar, 0, to, i);
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
  registry.add("tensor.pad", runPad);
  registry.add("tensor.generate", fillFromBody);
  registry.add("tensor.dim", runDim);
  registry.add("tensor.extract", runExtract);
  registry.add("tensor.insert", runInsert);
  registry.add("tensor.from_elements", runFromElements);
}
