// Attention for many query rows on a bf16 cache: matrix products on tensor cores (Mma.h) and an online softmax between
// them, so that scores never leave registers.
//
// A block has kRows virtual rows of a key head, a warp 16 of them; keys come in blocks of kKeys through shared memory.
// The weights of a block, rounded to bf16, are the next product's left side as they lie.
#include "Attention.h"
#include "Mma.h"

#include <cmath>

using namespace mlir;

namespace tp::cuda {

static constexpr int64_t kRows = 64, kKeys = 64, kWarps = kRows / 16, kThreads = kWarps * kWarp;
static constexpr double kNone = -1e30; // a maximum of nothing

namespace {

// Of a lane's two rows: running maximum and sum of weights; weighted values, four numbers for every 8 columns.
struct State {
  Value most[2], total[2];
  SmallVector<Value> sums;
};

class MmaAttention {
public:
  explicit MmaAttention(Launches &launches) : shape(launches.function()), size(shape.size) {}
  void emit(Launches &launches);

private:
  void loadQuery(AttentionTile &tile);
  void copyBlock(AttentionTile &tile, Value first);
  void copyTile(AttentionTile &tile, Value from, Value to, Value first);
  State step(AttentionTile &tile, Value first, Value end, State state);
  SmallVector<Value> scores();
  void mask(AttentionTile &tile, Value first, Value end, SmallVector<Value> &scores);
  void softmax(SmallVector<Value> &scores, State &state);
  void addValues(ArrayRef<Value> weights, State &state);
  void store(AttentionTile &tile, State &state);
  Value pack(Value x, Value y);
  Value row(int64_t which) { return b->add(b->add(b->mul(b->warp, 16), group), which * 8); }
  static SmallVector<Value> flatten(const State &state);
  static State unflatten(ValueRange values);

  AttentionShape shape;
  int64_t size;
  GpuBuilder *b = nullptr;
  Value group, place;                // of the lane
  Value keys, values;                // shared, [kKeys, size + kMmaPadding]
  SmallVector<SmallVector<Value>> q; // fragments of the query rows, one for every 16 columns
};

} // namespace

SmallVector<Value> MmaAttention::flatten(const State &state) {
  SmallVector<Value> values = {state.most[0], state.most[1], state.total[0], state.total[1]};
  values.append(state.sums);
  return values;
}

State MmaAttention::unflatten(ValueRange values) {
  return {{values[0], values[1]}, {values[2], values[3]}, SmallVector<Value>(values.drop_front(4))};
}

Value MmaAttention::pack(Value x, Value y) {
  Value wide = vector::FromElementsOp::create(*b, b->floats(2), ValueRange{x, y});
  Value narrow = arith::TruncFOp::create(*b, VectorType::get({2}, b->getBF16Type()), wide);
  return b->extract(vector::BitCastOp::create(*b, VectorType::get({1}, b->getI32Type()), narrow), 0);
}

// By way of the keys' place in shared memory.
void MmaAttention::loadQuery(AttentionTile &tile) {
  tile.loadQuery(keys, 1);
  Value at = b->add(b->mul(b->warp, 16), b->rem(b->lane, 16));
  for (int64_t column = 0; column < size; column += 16)
    q.push_back(loadFragment(*b, keys, at, b->add(b->mul(b->div(b->lane, 16), 8), column), false));
}

void MmaAttention::copyTile(AttentionTile &tile, Value from, Value to, Value first) {
  int64_t pieces = size / kMmaPiece;
  auto type = VectorType::get({kMmaPiece}, b->getBF16Type());
  for (int64_t i = 0; i < ceilDiv(kKeys * pieces, kThreads); ++i) {
    Value item = b->add(b->tid, i * kThreads), key = b->div(item, pieces),
          column = b->mul(b->rem(item, pieces), kMmaPiece);
    // A key beyond the end is the last one again: no row sees it.
    Value t = b->min(b->add(first, key), b->index(shape.positions - 1));
    auto align = llvm::MaybeAlign(kVectorBytes);
    Value loaded =
        vector::LoadOp::create(*b, type, from, ValueRange{tile.batch, t, tile.keyHead, column}, false, align);
    vector::StoreOp::create(*b, loaded, to, ValueRange{key, column}, false, align);
  }
}

void MmaAttention::copyBlock(AttentionTile &tile, Value first) {
  b->barrier();
  copyTile(tile, tile.keys, keys, first);
  copyTile(tile, tile.values, values, first);
  b->barrier();
}

// The warp's 16 rows times kKeys keys: four numbers for every 8 keys.
SmallVector<Value> MmaAttention::scores() {
  SmallVector<Value> all(kKeys / 8 * 4, b->number(0));
  Value line = b->rem(b->lane, 8), matrix = b->mul(b->div(b->lane, 8), 8);
  for (int64_t n = 0; n < kKeys / 8; ++n)
    for (int64_t column = 0; column < size; column += 32) {
      SmallVector<Value> right = loadFragment(*b, keys, b->add(line, n * 8), b->add(matrix, column), false);
      auto c = MutableArrayRef<Value>(all).slice(n * 4, 4);
      multiplyFragments(*b, q[column / 16], ArrayRef<Value>(right).take_front(2), c);
      multiplyFragments(*b, q[column / 16 + 1], ArrayRef<Value>(right).drop_front(2), c);
    }
  return all;
}

// Scores times scale and log2 e; what a row does not see becomes minus infinity.
void MmaAttention::mask(AttentionTile &tile, Value first, Value end, SmallVector<Value> &scores) {
  SdpaOp op = shape.op;
  Value scale = b->number(op.getScale().convertToDouble() * M_LOG2E);
  Value none = b->number(-std::numeric_limits<double>::infinity());
  Value highs[] = {tile.high(row(0)), tile.high(row(1))}, lows[] = {tile.low(row(0)), tile.low(row(1))};
  for (auto [i, score] : llvm::enumerate(scores)) {
    int64_t n = int64_t(i) / 4, which = int64_t(i) / 2 % 2, odd = int64_t(i) % 2;
    Value t = b->add(b->add(first, b->mul(place, 2)), n * 8 + odd);
    Value seen = b->both(b->less(t, end), b->lessEqual(t, highs[which]));
    if (shape.causal && shape.window > 0)
      seen = b->both(seen, b->lessEqual(lows[which], t));
    score = b->select(seen, b->mulf(score, scale), none);
  }
}

// Scores become weights; what was summed before shrinks.
void MmaAttention::softmax(SmallVector<Value> &scores, State &state) {
  for (int64_t which = 0; which < 2; ++which) {
    SmallVector<int64_t> mine;
    for (int64_t i = 0; i < int64_t(scores.size()); ++i)
      if (i / 2 % 2 == which)
        mine.push_back(i);
    Value most = scores[mine.front()];
    for (int64_t i : mine)
      most = b->maximum(most, scores[i]);
    most = b->maximum(state.most[which], b->warpMaximum(most, 4));
    Value factor = b->exp2(b->subf(state.most[which], most)), total = b->number(0);
    for (int64_t i : mine) {
      scores[i] = b->exp2(b->subf(scores[i], most));
      total = b->addf(total, scores[i]);
    }
    state.most[which] = most;
    // Of this lane's columns; the lanes of a row add up at the end.
    state.total[which] = b->addf(b->mulf(state.total[which], factor), total);
    for (int64_t i = 0; i < int64_t(state.sums.size()); ++i)
      if (i / 2 % 2 == which)
        state.sums[i] = b->mulf(state.sums[i], factor);
  }
}

void MmaAttention::addValues(ArrayRef<Value> weights, State &state) {
  Value line = b->rem(b->lane, 16), half = b->mul(b->div(b->lane, 16), 8);
  for (int64_t k = 0; k < kKeys / 16; ++k) {
    ArrayRef<Value> w = weights.slice(k * 8, 8);
    SmallVector<Value> left = {pack(w[0], w[1]), pack(w[2], w[3]), pack(w[4], w[5]), pack(w[6], w[7])};
    for (int64_t column = 0; column < size; column += 16) {
      SmallVector<Value> right = loadFragment(*b, values, b->add(line, k * 16), b->add(half, column), true);
      auto sums = MutableArrayRef<Value>(state.sums).slice(column / 8 * 4, 8);
      multiplyFragments(*b, left, ArrayRef<Value>(right).take_front(2), sums.take_front(4));
      multiplyFragments(*b, left, ArrayRef<Value>(right).drop_front(2), sums.drop_front(4));
    }
  }
}

State MmaAttention::step(AttentionTile &tile, Value first, Value end, State state) {
  copyBlock(tile, first);
  SmallVector<Value> all = scores();
  mask(tile, first, end, all);
  softmax(all, state);
  addValues(all, state);
  return state;
}

void MmaAttention::store(AttentionTile &tile, State &state) {
  for (int64_t which = 0; which < 2; ++which) {
    Value total = b->warpSum(state.total[which], 4);
    Value factor = b->divf(b->number(1), tile.mayBeEmpty() ? b->maximum(total, b->number(1e-30)) : total);
    for (int64_t i = 0; i < int64_t(state.sums.size()); ++i)
      if (i / 2 % 2 == which)
        tile.store(row(which), b->add(b->mul(place, 2), i / 4 * 8 + i % 2), b->mulf(state.sums[i], factor));
  }
}

void MmaAttention::emit(Launches &launches) {
  int64_t tiles = ceilDiv(shape.virtualRows(), kRows);
  GpuKernel kernel = launches.begin("mma", {shape.batches * shape.keyHeads * tiles}, kThreads);
  b = &kernel.b;
  group = b->div(b->lane, 4), place = b->rem(b->lane, 4);
  keys = b->shared({kKeys, size + kMmaPadding}, b->getBF16Type());
  values = b->shared({kKeys, size + kMmaPadding}, b->getBF16Type());
  AttentionTile tile(kernel, shape, kRows, b->block());
  loadQuery(tile);
  auto [from, end] = tile.range();
  from = b->mul(b->div(from, kKeys), b->index(kKeys));
  State none = {{b->number(kNone), b->number(kNone)},
                {b->number(0), b->number(0)},
                SmallVector<Value>(size_t(size / 8 * 4), b->number(0))};
  SmallVector<Value> ends = b->loop(from, end, kKeys, flatten(none), [&, end = end](Value first, ValueRange carried) {
    return flatten(step(tile, first, end, unflatten(carried)));
  });
  State state = unflatten(ends);
  store(tile, state);
  tile.clearSpareHeads();
}

bool emitMmaAttention(Launches &launches) {
  AttentionShape shape(launches.function());
  bool fits = shape.size % 32 == 0 && shape.size <= 128 && shape.virtualRows() >= kRows / 2;
  SdpaOp op = shape.op;
  bool plain = !op.getLength() && !op.getBias() && op.getSoftcap().isZero();
  if (!fits || !plain || !cpu::elementOf(op.getKey()).isBF16())
    return false;
  MmaAttention(launches).emit(launches);
  return true;
}

} // namespace tp::cuda
