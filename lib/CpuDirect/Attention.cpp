// Attention, one (sequence, head, row) at a time: scores, softmax, weighted sum.
#include "Kernels.h"

using namespace mlir;
using namespace tp;
using namespace tp::cpu;

void tp::cpu::emitSdpa(Emit &e, SdpaOp op, Buffer q, Buffer k, Buffer v, const Buffer *position, const Buffer *headOffset, Buffer y) {
  int64_t B = q.dim(0), S = q.dim(1), H = q.dim(2), E = q.dim(3), T = k.dim(1), Hk = k.dim(2), group = op.getGroup();
  int64_t chunks = (E + kLanes - 1) / kLanes, last = E - (chunks - 1) * kLanes;
  double scale = op.getScale().convertToDouble();
  Type f32 = e.getF32Type(), i32 = e.getI32Type();
  auto count = [&](int64_t c) { return c + 1 == chunks ? last : kLanes; };
  // Element (b, t, h, 0) of keys or values.
  auto row = [&](const Buffer &x, Value b, Value t, Value h) {
    if (x.cache)
      return e.mul(e.add(e.mul(e.add(e.mul(b, Hk), h), T), t), E);
    return e.mul(e.add(e.mul(e.add(e.mul(b, T), t), Hk), h), E);
  };
  Value scores;
  {
    // Once per call, on the stack.
    scores = e.create<LLVM::AllocaOp>(e.ptrType(), f32, e.i((T + kLanes) / kLanes * kLanes + kLanes), 64);
  }
  Value first = headOffset ? e.create<arith::ExtSIOp>(e.getI64Type(), e.load(headOffset->base, i32)).getResult() : e.i(0);
  e.parallel(B * S * H, [&](Value task) {
    Value h = e.rem(task, e.i(H)), s = e.rem(e.div(task, e.i(H)), e.i(S)), b = e.div(task, e.i(H * S));
    Value hk = e.sub(e.div(e.add(h, first), e.i(group)), e.div(first, e.i(group)));
    Value p = s;
    if (position)
      p = e.add(s, e.create<arith::ExtSIOp>(e.getI64Type(), e.load(e.at(position->base, b, i32), i32)).getResult());
    Value begin = e.i(0), end = op.getCausal() ? e.max(e.min(e.add(p, 1), e.i(T)), e.i(1)) : e.i(T);
    if (op.getCausal() && op.getWindow() > 0)
      begin = e.max(e.add(e.sub(p, e.i(op.getWindow())), 1), e.i(0));
    begin = e.min(begin, e.sub(end, e.i(1)));
    Value qRow = e.mul(task, E); // [B, S, H, E] in order
    SmallVector<Value> qs;
    for (int64_t c = 0; c < chunks; ++c)
      qs.push_back(e.create<arith::MulFOp>(e.loadV(q.base, e.add(qRow, c * kLanes), q.element(), count(c)), e.vf(scale)));
    Value top = e.loop(begin, end, 1, {e.f(-std::numeric_limits<float>::infinity())}, [&](Value t, ValueRange best) -> SmallVector<Value> {
      Value r = row(k, b, t, hk), sum;
      for (int64_t c = 0; c < chunks; ++c) {
        Value ks = e.loadV(k.base, e.add(r, c * kLanes), k.element(), count(c));
        sum = sum ? e.fma(qs[c], ks, sum) : e.create<arith::MulFOp>(qs[c], ks).getResult();
      }
      Value score = e.reduceAdd(sum);
      e.store(score, e.at(scores, t, f32));
      return {e.create<arith::MaximumFOp>(best[0], score)};
    })[0];
    // Beyond the end the scores are minus infinity, so whole vectors can be used.
    for (int64_t l = 0; l < kLanes; ++l)
      e.store(e.f(-std::numeric_limits<float>::infinity()), e.at(scores, e.add(end, l), f32));
    Value topV = e.splat(top);
    Value total = e.loop(begin, end, kLanes, {e.vf(0)}, [&](Value t, ValueRange sum) -> SmallVector<Value> {
      Value raw = e.load(e.at(scores, t, f32), e.lanes(f32));
      Value w = e.exp(e.create<arith::SubFOp>(raw, topV));
      Value none = e.create<arith::CmpFOp>(arith::CmpFPredicate::OEQ, raw, e.vf(-std::numeric_limits<float>::infinity()));
      w = e.create<arith::SelectOp>(none, e.vf(0), w);
      e.store(w, e.at(scores, t, f32));
      return {e.create<arith::AddFOp>(sum[0], w)};
    })[0];
    SmallVector<Value> acc(chunks, e.vf(0));
    acc = e.loop(begin, end, 1, acc, [&](Value t, ValueRange carried) {
      Value w = e.splat(e.load(e.at(scores, t, f32), f32)), r = row(v, b, t, hk);
      SmallVector<Value> next;
      for (int64_t c = 0; c < chunks; ++c)
        next.push_back(e.fma(w, e.loadV(v.base, e.add(r, c * kLanes), v.element(), count(c)), carried[c]));
      return next;
    });
    Value inverse = e.splat(e.create<arith::DivFOp>(e.f(1), e.reduceAdd(total)));
    for (int64_t c = 0; c < chunks; ++c)
      e.storeV(e.create<arith::MulFOp>(acc[c], inverse), y.base, e.add(qRow, c * kLanes), y.element(), count(c));
  });
}
