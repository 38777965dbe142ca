// A token drawn from a row of logits; a block has a row. The row is read again for each bit of a threshold: it stays in
// the second-level cache.
#include "GpuKernels.h"

using namespace mlir;

namespace tp::cuda {

static constexpr int64_t kThreads = 1024;

namespace {

class SampleKernel {
public:
  explicit SampleKernel(Launches &launches)
      : op(opsOf(launches.function()).all<SampleOp>().front()), size(cpu::shapeOf(op.getLogits())[1]),
        k(launches.begin("", {cpu::shapeOf(op.getLogits())[0]}, kThreads)), b(k.b), row(b.block()),
        logits(k.kernel.input(op.getLogits())), partials(b.shared({kThreads / kWarp})),
        counts(b.shared({kThreads / kWarp}, b.getI32Type())), sums(b.shared({kThreads})) {}
  void run();

private:
  Value setting(int64_t i) {
    return memref::LoadOp::create(b, k.kernel.input(op.getSettings()), ValueRange{row, b.index(i)});
  }
  Value integer(int64_t value) { return arith::ConstantOp::create(b, b.getI32IntegerAttr(int32_t(value))); }
  Value addi(Value x, Value y) { return arith::AddIOp::create(b, x, y); }
  Value compare(arith::CmpFPredicate how, Value x, Value y) { return arith::CmpFOp::create(b, how, x, y); }
  Value compare(arith::CmpIPredicate how, Value x, Value y) { return arith::CmpIOp::create(b, how, x, y); }

  Value logit(Value i);
  Value key(Value logit);
  Value isCandidate(Value logit, Value least) { return compare(arith::CmpIPredicate::uge, key(logit), least); }
  Value weight(Value logit) { return b.exp2(b.mulf(b.subf(logit, highest), scale)); }
  Value weightOf(Value logit, Value least) { return b.select(isCandidate(logit, least), weight(logit), b.number(0)); }

  Value overBlock(Value mine, Value memory, GpuBuilder::Combine combine);
  Value overRow(Value init, llvm::function_ref<Value(Value carried, Value logit)> next);
  Value mass(Value least);
  Value count(Value least);
  Value largestKey(llvm::function_ref<Value(Value key)> isEnough);
  Value threshold();
  Value before(Value mine);
  Value pick(Value from, Value end, Value least, Value passed, Value point);

  SampleOp op;
  int64_t size;
  GpuKernel k;
  GpuBuilder &b;
  Value row, logits, partials, counts, sums;
  Value highest, scale; // of the row; log2(e) / temperature
};

} // namespace

// What is not a number never wins.
Value SampleKernel::logit(Value i) {
  Value x = b.loadScalar(logits, {row, i});
  Value number = compare(arith::CmpFPredicate::ORD, x, x);
  return b.select(number, x, b.number(-std::numeric_limits<double>::infinity()));
}

// An i32 that orders, without its sign, as the logits do.
Value SampleKernel::key(Value logit) {
  Value bits = b.asBits(logit);
  Value sign = arith::ShRSIOp::create(b, bits, integer(31));
  return arith::XOrIOp::create(b, bits, arith::OrIOp::create(b, sign, integer(std::numeric_limits<int32_t>::min())));
}

// Meets again behind it, so that `memory` can be used again.
Value SampleKernel::overBlock(Value mine, Value memory, GpuBuilder::Combine combine) {
  Value all = b.blockReduce(mine, combine, memory);
  b.barrier();
  return all;
}

// This thread's elements: every kThreads-th.
Value SampleKernel::overRow(Value init, llvm::function_ref<Value(Value, Value)> next) {
  return b.loop(b.tid, b.index(size), kThreads, init,
                [&](Value i, ValueRange carried) { return SmallVector<Value>{next(carried[0], logit(i))}; })[0];
}

Value SampleKernel::mass(Value least) {
  Value mine = overRow(b.number(0), [&](Value sum, Value logit) { return b.addf(sum, weightOf(logit, least)); });
  return overBlock(mine, partials, [&](Value x, Value y) { return b.addf(x, y); });
}

Value SampleKernel::count(Value least) {
  Value mine = overRow(integer(0), [&](Value sum, Value logit) {
    return addi(sum, arith::ExtUIOp::create(b, b.getI32Type(), isCandidate(logit, least)));
  });
  return overBlock(mine, counts, [&](Value x, Value y) { return addi(x, y); });
}

// Bit by bit; the fewer candidates, the larger the key.
Value SampleKernel::largestKey(llvm::function_ref<Value(Value)> isEnough) {
  return b.loop(b.index(0), b.index(32), 1, integer(0), [&](Value i, ValueRange carried) {
    Value shift = b.toI32(i);
    Value bit = arith::ShRUIOp::create(b, integer(std::numeric_limits<int32_t>::min()), shift);
    Value more = arith::OrIOp::create(b, carried[0], bit);
    return SmallVector<Value>{b.select(isEnough(more), more, carried[0])};
  })[0];
}

// The least key of what may be drawn.
Value SampleKernel::threshold() {
  Value topK = setting(1), topP = b.asFloat(setting(2));
  Value limited = b.both(compare(arith::CmpIPredicate::sgt, topK, integer(0)),
                         compare(arith::CmpIPredicate::slt, topK, integer(size)));
  Value likely = b.guarded(limited, b.getI32Type(), [&] {
    return largestKey([&](Value key) { return compare(arith::CmpIPredicate::sge, count(key), topK); });
  });
  Value nucleus = compare(arith::CmpFPredicate::OLT, topP, b.number(1));
  Value nuclear = b.guarded(nucleus, b.getI32Type(), [&] {
    Value goal = b.mulf(topP, mass(likely));
    return largestKey([&](Value key) { return compare(arith::CmpFPredicate::OGE, mass(key), goal); });
  });
  return b.select(nucleus, nuclear, likely);
}

// The sum of what the threads before this one give.
Value SampleKernel::before(Value mine) {
  memref::StoreOp::create(b, mine, sums, b.tid);
  b.barrier();
  Value first = b.mul(b.warp, kWarp);
  auto add = [&](Value i, ValueRange carried) {
    return SmallVector<Value>{b.addf(carried[0], memref::LoadOp::create(b, sums, i))};
  };
  Value inWarp = b.loop(first, b.tid, 1, b.number(0), add)[0];
  Value ofWarp = b.warpSum(mine);
  b.when(b.equal(b.lane, b.index(0)), [&] { memref::StoreOp::create(b, ofWarp, partials, b.warp); });
  b.barrier();
  Value warps = b.loop(b.index(0), b.warp, 1, b.number(0), [&](Value i, ValueRange carried) {
    return SmallVector<Value>{b.addf(carried[0], memref::LoadOp::create(b, partials, i))};
  })[0];
  b.barrier();
  return b.addf(warps, inWarp);
}

// The candidate of [from, end) in whose weight `point` falls when `passed` lies before them; i32.
Value SampleKernel::pick(Value from, Value end, Value least, Value passed, Value point) {
  auto found = b.loop(from, end, 1, ValueRange{passed, integer(-1), integer(-1)}, [&](Value i, ValueRange carried) {
    Value x = logit(i), token = b.toI32(i), mine = isCandidate(x, least);
    Value sum = b.addf(carried[0], weightOf(x, least));
    Value open = compare(arith::CmpIPredicate::slt, carried[1], integer(0));
    Value here = b.both(b.both(mine, open), compare(arith::CmpFPredicate::OGT, sum, point));
    return SmallVector<Value>{sum, b.select(here, token, carried[1]), b.select(mine, token, carried[2])};
  });
  // Rounding may leave the point behind the last one.
  return b.select(compare(arith::CmpIPredicate::slt, found[1], integer(0)), found[2], found[1]);
}

void SampleKernel::run() {
  scale = b.asFloat(setting(0));
  Value none = b.number(-std::numeric_limits<double>::infinity());
  highest = overBlock(overRow(none, [&](Value most, Value logit) { return b.maximum(most, logit); }), partials,
                      [&](Value x, Value y) { return b.maximum(x, y); });
  Value least = threshold();
  // A thread has neighbouring elements now, for tokens are passed in their order.
  int64_t each = ceilDiv(size, kThreads);
  Value from = b.min(b.mul(b.tid, each), b.index(size)), end = b.min(b.add(from, each), b.index(size));
  Value mine = b.loop(from, end, 1, b.number(0), [&](Value i, ValueRange carried) {
    return SmallVector<Value>{b.addf(carried[0], weightOf(logit(i), least))};
  })[0];
  Value passed = before(mine);
  Value all = overBlock(mine, partials, [&](Value x, Value y) { return b.addf(x, y); });
  Value point = b.mulf(b.asFloat(setting(3)), all);
  // The last thread that has something and begins at the point or before.
  Value reached =
      b.both(compare(arith::CmpFPredicate::OGT, mine, b.number(0)), compare(arith::CmpFPredicate::OLE, passed, point));
  Value number = b.toI32(b.tid);
  Value chosen = overBlock(b.select(reached, number, integer(-1)), counts,
                           [&](Value x, Value y) { return Value(arith::MaxSIOp::create(b, x, y)); });
  Value output = k.kernel.output(op.getResult());
  b.when(compare(arith::CmpIPredicate::eq, chosen, number),
         [&] { memref::StoreOp::create(b, pick(from, end, least, passed, point), output, row); });
  // Nothing is finite: an index that is none.
  Value nobody = compare(arith::CmpIPredicate::slt, chosen, integer(0));
  b.when(b.both(nobody, b.equal(b.tid, b.index(0))), [&] { memref::StoreOp::create(b, integer(-1), output, row); });
}

void emitSample(Launches &launches) { SampleKernel(launches).run(); }

} // namespace tp::cuda
