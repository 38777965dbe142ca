// Which experts a row goes to: a warp has a row, a lane some of its experts.
#include "Argmax.h"

#include <cmath>

using namespace mlir;

namespace tp::cuda {

namespace {

// Experts lane, lane + 32, ... of a row: of each its part of the softmax, and its gate.
class RouteKernel {
public:
  RouteKernel(GpuKernel &k, RouteOp op)
      : k(k), b(k.b), op(op), experts(cpu::shapeOf(op.getLogits()).back()), pieces(ceilDiv(experts, kWarp)) {
    int64_t rows = cpu::elementsOf(op.getLogits()) / experts;
    logits = b.reshape(k.kernel.input(op.getLogits()), {rows, experts});
    gates = b.reshape(k.kernel.output(op.getResult()), {rows, experts});
    row = b.block();
  }
  void run();

private:
  Value expert(int64_t piece) { return b.add(b.lane, piece * kWarp); }
  Value exists(int64_t piece) { return b.less(expert(piece), b.index(experts)); }
  Value number(int64_t piece) { return b.toI32(expert(piece)); }
  SmallVector<Value> exponentials();
  SmallVector<Value> choose(SmallVector<Value> values);

  Value used();

  GpuKernel &k;
  GpuBuilder &b;
  RouteOp op;
  int64_t experts, pieces;
  Value logits, gates, row;
};

} // namespace

static constexpr double kTaken = -1; // less than any exponential

// exp(logit - largest); kTaken for experts that do not exist.
SmallVector<Value> RouteKernel::exponentials() {
  Value most = b.number(-std::numeric_limits<double>::infinity());
  SmallVector<Value> values;
  for (int64_t i = 0; i < pieces; ++i) {
    Value at = b.min(expert(i), b.index(experts - 1));
    values.push_back(b.loadScalar(logits, {row, at}));
    most = b.maximum(most, values.back());
  }
  most = b.warpMaximum(most);
  for (auto [i, value] : llvm::enumerate(values)) {
    Value power = b.exp2(b.mulf(b.subf(value, most), b.number(M_LOG2E)));
    value = b.select(exists(int64_t(i)), power, b.number(kTaken));
  }
  return values;
}

// Takes the largest one `top_k` times. Returns what was taken, zero elsewhere, and the sum of it.
SmallVector<Value> RouteKernel::choose(SmallVector<Value> values) {
  SmallVector<Value> init(values);
  init.append(pieces + 1, b.number(0));
  SmallVector<Value> ends = b.loop(b.index(0), b.index(int64_t(op.getTopK())), 1, init, [&](Value, ValueRange carried) {
    SmallVector<Value> next(carried);
    Pair best{next[0], number(0)};
    for (int64_t i = 1; i < pieces; ++i)
      best = better(b, best, {next[i], number(i)});
    best = bestOfLanes(b, best);
    for (int64_t i = 0; i < pieces; ++i) {
      Value mine = b.equal(number(i), best.index);
      next[pieces + i] = b.select(mine, best.value, next[pieces + i]);
      next[i] = b.select(mine, b.number(kTaken), next[i]);
    }
    next.back() = b.addf(next.back(), best.value);
    return next;
  });
  return SmallVector<Value>(llvm::drop_begin(ends, pieces));
}

// Whether the row is no padding; null: it is not known.
Value RouteKernel::used() {
  ArrayRef<int64_t> shape = cpu::shapeOf(op.getLogits());
  int64_t rows = shape.size() > 2 ? shape[1] : 1;
  Value inUse = k.rowsInUse(b.div(row, rows), rows);
  return inUse ? b.less(b.rem(row, rows), inUse) : Value();
}

void RouteKernel::run() {
  SmallVector<Value> values = exponentials(), chosen = choose(values);
  Value total = chosen.pop_back_val();
  if (!op.getNormalised()) {
    Value mine = b.number(0);
    for (Value value : values)
      mine = b.addf(mine, arith::MaxNumFOp::create(b, value, b.number(0)));
    total = b.warpSum(mine);
  }
  // Padding chooses no expert, so it reads no weights.
  Value real = used();
  for (int64_t i = 0; i < pieces; ++i) {
    Value gate = b.divf(chosen[i], total);
    if (real)
      gate = b.select(real, gate, b.number(0));
    b.when(exists(i), [&] { b.storeScalar(gate, gates, {row, expert(i)}); });
  }
}

void emitRoute(Launches &launches) {
  auto op = opsOf(launches.function()).all<RouteOp>().front();
  int64_t rows = cpu::elementsOf(op.getLogits()) / cpu::shapeOf(op.getLogits()).back();
  GpuKernel k = launches.begin("", {rows}, kWarp);
  RouteKernel(k, op).run();
}

} // namespace tp::cuda
