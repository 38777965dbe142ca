#include "Experts.h"

#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;

namespace tp::cuda {

ExpertsKernel::ExpertsKernel(Launches &launches, Value gates, ArrayRef<Value> weights, Value input)
    : launches(launches), gatesTensor(gates), inputTensor(input), weights(weights) {
  ArrayRef<int64_t> shape = cpu::shapeOf(weights.front());
  experts = shape[0], n = shape[1], k = shape[2];
  rows = cpu::elementsOf(gates) / experts;
  lanes = std::min(vectorLanes(k, cpu::elementOf(input)), vectorLanes(k, cpu::elementOf(weights.front())));
  tensorCores = fitsTensorCores();
  tileRows = tensorCores ? kMmaRows : std::min(rows, kTileRows);
}

void ExpertsKernel::begin(StringRef suffix, Grid grid, llvm::function_ref<void()> body) {
  GpuKernel kernel = launches.begin(suffix, grid, kWarps * kWarp);
  g = &kernel, b = &kernel.b;
  gates = b->reshape(kernel.kernel.input(gatesTensor), {rows, experts});
  body();
}

Value ExpertsKernel::isChosen(Value row) {
  return arith::CmpFOp::create(*b, arith::CmpFPredicate::UNE, gate(row), b->number(0));
}

// Scratch 0: [experts, rows] rows, as the bits of f32; scratch 1: how many, [experts]. A block has an expert, a thread
// a row, whose place is the number of rows before it.
void ExpertsKernel::listRows() {
  expert = b->block();
  auto keep = [&](Value v, Value memory, Value at) {
    memref::StoreOp::create(*b, b->asFloat(b->toI32(v)), memory, at);
  };
  b->loop(b->tid, b->index(rows), b->threads, [&](Value row) {
    auto next = [&](Value before, Value r) { return b->select(isChosen(r), b->add(before, 1), before); };
    Value place = b->loop(b->index(0), row, 1, b->index(0),
                          [&](Value r, ValueRange carried) { return SmallVector<Value>{next(carried[0], r)}; })[0];
    b->when(isChosen(row), [&] { keep(row, g->scratch[0], b->add(b->mul(expert, rows), place)); });
    b->when(b->equal(row, b->index(rows - 1)), [&] { keep(next(place, row), g->scratch[1], expert); });
  });
}

static Value loadNumber(GpuBuilder &b, Value memory, Value at) {
  Value bits = memref::LoadOp::create(b, memory, at);
  return b.toIndex(b.asBits(bits));
}

Value ExpertsKernel::count() {
  if (rows == 1)
    return b->select(isChosen(b->index(0)), b->index(1), b->index(0));
  return loadNumber(*b, g->scratch[1], expert);
}

Value ExpertsKernel::chosenRow(Value place) {
  return rows == 1 ? b->index(0) : loadNumber(*b, g->scratch[0], b->add(b->mul(expert, rows), place));
}

// Sums are in the order [row][weight].
void ExpertsKernel::step(Value at, ArrayRef<Value> sources, SmallVector<Value> &sums) {
  SmallVector<Value> ws;
  for (Value weight : weights)
    ws.push_back(b->loadVector(g->kernel.input(weight), {expert, column, at}, lanes));
  for (auto [r, source] : llvm::enumerate(sources)) {
    Value x = b->loadVector(input, {source, at}, lanes);
    for (auto [w, weight] : llvm::enumerate(ws))
      for (int64_t i = 0; i < lanes; ++i) {
        Value &sum = sums[r * ws.size() + w];
        sum = math::FmaOp::create(*b, b->extract(x, i), b->extract(weight, i), sum);
      }
  }
}

// This lane's part of the sums.
SmallVector<Value> ExpertsKernel::products(ArrayRef<Value> sources) {
  int64_t perStep = kWarp * lanes, unroll = tileRows == 1 ? 4 : 1, whole = k / (perStep * unroll) * perStep * unroll;
  SmallVector<Value> sums(sources.size() * weights.size(), b->number(0));
  Value mine = b->mul(b->lane, lanes);
  auto steps = [&](int64_t count) {
    return [&, count](Value from, ValueRange carried) {
      SmallVector<Value> next(carried);
      for (int64_t i = 0; i < count; ++i)
        step(b->add(from, i * perStep), sources, next);
      return next;
    };
  };
  if (whole)
    sums = b->loop(mine, b->index(whole), unroll * perStep, sums, steps(unroll));
  if (whole < k)
    sums = b->loop(b->add(mine, whole), b->index(k), perStep, sums, steps(1));
  return sums;
}

// A warp has a column of the tile.
void ExpertsKernel::warpTile(Value from, Value end) {
  SmallVector<Value> targets, sources;
  for (int64_t r = 0; r < tileRows; ++r) {
    // Behind the last row: that one again.
    Value place = b->min(b->add(from, r), b->sub(end, b->index(1)));
    targets.push_back(chosenRow(place));
    sources.push_back(inputRow(targets.back()));
  }
  SmallVector<Value> sums = products(sources);
  for (Value &sum : sums)
    sum = b->warpSum(sum);
  for (int64_t r = 0; r < tileRows; ++r) {
    Value mine = b->equal(b->rem(targets[r], kWarp), b->lane);
    b->when(b->both(mine, b->less(b->add(from, r), end)),
            [&] { finish(targets[r], ArrayRef<Value>(sums).slice(r * weights.size(), weights.size())); });
  }
}

// The rows that chose `expert`.
void ExpertsKernel::computeExpert() {
  Value end = count();
  b->loop(b->index(0), end, tileRows, [&](Value from) { tensorCores ? mmaTile(from, end) : warpTile(from, end); });
}

void ExpertsKernel::forOwnElements(llvm::function_ref<void(Value)> body) {
  if (!tensorCores)
    return b->loop(b->lane, b->index(rows), kWarp, body);
  Value first = column;
  b->loop(b->tid, b->index(rows * kMmaColumns), b->threads, [&](Value item) {
    column = b->add(first, b->rem(item, kMmaColumns));
    b->when(b->less(column, b->index(n)), [&] { body(b->div(item, kMmaColumns)); });
  });
  column = first;
}

void ExpertsKernel::run() {
  if (rows > 1) {
    launches.addScratch(experts * rows);
    launches.addScratch(experts);
    begin("rows", {experts}, [&] { listRows(); });
  }
  begin("", grid(), [&] {
    int64_t inputs = cpu::elementsOf(inputTensor) / k;
    input = b->reshape(g->kernel.input(inputTensor), {inputs, k});
    if (tensorCores) {
      beginTensorCores();
      column = b->mul(b->block(), kMmaColumns);
      return computeColumns();
    }
    column = b->add(b->mul(b->block(), kWarps), b->warp);
    // Whole warps: shuffles within.
    b->when(b->less(column, b->index(n)), [&] { computeColumns(); });
  });
}

namespace {

// A block has an expert and some columns.
class UpKernel : public ExpertsKernel {
public:
  UpKernel(Launches &launches, ExpertUpOp op, ArrayRef<Value> weights)
      : ExpertsKernel(launches, op.getGates(), weights, op.getInput()), op(op) {}

private:
  Grid grid() const override { return {columnBlocks(), experts}; }
  Value inputRow(Value row) override { return row; }
  Value output() { return b->reshape(g->kernel.output(op.getResult()), {rows, experts, n}); }

  void computeColumns() override {
    expert = b->block(gpu::Dimension::y);
    Value memory = output();
    // Zeros for the rows that did not choose it.
    forOwnElements([&](Value row) {
      b->when(isChosen(row), [] {}, [&] { b->storeScalar(b->number(0), memory, {row, expert, column}); });
    });
    computeExpert();
  }

  void finish(Value row, ArrayRef<Value> sums) override {
    Value hidden = cpu::activate(*b, op.getActivation(), b->broadcast(sums.front(), 1), 1);
    if (sums.size() > 1)
      hidden = b->mulf(hidden, b->broadcast(sums[1], 1));
    b->storeScalar(b->extract(hidden, 0), output(), {row, expert, column});
  }

  ExpertUpOp op;
};

// A block has some columns, and adds up the experts.
class DownKernel : public ExpertsKernel {
public:
  DownKernel(Launches &launches, ExpertDownOp op)
      : ExpertsKernel(launches, op.getGates(), op.getDown(), op.getHidden()), op(op) {}

private:
  Grid grid() const override { return {columnBlocks()}; }
  Value inputRow(Value row) override { return b->add(b->mul(row, experts), expert); }
  Value output() { return b->reshape(g->kernel.output(op.getResult()), {rows, n}); }

  void computeColumns() override {
    Value memory = output();
    forOwnElements([&](Value row) { b->storeScalar(b->number(0), memory, {row, column}); });
    b->loop(b->index(0), b->index(experts), 1, [&](Value i) {
      expert = i;
      computeExpert();
    });
  }

  void finish(Value row, ArrayRef<Value> sums) override {
    Value memory = output(), before = b->loadScalar(memory, {row, column});
    b->storeScalar(math::FmaOp::create(*b, sums.front(), gate(row), before), memory, {row, column});
  }

  ExpertDownOp op;
};

} // namespace

void emitExpertUp(Launches &launches) {
  auto op = opsOf(launches.function()).all<ExpertUpOp>().front();
  SmallVector<Value> weights;
  if (op.getGate())
    weights.push_back(op.getGate());
  weights.push_back(op.getUp());
  UpKernel(launches, op, weights).run();
}

void emitExpertDown(Launches &launches) {
  DownKernel(launches, opsOf(launches.function()).all<ExpertDownOp>().front()).run();
}

} // namespace tp::cuda
