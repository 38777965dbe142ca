#include "Attention.h"

#include "mlir/Dialect/Math/IR/Math.h"

#include <cmath>

using namespace mlir;

namespace tp::cuda {

AttentionShape::AttentionShape(func::FuncOp source) : op(opsOf(source).all<SdpaOp>().front()) {
  ArrayRef<int64_t> q = cpu::shapeOf(op.getQuery()), k = cpu::shapeOf(op.getKey());
  batches = q[0], rows = q[1], heads = q[2], size = q[3], positions = k[1], keyHeads = k[2];
  group = op.getGroup(), window = op.getWindow(), causal = op.getCausal();
  rope = op.getQuery().getDefiningOp<RopeOp>();
}

AttentionTile::AttentionTile(GpuKernel &kernel, const AttentionShape &shape, int64_t tileRows, Value item)
    : b(kernel.b), shape(shape), tileRows(tileRows), kernel(kernel) {
  int64_t tiles = ceilDiv(shape.virtualRows(), tileRows);
  SdpaOp op = shape.op;
  RopeOp rope = shape.rope;
  batch = b.div(item, shape.keyHeads * tiles);
  keyHead = b.rem(b.div(item, tiles), shape.keyHeads);
  firstRow = b.mul(b.rem(item, tiles), tileRows);
  query = kernel.kernel.input(rope ? rope.getInput() : op.getQuery());
  keys = kernel.kernel.input(op.getKey()), values = kernel.kernel.input(op.getValue());
  target = kernel.kernel.output(op.getResult());
  position = op.getPosition() ? b.toIndex(b.loadScalar(kernel.kernel.input(op.getPosition()), batch)) : b.index(0);
  length = op.getLength() ? b.toIndex(b.loadScalar(kernel.kernel.input(op.getLength()), batch)) : Value();
  bias = op.getBias() ? kernel.kernel.input(op.getBias()) : Value();
  headShift = op.getHeadOffset()
                  ? b.rem(b.toIndex(b.loadScalar(kernel.kernel.input(op.getHeadOffset()), {})), shape.group)
                  : b.index(0);
}

Value AttentionTile::s(Value r) const { return b.min(b.div(virtualRow(r), shape.group), b.index(shape.rows - 1)); }

Value AttentionTile::head(Value r) const {
  return b.sub(b.add(b.mul(keyHead, shape.group), b.rem(virtualRow(r), shape.group)), headShift);
}

Value AttentionTile::exists(Value r) const {
  Value h = head(r), real = b.less(virtualRow(r), b.index(shape.virtualRows()));
  return b.both(real, b.both(b.less(b.index(-1), h), b.less(h, b.index(shape.heads))));
}

Value AttentionTile::high(Value r) const {
  Value last = b.index(shape.positions - 1);
  return shape.causal ? b.min(b.add(position, s(r)), last) : last;
}

Value AttentionTile::withBias(Value r, Value t, Value score) const {
  if (!bias)
    return score;
  // A row that does not exist has some other row's.
  Value h = b.max(b.min(head(r), b.index(shape.heads - 1)), b.index(0));
  return math::FmaOp::create(b, b.loadScalar(bias, {batch, h, s(r), t}), b.number(M_LOG2E), score);
}

Value AttentionTile::low(Value r) const {
  return shape.causal && shape.window > 0 ? b.sub(b.add(position, s(r)), b.index(shape.window - 1)) : b.index(0);
}

std::pair<Value, Value> AttentionTile::range() const {
  Value first = b.max(low(b.index(0)), b.index(0)), end = b.add(high(b.index(tileRows - 1)), 1);
  // Of a tile of padding: none.
  if (Value inUse = kernel.rowsInUse(batch, shape.rows))
    end = b.select(b.less(s(b.index(0)), inUse), end, first);
  return {first, b.max(end, first)};
}

void AttentionTile::loadQuery(Value q, double factor) const {
  SdpaOp op = shape.op;
  RopeOp rope = shape.rope;
  Rotation rotation(rope ? rope.getRotary() : RotaryAttr(), shape.size);
  int64_t pieces = rotation.pieces();
  Value scale = b.number(factor);
  bool narrow = rope && cpu::elementOf(op.getQuery()).isBF16();
  Value positions = rope && rope.getPosition() ? kernel.kernel.input(rope.getPosition()) : Value();
  b.loop(b.tid, b.index(tileRows * pieces), b.threads, [&](Value item) {
    Value r = b.div(item, pieces), piece = b.rem(item, pieces), found = exists(r);
    Value row = s(r), h = b.select(found, head(r), b.index(0));
    rotation.apply(b, piece, rope ? positionOf(b, positions, batch, row) : row, query, {batch, row, h},
                   [&](Value column, Value v) {
                     if (narrow)
                       v = b.narrowed(v);
                     Value kept = b.select(found, b.mulf(v, scale), b.number(0));
                     b.storeScalar(kept, q, {r, column});
                   });
  });
  b.barrier();
}

void AttentionTile::store(Value r, Value column, Value v) const {
  b.when(exists(r), [&] { b.storeScalar(v, target, {batch, s(r), head(r), column}); });
}

void AttentionTile::clearSpareHeads() const {
  SdpaOp op = shape.op;
  if (!op.getHeadOffset() && shape.heads <= shape.keyHeads * shape.group)
    return;
  Value first = b.max(b.sub(b.index(shape.keyHeads * shape.group), headShift), b.index(0));
  Value zero = b.number(0);
  // By the row that is the first of its group.
  b.when(b.equal(keyHead, b.index(shape.keyHeads - 1)), [&] {
    b.loop(b.index(0), b.index(tileRows), 1, [&](Value r) {
      Value v = virtualRow(r), whole = b.equal(b.rem(v, shape.group), b.index(0));
      b.when(b.both(whole, b.less(v, b.index(shape.virtualRows()))), [&] {
        Value spare = b.mul(b.sub(b.index(shape.heads), first), b.index(shape.size));
        b.loop(b.tid, spare, b.threads, [&](Value i) {
          b.storeScalar(zero, target, {batch, s(r), b.add(first, b.div(i, shape.size)), b.rem(i, shape.size)});
        });
      });
    });
  });
}

} // namespace tp::cuda
