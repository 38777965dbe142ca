// Attention for few query rows: bound by the bytes of the cache. A block has a tile of rows and a part of the keys; its
// lanes stand in groups that take a key each, 16 bytes of it a lane, and keep an online softmax of their own, so nobody
// waits for anybody until the end, where the groups' results are merged. Where tiles are too few to fill a GPU the keys
// are divided between blocks (split-K), which leave maximum, sum and weighted values in scratch for a second kernel.
//
// Maxima are of scores times log2 e: weights are powers of two.
#include "Attention.h"

#include <cmath>

using namespace mlir;

namespace tp::cuda {

static constexpr int64_t kWarps = 4;
static constexpr int64_t kThreads = kWarps * kWarp;
static constexpr int64_t kMostRows = 8;
static constexpr int64_t kBlocks = 264;     // that fill a GPU
static constexpr int64_t kFewestKeys = 128; // of a split
static constexpr double kNone = -1e30;      // a maximum of nothing

namespace {

// Running maximum, sum of weights, and weighted values of a row.
struct Row {
  Value most, total;
  SmallVector<Value> sums; // vectors, one a piece of the lane
};

class AttentionKernel {
public:
  explicit AttentionKernel(Launches &launches);
  void emit(Launches &launches);

private:
  void emitParts(Launches &launches);
  void emitMerge(Launches &launches);
  void loadPieces(AttentionTile &tile);
  SmallVector<Row> runKeys(AttentionTile &tile, Value from, Value to);
  void step(AttentionTile &tile, Value base, Value to, SmallVector<Row> &rows);
  Value score(int64_t r, ArrayRef<Value> key);
  Value capped(Value score);
  Value quotient(const AttentionTile &tile, Value sum, Value total);
  SmallVector<Value> loadKey(Value memory, AttentionTile &tile, Value t);
  void mergeGroups(SmallVector<Row> &rows);
  void finish(AttentionTile &tile, SmallVector<Row> &rows, Value item, Value split);
  Value scaled(Value vector, Value factor) { return b->mulf(vector, b->broadcast(factor, lanes)); }
  Value column(int64_t piece) { return b->mul(b->add(member, piece * width), lanes); }
  SmallVector<Value> flatten(ArrayRef<Row> rows);
  SmallVector<Row> unflatten(ValueRange values);

  AttentionShape shape;
  int64_t tileRows, tiles, items, splits;
  int64_t lanes, width, pieces; // elements of a load; lanes of a group; loads of a lane for a key
  int64_t groups, unroll;       // groups of a block; keys that a group takes at a time
  GpuKernel *g = nullptr;
  GpuBuilder *b = nullptr;
  Value group, member;               // of this thread: its group in the block, its place there
  SmallVector<SmallVector<Value>> q; // [row][piece]
};

} // namespace

AttentionKernel::AttentionKernel(Launches &launches) : shape(launches.function()) {
  tiles = ceilDiv(shape.virtualRows(), kMostRows);
  tileRows = ceilDiv(shape.virtualRows(), tiles);
  tiles = ceilDiv(shape.virtualRows(), tileRows);
  items = shape.batches * shape.keyHeads * tiles;
  lanes = vectorLanes(shape.size, cpu::elementOf(shape.op.getKey()));
  width = std::min<int64_t>(int64_t(llvm::PowerOf2Ceil(uint64_t(shape.size / lanes))), kWarp);
  pieces = ceilDiv(shape.size / lanes, width);
  groups = kWarps * (kWarp / width);
  unroll = tileRows * pieces <= 4 ? 4 : 2;
  splits = std::clamp<int64_t>(kBlocks / items, 1, ceilDiv(shape.positions, kFewestKeys));
}

SmallVector<Value> AttentionKernel::flatten(ArrayRef<Row> rows) {
  SmallVector<Value> values;
  for (const Row &row : rows) {
    values.append({row.most, row.total});
    values.append(row.sums);
  }
  return values;
}

SmallVector<Row> AttentionKernel::unflatten(ValueRange values) {
  SmallVector<Row> rows;
  for (int64_t r = 0, each = 2 + pieces; r < tileRows; ++r) {
    ValueRange mine = values.slice(r * each, each);
    rows.push_back({mine[0], mine[1], SmallVector<Value>(mine.drop_front(2))});
  }
  return rows;
}

// This lane's pieces of the query rows, from shared memory; zero where the row has no such piece.
void AttentionKernel::loadPieces(AttentionTile &tile) {
  Value memory = b->shared({tileRows, shape.size});
  SdpaOp op = shape.op;
  tile.loadQuery(memory, op.getScale().convertToDouble() * M_LOG2E);
  for (int64_t r = 0; r < tileRows; ++r) {
    auto &row = q.emplace_back();
    for (int64_t p = 0; p < pieces; ++p) {
      Value at = column(p);
      auto load = [&]() -> Value {
        return vector::LoadOp::create(*b, b->floats(lanes), memory, ValueRange{b->index(r), at});
      };
      bool whole = pieces * width * lanes == shape.size;
      row.push_back(whole ? load() : b->guarded(b->less(at, b->index(shape.size)), b->floats(lanes), load));
    }
  }
}

SmallVector<Value> AttentionKernel::loadKey(Value memory, AttentionTile &tile, Value t) {
  SmallVector<Value> loaded;
  for (int64_t p = 0; p < pieces; ++p)
    loaded.push_back(
        b->loadVector(memory, {tile.batch, t, tile.keyHead, b->min(column(p), b->index(shape.size - lanes))}, lanes));
  return loaded;
}

Value AttentionKernel::score(int64_t r, ArrayRef<Value> key) {
  Value sum = b->mulf(q[r][0], key[0]);
  for (int64_t p = 1; p < pieces; ++p)
    sum = b->fma(q[r][p], key[p], sum);
  return b->warpSum(b->sum(sum), width);
}

// cap * tanh(x / cap) of a score x that is given, and wanted, times log2 e.
Value AttentionKernel::capped(Value score) {
  double cap = SdpaOp(shape.op).getSoftcap().convertToDouble();
  if (cap <= 0)
    return score;
  Value one = b->number(1), power = b->exp2(b->mulf(score, b->number(2 / cap)));
  Value tanh = b->subf(one, b->divf(b->number(2), b->addf(one, power)));
  return b->mulf(tanh, b->number(cap * M_LOG2E));
}

// Zero for a row that sees no key.
Value AttentionKernel::quotient(const AttentionTile &tile, Value sum, Value total) {
  return b->divf(sum, tile.mayBeEmpty() ? b->maximum(total, b->number(1e-30)) : total);
}

void AttentionKernel::step(AttentionTile &tile, Value base, Value to, SmallVector<Row> &rows) {
  SmallVector<SmallVector<Value>> keys, values;
  SmallVector<Value> ts;
  for (int64_t u = 0; u < unroll; ++u) {
    ts.push_back(b->add(b->add(base, group), u * groups));
    Value t = b->min(ts.back(), b->index(shape.positions - 1));
    keys.push_back(loadKey(tile.keys, tile, t));
    values.push_back(loadKey(tile.values, tile, t));
  }
  Value none = b->number(-std::numeric_limits<double>::infinity());
  for (int64_t r = 0; r < tileRows; ++r) {
    Row &row = rows[r];
    Value most = row.most;
    SmallVector<Value> scores;
    for (int64_t u = 0; u < unroll; ++u) {
      Value seen = b->both(b->less(ts[u], to), b->lessEqual(ts[u], tile.high(b->index(r))));
      if (shape.causal && shape.window > 0)
        seen = b->both(seen, b->lessEqual(tile.low(b->index(r)), ts[u]));
      if (tile.length)
        seen = b->both(seen, b->less(ts[u], tile.length));
      Value key = b->min(ts[u], b->index(shape.positions - 1));
      scores.push_back(b->select(seen, tile.withBias(b->index(r), key, capped(score(r, keys[u]))), none));
      most = b->maximum(most, scores.back());
    }
    Value factor = b->exp2(b->subf(row.most, most));
    row.most = most;
    row.total = b->mulf(row.total, factor);
    for (Value &sum : row.sums)
      sum = scaled(sum, factor);
    for (int64_t u = 0; u < unroll; ++u) {
      Value weight = b->exp2(b->subf(scores[u], most)), all = b->broadcast(weight, lanes);
      row.total = b->addf(row.total, weight);
      for (int64_t p = 0; p < pieces; ++p)
        row.sums[p] = b->fma(all, values[u][p], row.sums[p]);
    }
  }
}

SmallVector<Row> AttentionKernel::runKeys(AttentionTile &tile, Value from, Value to) {
  SmallVector<Row> rows(tileRows, {b->number(kNone), b->number(0), SmallVector<Value>(pieces, b->splat(0, lanes))});
  // Every thread of the block goes round equally often.
  SmallVector<Value> ends = b->loop(from, to, groups * unroll, flatten(rows), [&](Value base, ValueRange carried) {
    SmallVector<Row> next = unflatten(carried);
    step(tile, base, to, next);
    return flatten(next);
  });
  return unflatten(ends);
}

// Merges the groups of a warp; all of them have the result.
void AttentionKernel::mergeGroups(SmallVector<Row> &rows) {
  for (Row &row : rows)
    for (int64_t mask = width; mask < kWarp; mask *= 2) {
      Value most = b->maximum(row.most, b->shuffleXor(row.most, mask)), factor = b->exp2(b->subf(row.most, most));
      row.most = most;
      Value total = b->mulf(row.total, factor);
      row.total = b->addf(total, b->shuffleXor(total, mask));
      for (Value &sum : row.sums) {
        Value mine = scaled(sum, factor), merged = mine;
        for (int64_t i = 0; i < lanes; ++i) {
          Value x = b->extract(mine, i);
          merged = vector::InsertOp::create(*b, b->addf(x, b->shuffleXor(x, mask)), merged, ArrayRef<int64_t>(i));
        }
        sum = merged;
      }
    }
}

// Merges the warps, and stores the tile's rows or leaves them in scratch.
void AttentionKernel::finish(AttentionTile &tile, SmallVector<Row> &rows, Value item, Value split) {
  Value most = b->shared({kWarps, tileRows}), total = b->shared({kWarps, tileRows});
  Value sums = b->shared({kWarps, tileRows, shape.size});
  auto keep = [&](Value v, Value memory, ValueRange at) { memref::StoreOp::create(*b, v, memory, at); };
  b->when(b->less(b->lane, b->index(width)), [&] {
    for (auto [r, row] : llvm::enumerate(rows)) {
      Value at = b->index(int64_t(r));
      keep(row.most, most, {b->warp, at});
      keep(row.total, total, {b->warp, at});
      for (int64_t p = 0; p < pieces; ++p) {
        auto store = [&, &row = row] {
          vector::StoreOp::create(*b, row.sums[p], sums, ValueRange{b->warp, at, column(p)});
        };
        if (pieces * width * lanes == shape.size)
          store();
        else
          b->when(b->less(column(p), b->index(shape.size)), store);
      }
    }
  });
  b->barrier();
  auto load = [&](Value memory, ValueRange at) -> Value { return memref::LoadOp::create(*b, memory, at); };
  b->loop(b->tid, b->index(tileRows * shape.size), b->threads, [&](Value i) {
    Value r = b->div(i, shape.size), e = b->rem(i, shape.size), all = b->number(kNone);
    for (int64_t w = 0; w < kWarps; ++w)
      all = b->maximum(all, load(most, {b->index(w), r}));
    Value weight = b->number(0), value = b->number(0);
    for (int64_t w = 0; w < kWarps; ++w) {
      Value factor = b->exp2(b->subf(load(most, {b->index(w), r}), all));
      weight = b->addf(weight, b->mulf(factor, load(total, {b->index(w), r})));
      value = b->addf(value, b->mulf(factor, load(sums, {b->index(w), r, e})));
    }
    if (splits == 1)
      return tile.store(r, e, quotient(tile, value, weight));
    Value part = b->add(b->mul(b->add(b->mul(item, splits), split), tileRows), r);
    keep(value, g->scratch[0], b->add(b->mul(part, shape.size), e));
    b->when(b->equal(e, b->index(0)), [&] {
      keep(all, g->scratch[1], part);
      keep(weight, g->scratch[2], part);
    });
  });
}

void AttentionKernel::emitParts(Launches &launches) {
  GpuKernel kernel = launches.begin(splits == 1 ? "" : "parts", {items, splits}, kThreads);
  g = &kernel, b = &kernel.b;
  member = b->rem(b->lane, width);
  group = b->add(b->mul(b->warp, kWarp / width), b->div(b->lane, width));
  Value item = b->block(), split = b->index(0);
  AttentionTile tile(kernel, shape, tileRows, item);
  auto [from, to] = tile.range();
  if (splits > 1) {
    split = b->block(gpu::Dimension::y);
    Value each = b->mul(b->div(b->add(b->sub(to, from), splits * groups - 1), splits * groups), groups);
    from = b->add(from, b->mul(split, each));
    to = b->min(to, b->add(from, each));
  }
  loadPieces(tile);
  SmallVector<Row> rows = runKeys(tile, from, to);
  mergeGroups(rows);
  finish(tile, rows, item, split);
  if (splits == 1)
    tile.clearSpareHeads();
}

// Merges the parts: a thread has an element of a row.
void AttentionKernel::emitMerge(Launches &launches) {
  constexpr int64_t threads = 128;
  GpuKernel kernel = launches.begin("merge", {items}, threads);
  b = &kernel.b;
  Value item = b->block();
  AttentionTile tile(kernel, shape, tileRows, item);
  auto load = [&](int64_t which, Value at) -> Value { return memref::LoadOp::create(*b, kernel.scratch[which], at); };
  b->loop(b->tid, b->index(tileRows * shape.size), threads, [&](Value i) {
    Value r = b->div(i, shape.size), e = b->rem(i, shape.size), first = b->mul(item, splits);
    auto part = [&](Value split) { return b->add(b->mul(b->add(first, split), tileRows), r); };
    Value most = b->loop(b->index(0), b->index(splits), 1, b->number(kNone), [&](Value split, ValueRange carried) {
      return SmallVector<Value>{b->maximum(carried[0], load(1, part(split)))};
    })[0];
    SmallVector<Value> zeros(2, b->number(0));
    SmallVector<Value> sums = b->loop(b->index(0), b->index(splits), 1, zeros, [&](Value split, ValueRange carried) {
      Value at = part(split), factor = b->exp2(b->subf(load(1, at), most));
      Value value = load(0, b->add(b->mul(at, shape.size), e));
      return SmallVector<Value>{b->addf(carried[0], b->mulf(factor, load(2, at))),
                                b->addf(carried[1], b->mulf(factor, value))};
    });
    tile.store(r, e, quotient(tile, sums[1], sums[0]));
  });
  tile.clearSpareHeads();
}

void AttentionKernel::emit(Launches &launches) {
  if (splits > 1) {
    launches.addScratch(items * splits * tileRows * shape.size);
    launches.addScratch(items * splits * tileRows);
    launches.addScratch(items * splits * tileRows);
  }
  emitParts(launches);
  if (splits > 1)
    emitMerge(launches);
}

void emitSdpa(Launches &launches) {
  if (!emitMmaAttention(launches))
    AttentionKernel(launches).emit(launches);
}

} // namespace tp::cuda
