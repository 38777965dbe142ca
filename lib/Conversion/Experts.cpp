// A mixture of experts: routing, and products with the matrices of the experts that rows have chosen.
//
// Each thread has some columns of the result, of all experts. Expert by expert it lists the rows that chose it and
// multiplies those rows, a tile at a time, by the expert's panels; an expert that nobody chose is passed over. The
// matrices lie in panels one behind the other, so an expert may begin within a panel: lanes of others are masked.
#include "PanelProduct.h"

#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;

namespace tp::cpu {

namespace {

class ExpertsKernel {
public:
  // `weights`: [experts, n, k] each.
  ExpertsKernel(KernelBuilder &b, Value gates, ArrayRef<Value> weights, RankedTensorType type, int64_t rows);
  virtual ~ExpertsKernel() = default;
  void run();

protected:
  // Before the products: this thread's columns [first, end).
  virtual void prepare(Value first, Value end) = 0;
  // Row of the input that goes with row `row` of the result.
  virtual Value inputRow(Value row) = 0;
  // 16 columns of a row from `column` on: the sums of each of `weights`.
  virtual void finish(Value row, Value column, Value mask, ArrayRef<Value> sums) = 0;
  Value gate(Value row) { return b.loadScalar(gates, {row, expert}); }

  KernelBuilder &b;
  Value gates; // [rows, experts]
  SmallVector<Value> weights;
  int64_t experts, n, k, rows;
  Value input;          // [., k]
  Value expert, chosen; // at hand; i32 rows that chose it

private:
  void listRows();
  void runExpert();
  void runPanels(Value panel, int64_t panels);
  void tile(Value from, int64_t tileRows, Value panel, int64_t panels);
  Value maskOf(Value column);

  Value first, end, count; // this thread's columns, number of rows in `chosen`
};

} // namespace

ExpertsKernel::ExpertsKernel(KernelBuilder &b, Value gates, ArrayRef<Value> weights, RankedTensorType type,
                             int64_t rows)
    : b(b), weights(weights), experts(type.getDimSize(0)), n(type.getDimSize(1)), k(type.getDimSize(2)), rows(rows) {
  this->gates = b.reshape(gates, {rows, experts});
  chosen = b.scratch({rows}, b.getI32Type());
}

static Value isChosen(KernelBuilder &b, Value gate) {
  Value zero = arith::ConstantOp::create(b, b.getF32FloatAttr(0));
  return arith::CmpFOp::create(b, arith::CmpFPredicate::UNE, gate, zero);
}

void ExpertsKernel::listRows() {
  count = b.loop(b.index(0), b.index(rows), 1, b.index(0), [&](Value row, ValueRange carried) {
    Value number = b.toI32(row);
    memref::StoreOp::create(b, number, chosen, ValueRange{carried[0]});
    Value next = arith::SelectOp::create(b, isChosen(b, gate(row)), b.add(carried[0], 1), carried[0]);
    return SmallVector<Value>{next};
  })[0];
}

// Lanes of the columns from `column` on (which may be below zero) that are this thread's; null: all.
Value ExpertsKernel::maskOf(Value column) {
  if (n % kLanes == 0)
    return nullptr;
  Value below = b.mask(b.max(b.min(b.sub(first, column), b.index(kLanes)), b.index(0)));
  Value inside = b.mask(b.max(b.min(b.sub(end, column), b.index(kLanes)), b.index(0)));
  return arith::AndIOp::create(
      b, inside,
      arith::XOrIOp::create(
          b, below, arith::ConstantOp::create(b, DenseElementsAttr::get(cast<ShapedType>(below.getType()), true))));
}

void ExpertsKernel::tile(Value from, int64_t tileRows, Value panel, int64_t panels) {
  SmallVector<Value> targets, sources;
  for (int64_t r = 0; r < tileRows; ++r) {
    // Behind the last row: that one again.
    Value place = b.min(b.add(from, r), b.sub(count, b.index(1)));
    targets.push_back(b.toIndex(memref::LoadOp::create(b, chosen, ValueRange{place})));
    sources.push_back(inputRow(targets.back()));
  }
  SmallVector<std::pair<Value, Value>> at;
  for (Value weight : weights)
    for (int64_t p = 0; p < panels; ++p)
      at.push_back({weight, b.add(panel, p)});
  SmallVector<Value> sums = panelProduct(b, input, k, sources, at, tileRows <= 2 ? 4 : 2);
  for (int64_t r = 0; r < tileRows; ++r)
    b.when(b.less(b.add(from, r), count), [&] {
      for (int64_t p = 0; p < panels; ++p) {
        SmallVector<Value> mine;
        for (size_t w = 0; w < weights.size(); ++w)
          mine.push_back(sums[(r * weights.size() + w) * panels + p]);
        Value column = b.sub(b.mul(b.add(panel, p), kLanes), b.mul(expert, n));
        finish(targets[r], column, maskOf(column), mine);
      }
    });
}

// All rows of the list with `panels` panels from `panel` on, which stay in the cache meanwhile.
void ExpertsKernel::runPanels(Value panel, int64_t panels) {
  int64_t most = std::min<int64_t>(rows, b.target.avx512 ? 8 : 6 / int64_t(weights.size()));
  b.loop(b.index(0), count, most, [&](Value from) {
    if (most == 1)
      return tile(from, 1, panel, panels);
    Value alone = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, b.sub(count, from), b.index(1));
    b.when(alone, [&] { tile(from, 1, panel, panels); }, [&] { tile(from, most, panel, panels); });
  });
}

void ExpertsKernel::runExpert() {
  Value row = b.mul(expert, n);
  Value panel = b.div(b.add(row, first), kLanes), last = b.div(b.add(b.add(row, end), kLanes - 1), kLanes);
  int64_t width = rows == 1 ? 4 / int64_t(weights.size()) : 1;
  Value wide = b.add(panel, b.mul(b.div(b.sub(last, panel), width), width));
  b.loop(panel, wide, width, [&](Value p) { runPanels(p, width); });
  if (width > 1)
    b.loop(wide, last, 1, [&](Value p) { runPanels(p, 1); });
}

void ExpertsKernel::run() {
  auto [begin, stop] = b.share(ceilDiv(n, kLanes));
  first = b.mul(begin, kLanes), end = b.min(b.mul(stop, kLanes), b.index(n));
  b.when(b.less(first, end), [&] {
    prepare(first, end);
    b.loop(b.index(0), b.index(experts), 1, [&](Value i) {
      expert = i;
      listRows();
      b.when(b.less(b.index(0), count), [&] { runExpert(); });
    });
  });
}

namespace {

class UpKernel : public ExpertsKernel {
public:
  UpKernel(KernelBuilder &b, Kernel &kernel, ExpertUpOp op, ArrayRef<Value> weights)
      : ExpertsKernel(b, kernel.input(op.getGates()), weights, cast<RankedTensorType>(op.getUp().getType()),
                      elementsOf(op.getGates()) / shapeOf(op.getGates()).back()),
        kind(op.getActivation()), element(elementOf(op.getResult())) {
    input = b.reshape(kernel.input(op.getInput()), {rows, k});
    output = b.reshape(kernel.output(op.getResult()), {rows, experts, n});
  }

private:
  // Zeros for the experts that a row did not choose.
  void prepare(Value first, Value end) override {
    b.loop(b.index(0), b.index(rows * experts), 1, [&](Value item) {
      Value row = b.div(item, experts);
      expert = b.rem(item, experts);
      b.when(
          isChosen(b, gate(row)), [] {},
          [&] {
            b.loop(first, end, kLanes, [&](Value column) {
              Value mask = n % kLanes ? b.mask(b.min(b.sub(end, column), b.index(kLanes))) : Value();
              b.store(b.splat(0), output, {row, expert, column}, mask);
            });
          });
    });
  }
  Value inputRow(Value row) override { return row; }
  void finish(Value row, Value column, Value mask, ArrayRef<Value> sums) override {
    Value hidden = activate(b, kind, sums.front(), kLanes);
    if (sums.size() > 1)
      hidden = b.mulf(hidden, sums[1]);
    b.store(b.round(hidden, element), output, {row, expert, column}, mask);
  }

  ActivationKind kind;
  Type element;
  Value output; // [rows, experts, n]
};

class DownKernel : public ExpertsKernel {
public:
  DownKernel(KernelBuilder &b, Kernel &kernel, ExpertDownOp op)
      : ExpertsKernel(b, kernel.input(op.getGates()), kernel.input(op.getDown()),
                      cast<RankedTensorType>(op.getDown().getType()),
                      elementsOf(op.getGates()) / shapeOf(op.getGates()).back()) {
    input = b.reshape(kernel.input(op.getHidden()), {rows * experts, k});
    output = b.reshape(kernel.output(op.getResult()), {rows, n});
  }

private:
  void prepare(Value first, Value end) override {
    b.loop(b.index(0), b.index(rows), 1, [&](Value row) {
      b.loop(first, end, kLanes, [&](Value column) {
        Value mask = n % kLanes ? b.mask(b.min(b.sub(end, column), b.index(kLanes))) : Value();
        b.store(b.splat(0), output, {row, column}, mask);
      });
    });
  }
  Value inputRow(Value row) override { return b.add(b.mul(row, experts), expert); }
  void finish(Value row, Value column, Value mask, ArrayRef<Value> sums) override {
    Value before = b.load(output, {row, column}, kLanes, mask);
    b.store(b.fma(sums.front(), b.broadcast(gate(row)), before), output, {row, column}, mask);
  }

  Value output; // [rows, n]
};

} // namespace

void emitExpertUp(KernelBuilder &b, Kernel &kernel) {
  auto op = kernel.all<ExpertUpOp>().front();
  SmallVector<Value> weights;
  if (op.getGate())
    weights.push_back(kernel.input(op.getGate()));
  weights.push_back(kernel.input(op.getUp()));
  UpKernel(b, kernel, op, weights).run();
}

void emitExpertDown(KernelBuilder &b, Kernel &kernel) {
  DownKernel(b, kernel, kernel.all<ExpertDownOp>().front()).run();
}

static Value floatConstant(KernelBuilder &b, double value) {
  return arith::ConstantOp::create(b, b.getF32FloatAttr(float(value)));
}

// The largest of `values` [x], by its first place; it is taken out.
static std::pair<Value, Value> takeLargest(KernelBuilder &b, Value values, int64_t experts) {
  SmallVector<Value> init = {floatConstant(b, -1), b.index(0)};
  SmallVector<Value> best = b.loop(b.index(0), b.index(experts), 1, init, [&](Value i, ValueRange carried) {
    Value value = memref::LoadOp::create(b, values, i);
    Value more = arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, value, carried[0]);
    return SmallVector<Value>{arith::SelectOp::create(b, more, value, carried[0]),
                              arith::SelectOp::create(b, more, i, carried[1])};
  });
  memref::StoreOp::create(b, floatConstant(b, -1), values, ValueRange{best[1]});
  return {best[0], best[1]};
}

// Rows are shared; each row: exp of its logits, then the largest one by one.
void emitRoute(KernelBuilder &b, Kernel &kernel) {
  auto op = kernel.all<RouteOp>().front();
  int64_t experts = shapeOf(op.getLogits()).back(), rows = elementsOf(op.getLogits()) / experts;
  Value logits = b.reshape(kernel.input(op.getLogits()), {rows, experts});
  Value gates = b.reshape(kernel.output(op.getResult()), {rows, experts});
  Value values = b.scratch({roundUp(experts, kLanes)});
  auto [begin, end] = b.share(rows);
  auto choose = [&](Value row) {
    Value most = b.loop(b.index(0), b.index(experts), 1, floatConstant(b, -std::numeric_limits<float>::infinity()),
                        [&](Value i, ValueRange carried) {
                          return SmallVector<Value>{b.maximum(carried[0], b.loadScalar(logits, {row, i}))};
                        })[0];
    b.forVectors(experts, [&](Value i, Value mask) {
      Value logit = b.load(logits, {row, i}, kLanes, mask);
      b.store(math::ExpOp::create(b, b.subf(logit, b.broadcast(most))), values, i);
    });
    Value total = floatConstant(b, 0);
    if (!op.getNormalised())
      total = b.loop(b.index(0), b.index(experts), 1, total, [&](Value i, ValueRange carried) {
        return SmallVector<Value>{b.addf(carried[0], memref::LoadOp::create(b, values, i))};
      })[0];
    SmallVector<std::pair<Value, Value>> chosen;
    for (int64_t i = 0; i < int64_t(op.getTopK()); ++i) {
      chosen.push_back(takeLargest(b, values, experts));
      if (op.getNormalised())
        total = b.addf(total, chosen.back().first);
    }
    for (auto [value, expert] : chosen)
      b.storeScalar(b.divf(value, total), gates, {row, expert});
  };
  // A row that is not in use chooses no expert.
  b.loop(begin, end, 1, [&](Value row) {
    b.forVectors(experts, [&](Value i, Value mask) { b.store(b.splat(0), gates, {row, i}, mask); });
    b.ifInUse(cast<RankedTensorType>(op.getLogits().getType()), row, 1, [&] { choose(row); });
  });
}

} // namespace tp::cpu
