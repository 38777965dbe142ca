// Scores that depend on the distance between a query and a key. A thread has an element of the result.
#include "../RopeRow.h"
#include "Rotation.h"

#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;

namespace tp::cuda {

static constexpr int64_t kThreads = 128;

// Calls body(indices of an element of `shape`) for this thread's element; `b` is of a launch of a thread per element.
static void forElement(GpuBuilder &b, ArrayRef<int64_t> shape, llvm::function_ref<void(ArrayRef<Value>)> body) {
  int64_t size = 1;
  for (int64_t each : shape)
    size *= each;
  Value item = b.globalThread();
  b.when(b.less(item, b.index(size)), [&] {
    SmallVector<Value> at(shape.size());
    Value rest = item;
    for (int64_t i = int64_t(shape.size()) - 1; i >= 0; --i) {
      at[i] = b.rem(rest, shape[i]);
      rest = b.div(rest, shape[i]);
    }
    body(at);
  });
}

static GpuKernel beginElements(Launches &launches, Value result) {
  return launches.begin("", {ceilDiv(cpu::elementsOf(result), kThreads)}, kThreads);
}

// The bucket of key t for a query at position p.
static Value bucketOf(GpuBuilder &b, RelativeBiasOp op, Value t, Value p) {
  Value distance = b.sub(p, t), bucket = b.index(0);
  if (op.getBidirectional()) {
    bucket = b.select(b.less(distance, b.index(0)), b.index(cpu::shapeOf(op.getTable())[0] / 2), bucket);
    distance = b.max(distance, b.sub(t, p));
  }
  for (int64_t bound : cpu::bucketBounds(op))
    bucket = b.add(bucket, b.select(b.lessEqual(b.index(bound), distance), b.index(1), b.index(0)));
  return bucket;
}

void emitRelativeBias(Launches &launches) {
  auto op = opsOf(launches.function()).all<RelativeBiasOp>().front();
  GpuKernel k = beginElements(launches, op.getResult());
  GpuBuilder &b = k.b;
  Value table = k.kernel.input(op.getTable()), target = k.kernel.output(op.getResult());
  Value positions = op.getPosition() ? k.kernel.input(op.getPosition()) : Value();
  forElement(b, cpu::shapeOf(op.getResult()), [&](ArrayRef<Value> at) {
    Value bucket = bucketOf(b, op, at[3], positionOf(b, positions, at[0], at[2]));
    b.storeScalar(b.loadScalar(table, {bucket, at[1]}), target, at);
  });
}

void emitSinusoid(Launches &launches) {
  auto op = opsOf(launches.function()).all<SinusoidOp>().front();
  int64_t rows = cpu::shapeOf(op.getResult())[0], size = cpu::shapeOf(op.getResult())[1], half = size / 2;
  GpuKernel k = beginElements(launches, op.getResult());
  GpuBuilder &b = k.b;
  Value target = k.kernel.output(op.getResult());
  SmallVector<double> frequencies = cpu::sinusoidRotary(b.getContext()).frequencies(size);
  forElement(b, {rows, half}, [&](ArrayRef<Value> at) {
    Value place = arith::IndexCastOp::create(b, b.getI64Type(), b.sub(b.index(op.getFirst()), at[0]));
    Value angle = b.mulf(arith::SIToFPOp::create(b, b.getF64Type(), place), b.tableElement(frequencies, at[1]));
    auto [cosine, sine] = cpu::sincos(b, b.broadcast(angle, 1), 1);
    b.storeScalar(b.extract(sine, 0), target, at);
    b.storeScalar(b.extract(cosine, 0), target, {at[0], b.add(at[1], half)});
  });
}

namespace {

// An element of relative scores.
class RelativeScoresKernel {
public:
  RelativeScoresKernel(GpuKernel &k, RelativeScoresOp op) : k(k), b(k.b), op(op) {}
  // Of row i and key j of a head.
  Value score(Value batch, Value head, Value i, Value j);

private:
  Value load(Value tensor, ValueRange at) { return b.loadScalar(k.kernel.input(tensor), at); }
  Value hidden(Value batch, Value i, Value j);

  GpuKernel &k;
  GpuBuilder &b;
  RelativeScoresOp op;
};

} // namespace

// What is added to the score of a key that the mask hides.
Value RelativeScoresKernel::hidden(Value batch, Value i, Value j) {
  Value hides = arith::CmpFOp::create(b, arith::CmpFPredicate::UNE, load(op.getMask(), {batch, i, j}), b.number(0));
  if (op.getSeesSelf())
    hides = b.both(hides, arith::CmpIOp::create(b, arith::CmpIPredicate::ne, i, j));
  return b.select(hides, b.number(-1e30), b.number(0));
}

Value RelativeScoresKernel::score(Value batch, Value head, Value i, Value j) {
  int64_t rows = cpu::shapeOf(op.getQuery())[1], size = cpu::shapeOf(op.getQuery())[3];
  Value alike = b.equal(load(op.getTypes(), {batch, i}), load(op.getTypes(), {batch, j}));
  Value segment = b.select(alike, b.index(0), b.index(1)), distance = b.add(b.sub(b.index(rows), i), j);
  Value sum = b.loop(b.index(0), b.index(size), 1, b.number(0), [&](Value e, ValueRange carried) {
    Value column = b.add(b.mul(head, size), e);
    Value plain = b.subf(load(op.getQuery(), {batch, i, head, e}), load(op.getContentBias(), column));
    Value placed = b.addf(plain, load(op.getPositionBias(), column));
    Value biased = b.addf(plain, load(op.getSegmentBias(), column));
    Value next = math::FmaOp::create(b, placed, load(op.getRelative(), {distance, head, e}), carried[0]);
    next = math::FmaOp::create(b, biased, load(op.getSegments(), {segment, column}), next);
    return SmallVector<Value>{next};
  })[0];
  Value scaled = b.mulf(sum, b.number(op.getScale().convertToDouble()));
  return op.getMask() ? b.addf(scaled, hidden(batch, i, j)) : scaled;
}

void emitRelativeScores(Launches &launches) {
  auto op = opsOf(launches.function()).all<RelativeScoresOp>().front();
  GpuKernel k = beginElements(launches, op.getResult());
  Value target = k.kernel.output(op.getResult());
  RelativeScoresKernel kernel(k, op);
  forElement(k.b, cpu::shapeOf(op.getResult()),
             [&](ArrayRef<Value> at) { k.b.storeScalar(kernel.score(at[0], at[1], at[2], at[3]), target, at); });
}

} // namespace tp::cuda
