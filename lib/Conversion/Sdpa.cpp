// Attention: query rows that share a key head, a tile at a time, over blocks of kKeyBlock keys with an online softmax.
// All in f32.
//
// The rows of a key head are virtual: v = s * group + i is query head i of the group at row s. With a head offset the
// group may begin before this device's first head; such rows are computed as zeros and not stored.
#include "RopeRow.h"

#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;

namespace tp::cpu {

namespace {

class SdpaKernel {
public:
  SdpaKernel(KernelBuilder &b, Kernel &kernel);
  void run();

private:
  void item(Value item);
  void clearSpareHeads();
  void loadQuery(Value r);
  Value visible(Value bound, Value first, int64_t panel, bool above);
  void block(Value block);
  SmallVector<Value> multiply(Value left, int64_t depth, int64_t vectors, ArrayRef<Value> init,
                              llvm::function_ref<std::pair<Value, Value>(Value step, int64_t vector)> right);
  std::pair<Value, Value> load(Value memory, ArrayRef<Value> at);
  SmallVector<Value> scores(Value block);
  void softmax(int64_t r, Value first, ArrayRef<Value> scores);
  void addValues(Value block, int64_t column, int64_t vectors);
  void storeResult(Value r);
  Value bias(int64_t r, Value first);
  Value queryHead(Value v);
  Value at(Value memory, Value r) { return memref::LoadOp::create(b, memory, r); }

  KernelBuilder &b;
  Kernel &kernel;
  SdpaOp op;
  RopeOp rope;
  int64_t batches, rows, heads, size, positions, keyHeads, group, window, tileRows, tiles, paddedSize;
  double softcap;
  bool causal, paired;
  Value query, keys, values, target, positionTensor, lengthTensor, biasTensor,
      headShift; // memory; headShift: head_offset mod group
  // Of this thread: scaled query, weights of a block, sums, [tileRows, ...]; maxima, totals, factors and bounds,
  // [tileRows].
  Value q, p, o, maxima, totals, factors, lows, highs;
  // Of the item.
  Value batch, keyHead, firstRow, position, keysSeen;
};

} // namespace

SdpaKernel::SdpaKernel(KernelBuilder &b, Kernel &kernel) : b(b), kernel(kernel), op(kernel.all<SdpaOp>().front()) {
  ArrayRef<int64_t> shape = shapeOf(op.getQuery());
  batches = shape[0], rows = shape[1], heads = shape[2], size = shape[3];
  positions = shapeOf(op.getKey())[1], keyHeads = shapeOf(op.getKey())[2];
  group = op.getGroup(), window = op.getWindow(), causal = op.getCausal();
  softcap = op.getSoftcap().convertToDouble();
  rope = op.getQuery().getDefiningOp<RopeOp>();
  query = kernel.input(rope ? rope.getInput() : op.getQuery());
  keys = kernel.input(op.getKey()), values = kernel.input(op.getValue()), target = kernel.output(op.getResult());
  positionTensor = op.getPosition() ? kernel.input(op.getPosition()) : Value();
  lengthTensor = op.getLength() ? kernel.input(op.getLength()) : Value();
  biasTensor = op.getBias() ? kernel.input(op.getBias()) : Value();
  paired = elementOf(op.getKey()).isBF16();
  tileRows = std::min<int64_t>(b.target.avx512 ? 6 : 2, rows * group);
  tiles = ceilDiv(rows * group, tileRows);
  paddedSize = roundUp(size, kLanes);
  q = b.scratch({tileRows, roundUp(size, 2)});
  p = b.scratch({tileRows, kKeyBlock});
  o = b.scratch({tileRows, paddedSize});
  maxima = b.scratch({tileRows}), totals = b.scratch({tileRows}), factors = b.scratch({tileRows});
  lows = b.scratch({tileRows}, b.getI32Type()), highs = b.scratch({tileRows}, b.getI32Type());
  headShift = b.index(0);
  if (op.getHeadOffset())
    headShift = b.rem(b.toIndex(b.loadScalar(kernel.input(op.getHeadOffset()), {})), group);
}

// The local number of the query head of virtual row v; outside [0, heads) there is none.
Value SdpaKernel::queryHead(Value v) { return b.sub(b.add(b.mul(keyHead, group), b.rem(v, group)), headShift); }

static Value floatConstant(KernelBuilder &b, double value) {
  return arith::ConstantOp::create(b, b.getF32FloatAttr(float(value)));
}

void SdpaKernel::loadQuery(Value r) {
  Value v = b.add(firstRow, r), s = b.min(b.div(v, group), b.index(rows - 1)), head = queryHead(v);
  Value exists =
      b.both(b.less(v, b.index(rows * group)), b.both(b.less(b.index(-1), head), b.less(head, b.index(heads))));
  Value scale = floatConstant(b, op.getScale().convertToDouble());
  auto lanesOf = [](Value vector) { return cast<VectorType>(vector.getType()).getDimSize(0); };
  Type type = elementOf(op.getQuery());
  auto keep = [&](Value column, Value x) {
    Value rounded = rope ? b.round(x, type) : x;
    b.store(b.mulf(rounded, b.broadcast(scale, lanesOf(x))), q, {r, column});
  };
  auto load = [&] {
    if (!rope)
      return copyHead(b, size, query, {batch, s, head}, keep);
    RopeRow rotation(rope.getRotary(), size);
    Value ropePosition = positionOf(b, rope.getPosition() ? kernel.input(rope.getPosition()) : Value(), batch, s);
    rotation.rotate(b, rotation.angles(b, ropePosition), query, {batch, s, head}, keep);
  };
  Value zero = floatConstant(b, 0);
  b.when(exists, load, [&] {
    b.loop(b.index(0), b.index(size), 1, [&](Value e) { memref::StoreOp::create(b, zero, q, ValueRange{r, e}); });
  });
  if (size % 2)
    memref::StoreOp::create(b, zero, q, ValueRange{r, b.index(size)});
  b.loop(b.index(0), b.index(paddedSize), kLanes, [&](Value e) { b.store(b.splat(0), o, {r, e}); });
  memref::StoreOp::create(b, floatConstant(b, -1e30), maxima, r);
  memref::StoreOp::create(b, zero, totals, r);
  Value last = causal ? b.add(position, s) : b.index(positions - 1);
  Value first = causal && window > 0 ? b.sub(last, b.index(window - 1)) : b.index(0);
  auto bound = [&](Value v, Value memory) { memref::StoreOp::create(b, b.toI32(v), memory, r); };
  bound(b.min(last, b.sub(keysSeen, b.index(1))), highs);
  bound(first, lows);
}

// A vector of keys or values, or two: those of a pair of columns.
std::pair<Value, Value> SdpaKernel::load(Value memory, ArrayRef<Value> at) {
  return paired ? b.loadPair(memory, at) : std::make_pair(b.load(memory, at), Value());
}

// init + left [tileRows, depth] times vectors that `right` loads for each step (a column of left, or a pair):
// [row][vector].
SmallVector<Value> SdpaKernel::multiply(Value left, int64_t depth, int64_t vectors, ArrayRef<Value> init,
                                        llvm::function_ref<std::pair<Value, Value>(Value, int64_t)> right) {
  int64_t pack = paired ? 2 : 1;
  return b.loop(b.index(0), b.index(ceilDiv(depth, pack)), 1, init, [&](Value i, ValueRange carried) {
    SmallVector<Value> sums(carried);
    SmallVector<std::pair<Value, Value>> columns;
    for (int64_t v = 0; v < vectors; ++v)
      columns.push_back(right(i, v));
    for (int64_t r = 0; r < tileRows; ++r) {
      Value e = b.mul(i, pack);
      Value x = b.loadSplat(left, {b.index(r), e});
      Value y = paired ? b.loadSplat(left, {b.index(r), b.add(e, 1)}) : Value();
      for (int64_t v = 0; v < vectors; ++v) {
        Value &sum = sums[r * vectors + v];
        sum = b.fma(x, columns[v].first, sum);
        if (paired)
          sum = b.fma(y, columns[v].second, sum);
      }
    }
    return sums;
  });
}

// q times 64 keys: [row][panel].
SmallVector<Value> SdpaKernel::scores(Value block) {
  constexpr int64_t panels = kKeyBlock / kLanes;
  Value firstPanel = b.mul(block, panels);
  SmallVector<Value> init(tileRows * panels, b.splat(0));
  return multiply(q, size, panels, init, [&](Value i, int64_t panel) {
    return load(keys, {batch, keyHead, b.add(firstPanel, panel), i, b.index(0)});
  });
}

// Which of 16 positions from `first` on lie at or below (`above`: at or above) `bound`.
Value SdpaKernel::visible(Value bound, Value first, int64_t panel, bool above) {
  SmallVector<int32_t> lanes;
  for (int64_t i = 0; i < kLanes; ++i)
    lanes.push_back(int32_t(panel * kLanes + i));
  auto type = VectorType::get({kLanes}, b.getI32Type());
  Value iota = arith::ConstantOp::create(b, DenseElementsAttr::get(type, ArrayRef<int32_t>(lanes)));
  Value offset = arith::SubIOp::create(b, bound, b.toI32(first));
  return arith::CmpIOp::create(b, above ? arith::CmpIPredicate::sge : arith::CmpIPredicate::sle, iota,
                               b.broadcast(offset));
}

// The bias of row r for 16 keys from `first` on. A row that is not stored has some other row's.
Value SdpaKernel::bias(int64_t r, Value first) {
  Value v = b.add(firstRow, r), s = b.min(b.div(v, group), b.index(rows - 1));
  Value head = b.max(b.min(queryHead(v), b.index(heads - 1)), b.index(0));
  Value mask = positions % kKeyBlock ? b.mask(b.max(b.sub(b.index(positions), first), b.index(0))) : Value();
  return b.load(biasTensor, {batch, head, s, first}, kLanes, mask);
}

// Weights of row r for a block into p, and the factor by which earlier sums shrink.
void SdpaKernel::softmax(int64_t r, Value first, ArrayRef<Value> scores) {
  Value row = b.index(r), high = at(highs, row), low = at(lows, row);
  Value minusInfinity = b.splat(-std::numeric_limits<double>::infinity());
  SmallVector<Value> masked;
  for (auto [panel, score] : llvm::enumerate(scores)) {
    Value seen = visible(high, first, int64_t(panel), false);
    if (causal && window > 0)
      seen = b.both(seen, visible(low, first, int64_t(panel), true));
    Value capped = score;
    if (softcap > 0)
      capped = b.mulf(b.splat(softcap), tanh(b, b.mulf(b.splat(1 / softcap), score)));
    if (biasTensor)
      capped = b.addf(capped, bias(r, b.add(first, int64_t(panel) * kLanes)));
    masked.push_back(arith::SelectOp::create(b, seen, capped, minusInfinity));
  }
  Value most = masked.front();
  for (Value v : ArrayRef<Value>(masked).drop_front())
    most = b.maximum(most, v);
  Value before = at(maxima, row), now = b.maximum(before, b.maximum(most));
  Value factor = math::ExpOp::create(b, b.subf(before, now));
  Value sum = b.splat(0);
  for (auto [panel, v] : llvm::enumerate(masked)) {
    Value weight = math::ExpOp::create(b, b.subf(v, b.broadcast(now)));
    b.store(weight, p, {row, b.index(int64_t(panel) * kLanes)});
    sum = b.addf(sum, weight);
  }
  Value total = b.addf(b.mulf(at(totals, row), factor), b.sum(sum));
  memref::StoreOp::create(b, now, maxima, row);
  memref::StoreOp::create(b, total, totals, row);
  memref::StoreOp::create(b, factor, factors, row);
}

// o = o * factor + p times values, for `vectors` vectors from `column` on.
void SdpaKernel::addValues(Value block, int64_t column, int64_t vectors) {
  SmallVector<Value> init;
  for (int64_t r = 0; r < tileRows; ++r) {
    Value factor = b.broadcast(at(factors, b.index(r)));
    for (int64_t v = 0; v < vectors; ++v)
      init.push_back(b.mulf(b.load(o, {b.index(r), b.index(column + v * kLanes)}), factor));
  }
  int64_t pack = paired ? 2 : 1;
  Value first = b.mul(block, kKeyBlock / pack);
  SmallVector<Value> sums = multiply(p, kKeyBlock, vectors, init, [&](Value i, int64_t v) {
    return load(values, {batch, keyHead, b.add(first, i), b.index((column + v * kLanes) * pack)});
  });
  for (int64_t r = 0; r < tileRows; ++r)
    for (int64_t v = 0; v < vectors; ++v)
      b.store(sums[r * vectors + v], o, {b.index(r), b.index(column + v * kLanes)});
}

void SdpaKernel::block(Value block) {
  constexpr int64_t panels = kKeyBlock / kLanes;
  SmallVector<Value> all = scores(block);
  Value first = b.mul(block, kKeyBlock);
  for (int64_t r = 0; r < tileRows; ++r)
    softmax(r, first, ArrayRef<Value>(all).slice(r * panels, panels));
  int64_t width = b.target.avx512 ? 4 : 2;
  for (int64_t column = 0; column < paddedSize; column += width * kLanes)
    addValues(block, column, std::min(width, (paddedSize - column) / kLanes));
}

void SdpaKernel::storeResult(Value r) {
  Value v = b.add(firstRow, r), s = b.div(v, group), head = queryHead(v);
  Value exists =
      b.both(b.less(v, b.index(rows * group)), b.both(b.less(b.index(-1), head), b.less(head, b.index(heads))));
  b.when(exists, [&] {
    Value factor = b.broadcast(b.divf(floatConstant(b, 1), b.maximum(at(totals, r), floatConstant(b, 1e-30))));
    b.forVectors(size, [&](Value e, Value mask) {
      b.store(b.mulf(b.load(o, {r, e}), factor), target, {batch, s, head, e}, mask);
    });
  });
}

void SdpaKernel::item(Value item) {
  batch = b.div(item, keyHeads * tiles);
  keyHead = b.rem(b.div(item, tiles), keyHeads);
  firstRow = b.mul(b.rem(item, tiles), tileRows);
  position = positionTensor ? b.toIndex(b.loadScalar(positionTensor, batch)) : b.index(0);
  keysSeen = b.index(positions);
  if (lengthTensor)
    keysSeen = b.min(keysSeen, b.toIndex(b.loadScalar(lengthTensor, batch)));
  b.loop(b.index(0), b.index(tileRows), 1, [&](Value r) { loadQuery(r); });
  Value begin = b.index(0), end = b.max(keysSeen, b.index(0));
  if (causal) {
    Value first = b.add(position, b.div(firstRow, group));
    Value last = b.add(position, b.min(b.div(b.add(firstRow, tileRows - 1), group), b.index(rows - 1)));
    end = b.max(b.min(end, b.add(last, 1)), b.index(0));
    if (window > 0)
      begin = b.div(b.max(b.sub(first, b.index(window - 1)), begin), kKeyBlock);
  }
  b.loop(begin, b.div(b.add(end, kKeyBlock - 1), kKeyBlock), 1, [&](Value i) { block(i); });
  b.loop(b.index(0), b.index(tileRows), 1, [&](Value r) { storeResult(r); });
}

// Heads beyond the last key head's group are padding, but must not be left as they are: zero times NaN is NaN.
void SdpaKernel::clearSpareHeads() {
  Value first = b.max(b.sub(b.index(keyHeads * group), headShift), b.index(0));
  auto [begin, end] = b.share(batches * rows);
  Value zero = floatConstant(b, 0);
  b.loop(begin, end, 1, [&](Value row) {
    b.loop(first, b.index(heads), 1, [&](Value head) {
      b.loop(b.index(0), b.index(size), 1,
             [&](Value e) { b.storeScalar(zero, target, {b.div(row, rows), b.rem(row, rows), head, e}); });
    });
  });
}

void SdpaKernel::run() {
  // Threads take items in turn: later rows see more keys.
  auto type = cast<RankedTensorType>(op.getQuery().getType());
  b.loop(b.thread, b.index(batches * keyHeads * tiles), b.threads, [&](Value i) {
    Value row = b.add(b.mul(b.div(i, keyHeads * tiles), rows), b.div(b.mul(b.rem(i, tiles), tileRows), group));
    b.ifInUse(type, b.mul(row, heads), 1, [&] { item(i); });
  });
  if (op.getHeadOffset() || heads > keyHeads * group)
    clearSpareHeads();
}

void emitSdpa(KernelBuilder &b, Kernel &kernel) { SdpaKernel(b, kernel).run(); }

} // namespace tp::cpu
