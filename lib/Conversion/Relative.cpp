// Scores that depend on the distance between a query and a key.
#include "RopeRow.h"

using namespace mlir;

namespace tp::cpu {

SmallVector<int64_t> bucketBounds(RelativeBiasOp op) {
  SmallVector<int64_t> bounds;
  int64_t bucket = 0;
  for (int64_t distance = 1; distance <= int64_t(op.getMaxDistance()); ++distance)
    for (int64_t next = op.bucketOf(-distance); bucket < next; ++bucket)
      bounds.push_back(distance);
  return bounds;
}

// Buckets of 16 keys from `t` on, for a query at position p.
static Value bucketsOf(KernelBuilder &b, RelativeBiasOp op, ArrayRef<int64_t> bounds, Value t, Value p) {
  SmallVector<int32_t> lanes;
  for (int64_t i = 0; i < kLanes; ++i)
    lanes.push_back(int32_t(i));
  auto type = VectorType::get({kLanes}, b.getI32Type());
  Value iota = arith::ConstantOp::create(b, DenseElementsAttr::get(type, ArrayRef<int32_t>(lanes)));
  Value distance = arith::AddIOp::create(b, iota, b.broadcast(b.toI32(b.sub(t, p))));
  Value zero = b.splatInt(0), back = arith::SubIOp::create(b, zero, distance), bucket = zero;
  if (op.getBidirectional()) {
    Value ahead = arith::CmpIOp::create(b, arith::CmpIPredicate::sgt, distance, zero);
    bucket = arith::SelectOp::create(b, ahead, b.splatInt(shapeOf(op.getTable())[0] / 2), zero);
    back = arith::MaxSIOp::create(b, back, distance);
  }
  for (int64_t bound : bounds) {
    Value reached = arith::CmpIOp::create(b, arith::CmpIPredicate::sge, back, b.splatInt(bound));
    bucket = arith::AddIOp::create(b, bucket, arith::ExtUIOp::create(b, type, reached));
  }
  return bucket;
}

void emitRelativeBias(KernelBuilder &b, Kernel &kernel) {
  auto op = kernel.all<RelativeBiasOp>().front();
  ArrayRef<int64_t> shape = shapeOf(op.getResult());
  Value table = kernel.input(op.getTable()), target = kernel.output(op.getResult());
  Value positions = op.getPosition() ? kernel.input(op.getPosition()) : Value();
  Value buckets = b.scratch({roundUp(shape[3], kLanes)}, b.getI32Type());
  SmallVector<int64_t> bounds = bucketBounds(op);
  auto [begin, end] = b.share(shape[0] * shape[2]);
  b.loop(begin, end, 1, [&](Value row) {
    Value batch = b.div(row, shape[2]), s = b.rem(row, shape[2]), p = positionOf(b, positions, batch, s);
    b.loop(b.index(0), b.index(shape[3]), kLanes,
           [&](Value t) { b.store(bucketsOf(b, op, bounds, t, p), buckets, t); });
    b.loop(b.index(0), b.index(shape[1]), 1, [&](Value head) {
      b.loop(b.index(0), b.index(shape[3]), 1, [&](Value t) {
        Value bucket = b.toIndex(memref::LoadOp::create(b, buckets, t));
        b.storeScalar(b.loadScalar(table, {bucket, head}), target, {batch, head, s, t});
      });
    });
  });
}

RotaryAttr sinusoidRotary(MLIRContext *context) {
  return RotaryAttr::get(context, APFloat(10000.0), 0, false, StringAttr::get(context, ""), APFloat(1.0), APFloat(1.0),
                         APFloat(1.0), 0);
}

void emitSinusoid(KernelBuilder &b, Kernel &kernel) {
  auto op = kernel.all<SinusoidOp>().front();
  ArrayRef<int64_t> shape = shapeOf(op.getResult());
  RopeRow angles(sinusoidRotary(b.getContext()), shape[1]);
  Value target = kernel.output(op.getResult());
  auto [begin, end] = b.share(shape[0]);
  b.loop(begin, end, 1, [&](Value row) {
    int64_t column = 0;
    for (auto [cosine, sine] : angles.angles(b, b.sub(b.index(op.getFirst()), row))) {
      b.store(sine, target, {row, b.index(column)});
      b.store(cosine, target, {row, b.index(shape[1] / 2 + column)});
      column += cast<VectorType>(sine.getType()).getDimSize(0);
    }
  });
}

// The sum of `term(first, mask)` over 0..size-1, a vector at a time.
static Value sumOf(KernelBuilder &b, int64_t size, llvm::function_ref<Value(Value, Value)> term) {
  int64_t whole = size / kLanes * kLanes;
  Value sum = b.splat(0);
  if (whole)
    sum = b.loop(b.index(0), b.index(whole), kLanes, sum, [&](Value i, ValueRange carried) {
      return SmallVector<Value>{b.addf(carried[0], term(i, nullptr))};
    })[0];
  if (whole < size)
    sum = b.addf(sum, term(b.index(whole), b.mask(b.index(size - whole))));
  return b.sum(sum);
}

// Items are rows of a head.
void emitRelativeScores(KernelBuilder &b, Kernel &kernel) {
  auto op = kernel.all<RelativeScoresOp>().front();
  ArrayRef<int64_t> shape = shapeOf(op.getQuery());
  int64_t rows = shape[1], heads = shape[2], size = shape[3];
  auto memory = [&](Value operand) { return kernel.input(operand); };
  Value query = memory(op.getQuery()), relative = memory(op.getRelative()), types = memory(op.getTypes());
  Value mask = op.getMask() ? memory(op.getMask()) : Value(), target = kernel.output(op.getResult());
  Value placed = b.scratch({roundUp(size, kLanes)});
  auto scalar = [&](double v) -> Value { return arith::ConstantOp::create(b, b.getF32FloatAttr(float(v))); };
  auto [begin, end] = b.share(shape[0] * heads * rows);
  b.loop(begin, end, 1, [&](Value item) {
    Value i = b.rem(item, rows), head = b.rem(b.div(item, rows), heads), batch = b.div(item, rows * heads);
    Value base = b.mul(head, size);
    auto plain = [&](Value e, Value lanes) {
      return b.subf(b.load(query, {batch, i, head, e}, kLanes, lanes),
                    b.load(memory(op.getContentBias()), b.add(base, e), kLanes, lanes));
    };
    auto segment = [&](int64_t which) {
      return sumOf(b, size, [&](Value e, Value lanes) {
        Value biased = b.addf(plain(e, lanes), b.load(memory(op.getSegmentBias()), b.add(base, e), kLanes, lanes));
        return b.mulf(biased, b.load(memory(op.getSegments()), {b.index(which), b.add(base, e)}, kLanes, lanes));
      });
    };
    Value same = segment(0), other = segment(1), mine = b.loadScalar(types, {batch, i});
    b.forVectors(size, [&](Value e, Value lanes) {
      b.store(b.addf(plain(e, lanes), b.load(memory(op.getPositionBias()), b.add(base, e), kLanes, lanes)), placed, e);
    });
    b.loop(b.index(0), b.index(rows), 1, [&](Value j) {
      Value distance = b.add(b.sub(b.index(rows), i), j);
      Value place = sumOf(b, size, [&](Value e, Value lanes) {
        return b.mulf(b.load(placed, e), b.load(relative, {distance, head, e}, kLanes, lanes));
      });
      Value alike = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, mine, b.loadScalar(types, {batch, j}));
      Value score = b.mulf(scalar(op.getScale().convertToDouble()),
                           b.addf(place, arith::SelectOp::create(b, alike, same, other)));
      if (mask) {
        Value hidden =
            arith::CmpFOp::create(b, arith::CmpFPredicate::UNE, b.loadScalar(mask, {batch, i, j}), scalar(0));
        if (op.getSeesSelf())
          hidden = b.both(hidden, arith::CmpIOp::create(b, arith::CmpIPredicate::ne, i, j));
        score = b.addf(score, arith::SelectOp::create(b, hidden, scalar(-1e30), scalar(0)));
      }
      b.storeScalar(score, target, {batch, head, i, j});
    });
  });
}

} // namespace tp::cpu
