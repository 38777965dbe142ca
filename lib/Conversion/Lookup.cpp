// Ops that copy rows chosen by an index.
#include "Kernels.h"

using namespace mlir;

namespace tp::cpu {

static constexpr int64_t kPiece = 64; // columns that one thread copies at a time

// Items are pieces of rows; outside of the source a row is zero. load(index, row, column) gives a scalar.
static void copyRows(KernelBuilder &b, Value ids, Value target, int64_t limit,
                     llvm::function_ref<Value(Value, Value, Value)> load) {
  ArrayRef<int64_t> shape = cast<MemRefType>(target.getType()).getShape();
  int64_t pieces = ceilDiv(shape[1], kPiece);
  auto [begin, end] = b.share(shape[0] * pieces);
  b.loop(begin, end, 1, [&](Value item) {
    Value row = b.div(item, pieces), from = b.mul(b.rem(item, pieces), kPiece);
    Value to = b.min(b.add(from, kPiece), b.index(shape[1]));
    Value id = b.toIndex(b.loadScalar(ids, row));
    auto copy = [&] {
      b.loop(from, to, 1, [&](Value column) { b.storeScalar(load(id, row, column), target, {row, column}); });
    };
    auto clear = [&] {
      Value zero = arith::ConstantOp::create(b, b.getF32FloatAttr(0));
      b.loop(from, to, 1, [&](Value column) { b.storeScalar(zero, target, {row, column}); });
    };
    b.when(b.both(b.less(b.index(-1), id), b.less(id, b.index(limit))), copy, clear);
  });
}

void emitEmbedding(KernelBuilder &b, Kernel &kernel) {
  auto op = kernel.all<EmbeddingOp>().front();
  int64_t size = shapeOf(op.getTable())[1], count = elementsOf(op.getIds());
  Value table = kernel.input(op.getTable()), ids = b.reshape(kernel.input(op.getIds()), {count});
  bool panels = argLayout(kernel.source, cast<BlockArgument>(op.getTable()).getArgNumber()) == "panel";
  int64_t pack = isBf16(table) ? 2 : 1;
  copyRows(b, ids, b.reshape(kernel.output(op.getResult()), {count, size}), shapeOf(op.getTable())[0],
           [&](Value id, Value, Value column) {
             if (!panels)
               return b.loadScalar(table, {id, column});
             Value lane = b.add(b.mul(b.rem(id, kLanes), pack), b.rem(column, pack));
             return b.loadScalar(table, {b.div(id, kLanes), b.div(column, pack), lane});
           });
}

void emitTakeRow(KernelBuilder &b, Kernel &kernel) {
  auto op = kernel.all<TakeRowOp>().front();
  ArrayRef<int64_t> shape = shapeOf(op.getInput());
  Value source = kernel.input(op.getInput()), target = b.reshape(kernel.output(op.getResult()), {shape[0], shape[2]});
  copyRows(b, kernel.input(op.getRow()), target, shape[1],
           [&](Value id, Value batch, Value column) { return b.loadScalar(source, {batch, id, column}); });
}

} // namespace tp::cpu
