// The largest element of rows: a block for each piece, then one for all pairs of a row.
#include "Argmax.h"
#include "../Shard.h"

using namespace mlir;

namespace tp::cuda {

static constexpr int64_t kThreads = 256;

Pair better(GpuBuilder &b, Pair x, Pair y) {
  Value more = arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, y.value, x.value);
  Value equal = arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, y.value, x.value);
  Value lower = arith::CmpIOp::create(b, arith::CmpIPredicate::slt, y.index, x.index);
  Value take = arith::OrIOp::create(b, more, b.both(equal, lower));
  return {b.select(take, y.value, x.value), b.select(take, y.index, x.index)};
}

Pair bestOfLanes(GpuBuilder &b, Pair mine, int64_t lanes) {
  for (int64_t mask = lanes / 2; mask > 0; mask /= 2)
    mine = better(b, mine, {b.shuffleXor(mine.value, mask), b.shuffleXor(mine.index, mask)});
  return mine;
}

// The best of the block's threads, in thread 0.
static Pair bestOfBlock(GpuBuilder &b, Pair best) {
  best = bestOfLanes(b, best);
  int64_t warps = kThreads / kWarp;
  Value values = b.shared({warps}), indices = b.shared({warps}, b.getI32Type());
  b.when(b.equal(b.lane, b.index(0)), [&] {
    memref::StoreOp::create(b, best.value, values, b.warp);
    memref::StoreOp::create(b, best.index, indices, b.warp);
  });
  b.barrier();
  // Each warp reads all of them, so that whole warps shuffle.
  Value at = b.rem(b.lane, warps);
  return bestOfLanes(b, {memref::LoadOp::create(b, values, at), memref::LoadOp::create(b, indices, at)}, warps);
}

// Runs over elements from + tid, + kThreads... below `end`; get(i) gives one.
static Pair scan(GpuBuilder &b, Value from, Value end, Value firstIndex, llvm::function_ref<Pair(Value)> get) {
  Value none = b.number(-std::numeric_limits<double>::infinity());
  SmallVector<Value> found =
      b.loop(b.add(from, b.tid), end, kThreads, ValueRange{none, firstIndex}, [&](Value i, ValueRange carried) {
        Pair pair = better(b, {carried[0], carried[1]}, get(i));
        return SmallVector<Value>{pair.value, pair.index};
      });
  return bestOfBlock(b, {found[0], found[1]});
}

void emitTopPairs(Launches &launches) {
  auto op = opsOf(launches.function()).all<TopPairsOp>().front();
  int64_t batch = cpu::shapeOf(op.getInput())[0], size = cpu::shapeOf(op.getInput())[1];
  int64_t pieces = cpu::shapeOf(op.getResult())[1], each = ceilDiv(size, pieces);
  GpuKernel k = launches.begin("", {pieces, batch}, kThreads);
  GpuBuilder &b = k.b;
  Value start = b.index(0), valid = b.index(size);
  if (op.getSplit()) {
    cpu::Shard shard(b, op, op.getMeshAttr(), *op.getSize(), *op.getSplit());
    start = shard.start(b), valid = shard.valid(b);
  }
  Value piece = b.block(), row = b.block(gpu::Dimension::y), input = k.kernel.input(op.getInput());
  Value from = b.mul(piece, each), end = b.min(b.add(from, each), valid);
  // Where a piece is empty, an index that any other beats.
  Value none = arith::ConstantOp::create(b, b.getI32IntegerAttr(std::numeric_limits<int32_t>::max()));
  Pair best =
      scan(b, from, end, none, [&](Value i) { return Pair{b.loadScalar(input, {row, i}), b.toI32(b.add(start, i))}; });
  b.when(b.equal(b.tid, b.index(0)), [&] {
    Value target = k.kernel.output(op.getResult());
    memref::StoreOp::create(b, b.asBits(best.value), target, ValueRange{row, piece, b.index(0)});
    memref::StoreOp::create(b, best.index, target, ValueRange{row, piece, b.index(1)});
  });
}

void emitBestIndex(Launches &launches) {
  auto op = opsOf(launches.function()).all<BestIndexOp>().front();
  int64_t batch = cpu::shapeOf(op.getPairs())[0], pairs = cpu::shapeOf(op.getPairs())[1];
  GpuKernel k = launches.begin("", {batch}, kThreads);
  GpuBuilder &b = k.b;
  Value row = b.block(), input = k.kernel.input(op.getPairs());
  Value first = arith::ConstantOp::create(b, b.getI32IntegerAttr(0)); // of rows without a number
  Pair best = scan(b, b.index(0), b.index(pairs), first, [&](Value i) {
    Value bits = memref::LoadOp::create(b, input, ValueRange{row, i, b.index(0)});
    return Pair{b.asFloat(bits), memref::LoadOp::create(b, input, ValueRange{row, i, b.index(1)})};
  });
  b.when(b.equal(b.tid, b.index(0)),
         [&] { memref::StoreOp::create(b, best.index, k.kernel.output(op.getResult()), row); });
}

} // namespace tp::cuda
