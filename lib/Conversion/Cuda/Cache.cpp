// Rotations and cache updates: a thread handles a pair of elements, or one that is not rotated.
#include "Rotation.h"

using namespace mlir;

namespace tp::cuda {

static constexpr int64_t kThreads = 128;

// Calls body(batch, s, head, piece) for this thread's piece of [batches, rows, heads, pieces].
static void forPiece(GpuBuilder &b, ArrayRef<int64_t> shape, int64_t pieces,
                     llvm::function_ref<void(Value, Value, Value, Value)> body) {
  Value item = b.globalThread();
  b.when(b.less(item, b.index(shape[0] * shape[1] * shape[2] * pieces)), [&] {
    Value head = b.div(item, pieces), row = b.div(head, shape[2]);
    body(b.div(row, shape[1]), b.rem(row, shape[1]), b.rem(head, shape[2]), b.rem(item, pieces));
  });
}

static int64_t blocksFor(ArrayRef<int64_t> shape, int64_t pieces) {
  return ceilDiv(shape[0] * shape[1] * shape[2] * pieces, kThreads);
}

void emitRope(Launches &launches) {
  auto op = opsOf(launches.function()).all<RopeOp>().front();
  ArrayRef<int64_t> shape = cpu::shapeOf(op.getInput());
  Rotation rotation(op.getRotary(), shape[3]);
  GpuKernel k = launches.begin("", {blocksFor(shape, rotation.pieces())}, kThreads);
  GpuBuilder &b = k.b;
  Value source = k.kernel.input(op.getInput()), target = k.kernel.output(op.getResult());
  Value positions = op.getPosition() ? k.kernel.input(op.getPosition()) : Value();
  forPiece(b, shape, rotation.pieces(), [&](Value batch, Value s, Value head, Value piece) {
    rotation.apply(b, piece, positionOf(b, positions, batch, s), source, {batch, s, head},
                   [&](Value column, Value v) { b.storeScalar(v, target, {batch, s, head, column}); });
  });
}

static void update(GpuKernel &k, KvUpdateOp op) {
  GpuBuilder &b = k.b;
  auto rope = op.getRows().getDefiningOp<RopeOp>();
  ArrayRef<int64_t> shape = cpu::shapeOf(op.getRows());
  Rotation rotation(rope ? rope.getRotary() : RotaryAttr(), shape[3]);
  Value source = k.kernel.input(rope ? rope.getInput() : op.getRows()), cache = k.kernel.input(op.getCache());
  Value positions = k.kernel.input(op.getPosition());
  int64_t length = cpu::shapeOf(op.getCache())[1];
  bool narrow = cpu::elementOf(op.getRows()).isBF16(); // rows are rounded by their own type first
  forPiece(b, shape, rotation.pieces(), [&](Value batch, Value s, Value head, Value piece) {
    Value t = positionOf(b, positions, batch, s);
    b.when(b.both(b.less(t, b.index(length)), b.less(b.index(-1), t)), [&] {
      rotation.apply(b, piece, t, source, {batch, s, head}, [&](Value column, Value v) {
        if (narrow)
          v = b.narrowed(v);
        b.storeScalar(v, cache, {batch, t, head, column});
      });
    });
  });
}

// Several caches (keys and values) are updated by one launch; y is the number of the update.
void emitKvUpdate(Launches &launches) {
  auto updates = opsOf(launches.function()).all<KvUpdateOp>();
  int64_t blocks = 0;
  for (KvUpdateOp op : updates) {
    auto rope = op.getRows().getDefiningOp<RopeOp>();
    ArrayRef<int64_t> shape = cpu::shapeOf(op.getRows());
    blocks = std::max(blocks, blocksFor(shape, Rotation(rope ? rope.getRotary() : RotaryAttr(), shape[3]).pieces()));
  }
  GpuKernel k = launches.begin("", {blocks, int64_t(updates.size())}, kThreads);
  Value which = k.b.block(gpu::Dimension::y);
  for (auto [i, op] : llvm::enumerate(updates)) {
    if (updates.size() == 1)
      update(k, op);
    else
      k.b.when(k.b.equal(which, k.b.index(int64_t(i))), [&, op = op] { update(k, op); });
  }
}

} // namespace tp::cuda
