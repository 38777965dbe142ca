// Cache updates and copies into the layouts that kernels read.
#include "Cache.h"
#include "RopeRow.h"

using namespace mlir;

namespace tp::cpu {

void storeInCache(KernelBuilder &b, Value scalar, Value cache, StringRef layout, Value batch, Value t, Value head,
                  Value e) {
  if (layout == "plain")
    return b.storeScalar(scalar, cache, {batch, t, head, e});
  int64_t pack = isBf16(cache) ? 2 : 1;
  if (layout == "keys") {
    Value lane = b.add(b.mul(b.rem(t, kLanes), pack), b.rem(e, pack));
    return b.storeScalar(scalar, cache, {batch, head, b.div(t, kLanes), b.div(e, pack), lane});
  }
  b.storeScalar(scalar, cache, {batch, head, b.div(t, pack), b.add(b.mul(e, pack), b.rem(t, pack))});
}

namespace {

// One update of a kernel: rows, rotated first or not.
struct Update {
  KvUpdateOp op;
  RopeOp rope;
  Value source, positions, cache, row;
  StringRef layout;
};

} // namespace

static void updateHead(KernelBuilder &b, Update &update, const RopeRow *rope, Value batch, Value s, Value head,
                       Value t) {
  int64_t size = shapeOf(update.op.getRows())[3];
  // bf16 rows are rounded by their own type first.
  Type rowType = elementOf(update.op.getRows());
  auto keep = [&](Value column, Value v) { b.store(b.round(v, rowType), update.row, column); };
  if (rope)
    rope->rotate(b, rope->angles(b, t), update.source, {batch, s, head}, keep);
  else
    copyHead(b, size, update.source, {batch, s, head}, keep);
  b.loop(b.index(0), b.index(size), 1, [&](Value e) {
    storeInCache(b, b.loadScalar(update.row, e), update.cache, update.layout, batch, t, head, e);
  });
}

static void emitUpdate(KernelBuilder &b, Update &update) {
  ArrayRef<int64_t> shape = shapeOf(update.op.getRows());
  int64_t rows = shape[1], heads = shape[2], positions = shapeOf(update.op.getCache())[1];
  std::optional<RopeRow> rope;
  if (update.rope)
    rope.emplace(update.rope.getRotary(), shape[3]);
  auto [begin, end] = b.share(shape[0] * rows * heads);
  b.loop(begin, end, 1, [&](Value item) {
    Value head = b.rem(item, heads), row = b.div(item, heads);
    Value s = b.rem(row, rows), batch = b.div(row, rows);
    Value t = positionOf(b, update.positions, batch, s);
    Value inside = b.both(b.less(t, b.index(positions)), b.less(b.index(-1), t));
    // What is not computed must not get into the cache: sdpa gives such positions weight zero, but zero times NaN is
    // NaN.
    if (Value inUse = b.inUse(cast<RankedTensorType>(update.op.getRows().getType()), item))
      inside = b.both(inside, inUse);
    b.when(inside, [&] { updateHead(b, update, rope ? &*rope : nullptr, batch, s, head, t); });
  });
}

void emitKvUpdate(KernelBuilder &b, Kernel &kernel) {
  for (auto op : kernel.all<KvUpdateOp>()) {
    Update update;
    update.op = op;
    update.rope = op.getRows().getDefiningOp<RopeOp>();
    update.source = kernel.input(update.rope ? update.rope.getInput() : op.getRows());
    update.positions = kernel.input(op.getPosition());
    update.cache = kernel.input(op.getCache());
    update.layout = argLayout(kernel.source, cast<BlockArgument>(op.getCache()).getArgNumber());
    update.row = b.scratch({shapeOf(op.getRows())[3]});
    emitUpdate(b, update);
  }
}

static void zero(KernelBuilder &b, Value memory, Value begin, Value end) {
  Type element = cast<MemRefType>(memory.getType()).getElementType();
  Value none = arith::ConstantOp::create(b, b.getZeroAttr(element));
  b.loop(begin, end, 1, [&](Value i) { memref::StoreOp::create(b, none, memory, i); });
}

static void packPanels(KernelBuilder &b, Value source, Value target, int64_t n, int64_t k) {
  auto type = cast<MemRefType>(target.getType());
  int64_t pack = isBf16(target) ? 2 : 1, panel = type.getNumElements() / type.getDimSize(0);
  auto [begin, end] = b.share(type.getDimSize(0));
  b.loop(begin, end, 1, [&](Value p) {
    zero(b, b.reshape(target, {type.getNumElements()}), b.mul(p, panel), b.mul(b.add(p, 1), panel));
    b.loop(b.mul(p, kLanes), b.min(b.mul(b.add(p, 1), kLanes), b.index(n)), 1, [&](Value row) {
      b.loop(b.index(0), b.index(k), 1, [&](Value col) {
        Value lane = b.add(b.mul(b.rem(row, kLanes), pack), b.rem(col, pack));
        b.storeScalar(b.loadScalar(source, {row, col}), target, {p, b.div(col, pack), lane});
      });
    });
  });
}

void emitPack(KernelBuilder &b, Kernel &kernel, StringRef layout) {
  Value source = kernel.inputs.front(), target = kernel.outputs.front();
  ArrayRef<int64_t> shape = shapeOf(kernel.results().front());
  if (layout == "panel") {
    int64_t k = shape.back(), n = elementsOf(kernel.results().front()) / k;
    return packPanels(b, b.reshape(source, {n, k}), target, n, k);
  }
  int64_t total = cast<MemRefType>(target.getType()).getNumElements(), each = total / (shape[0] * shape[2]);
  auto [begin, end] = b.share(shape[0] * shape[2]);
  b.loop(begin, end, 1, [&](Value item) {
    Value batch = b.div(item, shape[2]), head = b.rem(item, shape[2]);
    zero(b, b.reshape(target, {total}), b.mul(item, each), b.mul(b.add(item, 1), each));
    b.loop(b.index(0), b.index(shape[1]), 1, [&](Value t) {
      b.loop(b.index(0), b.index(shape[3]), 1, [&](Value e) {
        storeInCache(b, b.loadScalar(source, {batch, t, head, e}), target, layout, batch, t, head, e);
      });
    });
  });
}

} // namespace tp::cpu
