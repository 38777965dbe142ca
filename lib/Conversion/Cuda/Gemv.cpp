// Linears of few rows: bound by the bytes of the weights. A warp computes `kColumns` elements of each row of the
// result: its lanes run through K together, 16 bytes of a weight row each at a time, several loads in flight, and add
// up at the end.
//
// A kernel has parts, see LinearParts.h: a block belongs to one of them.
#include "../LinearParts.h"
#include "GpuKernels.h"

using namespace mlir;

namespace tp::cuda {

namespace {

using cpu::LinearPart;

class GemvKernel {
public:
  explicit GemvKernel(Launches &launches);
  void run(Launches &launches);

private:
  void part(const LinearPart &part, Value block);
  SmallVector<Value> accumulate(const LinearPart &part, Value column, Value row);
  SmallVector<Value> step(const LinearPart &part, Value column, Value row, Value k, SmallVector<Value> sums);
  void finish(const LinearPart &part, Value column, Value row, ArrayRef<Value> sums);
  // Columns of a part that one warp, one block computes.
  int64_t columnsOf(const LinearPart &part) const { return part.linears.size() == 1 && tileRows == 1 ? 2 : 1; }
  int64_t blocksOf(const LinearPart &part) const { return ceilDiv(part.n, columnsOf(part) * kWarps); }

  static constexpr int64_t kWarps = 4;

  std::vector<LinearPart> parts;
  int64_t m, k, lanes, tileRows;
  GpuKernel *g = nullptr;
  GpuBuilder *b = nullptr;
  Value input; // [m, k]
};

} // namespace

GemvKernel::GemvKernel(Launches &launches) {
  Kernel kernel = opsOf(launches.function());
  parts = cpu::findParts(kernel);
  LinearOp first = parts.front().linears.front();
  k = cpu::shapeOf(first.getInput()).back();
  m = cpu::elementsOf(first.getInput()) / k;
  lanes = std::min(vectorLanes(k, cpu::elementOf(first.getInput())), vectorLanes(k, cpu::elementOf(first.getWeight())));
  tileRows = std::min<int64_t>(m, cpu::kGemvRows);
  while (m % tileRows)
    --tileRows;
}

// Sums are in the order [row][linear][column], a vector of `lanes` partial sums each.
SmallVector<Value> GemvKernel::step(const LinearPart &part, Value column, Value row, Value at,
                                    SmallVector<Value> sums) {
  SmallVector<Value> weights;
  for (LinearOp linear : part.linears)
    for (int64_t c = 0; c < columnsOf(part); ++c) {
      // A column beyond the end reads the last one again, and is not stored.
      Value n = b->min(b->add(column, c), b->index(part.n - 1));
      weights.push_back(b->loadVector(g->kernel.input(linear.getWeight()), {n, at}, lanes));
    }
  for (int64_t r = 0; r < tileRows; ++r) {
    Value x = b->loadVector(input, {b->add(row, r), at}, lanes);
    for (auto [i, weight] : llvm::enumerate(weights)) {
      Value &sum = sums[r * weights.size() + i];
      sum = b->fma(x, weight, sum);
    }
  }
  return sums;
}

SmallVector<Value> GemvKernel::accumulate(const LinearPart &part, Value column, Value row) {
  constexpr int64_t unroll = 4;
  int64_t perStep = kWarp * lanes, whole = k / perStep, rounds = whole / unroll;
  SmallVector<Value> sums(tileRows * part.linears.size() * columnsOf(part), b->splat(0, lanes));
  Value mine = b->mul(b->lane, lanes);
  auto steps = [&](Value from, int64_t count, SmallVector<Value> carried) {
    for (int64_t i = 0; i < count; ++i)
      carried = step(part, column, row, b->add(b->add(from, mine), i * perStep), carried);
    return carried;
  };
  if (rounds)
    sums = b->loop(b->index(0), b->index(rounds * unroll * perStep), unroll * perStep, sums,
                   [&](Value from, ValueRange carried) { return steps(from, unroll, SmallVector<Value>(carried)); });
  sums = steps(b->index(rounds * unroll * perStep), whole - rounds * unroll, sums);
  if (whole * perStep == k)
    return sums;
  // The rest of K, which some lanes have no part of.
  Value at = b->add(mine, whole * perStep);
  auto rest = scf::IfOp::create(*b, ValueRange(sums).getTypes(), b->less(at, b->index(k)), true, true);
  OpBuilder::InsertionGuard guard(*b);
  b->setInsertionPointToStart(&rest.getThenRegion().front());
  scf::YieldOp::create(*b, step(part, column, row, at, sums));
  b->setInsertionPointToStart(&rest.getElseRegion().front());
  scf::YieldOp::create(*b, sums);
  return SmallVector<Value>(rest.getResults());
}

// Bias, the elementwise ops that follow, and the stores, for one element of a row.
void GemvKernel::finish(const LinearPart &part, Value column, Value row, ArrayRef<Value> sums) {
  cpu::Vectors values;
  for (auto [op, sum] : llvm::zip_equal(part.linears, sums)) {
    LinearOp linear = op;
    Value v = b->broadcast(sum, 1);
    if (linear.getBias())
      v = b->addf(v, b->loadVector(g->kernel.input(linear.getBias()), column, 1));
    values[linear.getResult()] = b->round(v, cpu::elementOf(linear.getResult()));
  }
  for (Operation *op : part.epilogue) {
    for (Value operand : op->getOperands())
      if (Value memory = g->kernel.input(operand); memory && !values.contains(operand))
        values[operand] = b->loadVector(b->reshape(memory, {m, part.n}), {row, column}, 1);
    cpu::evaluate(*b, op, values, 1);
  }
  auto save = [&](Value value) {
    if (Value output = g->kernel.output(value))
      b->storeVector(values.lookup(value), b->reshape(output, {m, part.n}), {row, column});
  };
  for (LinearOp linear : part.linears)
    save(linear.getResult());
  for (Operation *op : part.epilogue)
    save(op->getResult(0));
}

void GemvKernel::part(const LinearPart &part, Value block) {
  int64_t columns = columnsOf(part), linears = int64_t(part.linears.size());
  Value column = b->mul(b->add(b->mul(block, kWarps), b->warp), columns);
  Value row = b->mul(b->block(gpu::Dimension::y), tileRows);
  // Whole warps: shuffles within.
  b->when(b->less(column, b->index(part.n)), [&] {
    SmallVector<Value> sums = accumulate(part, column, row);
    for (Value &sum : sums)
      sum = b->warpSum(b->sum(sum));
    // Each element has a lane that finishes it.
    for (int64_t r = 0; r < tileRows; ++r)
      for (int64_t c = 0; c < columns; ++c) {
        Value mine = b->equal(b->lane, b->index(r * columns + c)), n = b->add(column, c);
        SmallVector<Value> own;
        for (int64_t l = 0; l < linears; ++l)
          own.push_back(sums[(r * linears + l) * columns + c]);
        b->when(b->both(mine, b->less(n, b->index(part.n))), [&] { finish(part, n, b->add(row, r), own); });
      }
  });
}

void GemvKernel::run(Launches &launches) {
  int64_t blocks = 0;
  for (const LinearPart &p : parts)
    blocks += blocksOf(p);
  GpuKernel kernel = launches.begin("", {blocks, m / tileRows}, kWarps * kWarp);
  g = &kernel, b = &kernel.b;
  input = b->reshape(kernel.kernel.input(parts.front().linears.front().getInput()), {m, k});
  Value block = b->block();
  int64_t offset = 0;
  for (const LinearPart &p : parts) {
    Value first = b->index(offset), end = b->index(offset + blocksOf(p));
    b->when(b->both(b->lessEqual(first, block), b->less(block, end)), [&] { part(p, b->sub(block, first)); });
    offset += blocksOf(p);
  }
}

void emitGemv(Launches &launches) { GemvKernel(launches).run(launches); }

} // namespace tp::cuda
