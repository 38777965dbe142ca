// y [M, N] = x [M, K] times panels of w [N/16][K][16] (bf16: [N/16][K/2][16][2]).
#include "Kernels.h"

using namespace mlir;
using namespace tp;
using namespace tp::cpu;

namespace {
struct Linear {
  Emit &e;
  const KernelContext &context;
  Buffer x, w;
  const Buffer *bias;
  Buffer y;
  int64_t n, k, m;
  bool bf16;
  int64_t pairs; // elements of K in one step: 1, or 2 for bf16

  int64_t panelElements() const { return (k + pairs - 1) / pairs * pairs * kLanes; }

  // x[row][2t], x[row][2t+1] as one 32-bit value in every lane, or x[row][t].
  Value broadcast(Value row, Value t) {
    if (!bf16)
      return e.splat(e.load(e.at(x.base, e.add(e.mul(row, k), t), e.getF32Type()), e.getF32Type()));
    Value p = e.at(x.base, e.add(e.mul(row, k), e.mul(t, 2)), x.element());
    Value word = e.create<LLVM::LoadOp>(e.getI32Type(), p, 2);
    return e.splat(word);
  }
  Value tail(Value row) { // the last element of an odd K, with a zero beside it
    Value v = e.load(e.at(x.base, e.add(e.mul(row, k), e.i(k - 1)), x.element()), x.element());
    return e.splat(e.create<arith::ExtUIOp>(e.getI32Type(), e.create<arith::BitcastOp>(e.getI16Type(), v)));
  }
  // acc + w * x for one step of 16 rows.
  Value step(Value acc, Value weights, Value xs) {
    if (!bf16)
      return e.fma(weights, xs, acc);
    auto pairsType = VectorType::get({2 * kLanes}, e.getBF16Type());
    if (context.avx512bf16) {
      Value a = e.create<vector::BitCastOp>(pairsType, weights), b = e.create<vector::BitCastOp>(pairsType, xs);
      return e.create<LLVM::CallIntrinsicOp>(e.lanes(e.getF32Type()), e.getStringAttr("llvm.x86.avx512bf16.dpbf16ps.512"), ValueRange{acc, a, b})
          .getResult(0);
    }
    auto f = e.lanes(e.getF32Type());
    Value sixteen = e.create<arith::ConstantOp>(DenseElementsAttr::get(e.lanes(e.getI32Type()), (int32_t)16));
    Value high = e.create<arith::ConstantOp>(DenseElementsAttr::get(e.lanes(e.getI32Type()), (int32_t)0xffff0000));
    auto low = [&](Value v) { return e.create<arith::BitcastOp>(f, e.create<arith::ShLIOp>(v, sixteen)).getResult(); };
    auto up = [&](Value v) { return e.create<arith::BitcastOp>(f, e.create<arith::AndIOp>(v, high)).getResult(); };
    return e.fma(up(weights), up(xs), e.fma(low(weights), low(xs), acc));
  }
  Value weights(Value panelBase, Value t) {
    Type element = bf16 ? Type(e.getI32Type()) : Type(e.getF32Type());
    return e.load(e.at(panelBase, e.mul(t, kLanes), element), e.lanes(element));
  }

  // rows x panels register tile at (row, panel); `lastCount`: lanes of the last panel that exist.
  void tile(Value row, Value panel, int64_t rows, int64_t panels, int64_t lastCount) {
    SmallVector<Value> bases, rowIndex, init;
    for (int64_t p = 0; p < panels; ++p)
      bases.push_back(e.at(w.base, e.mul(e.add(panel, p), panelElements()), w.element()));
    for (int64_t r = 0; r < rows; ++r)
      rowIndex.push_back(e.add(row, r));
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t p = 0; p < panels; ++p)
        init.push_back(bias ? e.loadV(bias->base, e.mul(e.add(panel, p), kLanes), bias->element(), p + 1 == panels ? lastCount : kLanes)
                            : e.vf(0));
    auto steps = [&](Value t, ValueRange acc, bool last) {
      SmallVector<Value> next(acc), ws;
      for (int64_t p = 0; p < panels; ++p)
        ws.push_back(weights(bases[p], t));
      for (int64_t r = 0; r < rows; ++r) {
        Value xs = last ? tail(rowIndex[r]) : broadcast(rowIndex[r], t);
        for (int64_t p = 0; p < panels; ++p)
          next[r * panels + p] = step(next[r * panels + p], ws[p], xs);
      }
      return next;
    };
    SmallVector<Value> acc = e.loop(e.i(0), e.i(k / pairs), 1, init, [&](Value t, ValueRange carried) { return steps(t, carried, false); });
    if (k % pairs)
      acc = steps(e.i(k / pairs), acc, true);
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t p = 0; p < panels; ++p)
        e.storeV(acc[r * panels + p], y.base, e.add(e.mul(rowIndex[r], n), e.mul(e.add(panel, p), kLanes)), y.element(),
                 p + 1 == panels ? lastCount : kLanes);
  }

  void rowTiles(Value panel, int64_t panels, int64_t lastCount) {
    int64_t rowsPerTile = m == 1 ? 1 : std::min<int64_t>(m, 8);
    e.loop(e.i(0), e.i(m / rowsPerTile * rowsPerTile), rowsPerTile, [&](Value row) { tile(row, panel, rowsPerTile, panels, lastCount); });
    if (m % rowsPerTile)
      tile(e.i(m / rowsPerTile * rowsPerTile), panel, m % rowsPerTile, panels, lastCount);
  }

  void emit() {
    int64_t all = (n + kLanes - 1) / kLanes, group = m == 1 ? 4 : 3;
    int64_t lastCount = n - (all - 1) * kLanes;
    // Whole groups of panels, then what is left; the last panel may be short.
    int64_t groups = all / group;
    if (groups && all % group == 0 && lastCount < kLanes)
      --groups;
    if (groups)
      e.parallel(groups, [&](Value g) { rowTiles(e.mul(g, group), group, kLanes); });
    int64_t rest = all - groups * group;
    if (rest)
      e.parallel(rest, [&](Value p) {
        Value panel = e.add(p, groups * group);
        if (lastCount == kLanes)
          return rowTiles(panel, 1, kLanes);
        Value last = e.cmp(arith::CmpIPredicate::eq, panel, e.i(all - 1));
        e.when(last, [&] { rowTiles(panel, 1, lastCount); });
        Value notLast = e.cmp(arith::CmpIPredicate::ne, panel, e.i(all - 1));
        e.when(notLast, [&] { rowTiles(panel, 1, kLanes); });
      });
  }
};
} // namespace

void tp::cpu::emitLinear(Emit &e, const KernelContext &context, Buffer x, Buffer w, const Buffer *bias, Buffer y) {
  int64_t n = w.dim(0), k = w.dim(1);
  bool bf16 = w.element().isBF16();
  Linear{e, context, x, w, bias, y, n, k, x.size() / std::max<int64_t>(k, 1), bf16, bf16 ? 2 : 1}.emit();
}
