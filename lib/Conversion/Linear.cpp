// Linears on weight panels: a tile of rows x panels of the result stays in registers while K is run through once.
//
// All parts of a kernel read the same input, which the kernel may have to normalise first, every thread for itself.
#include "LinearParts.h"
#include "PanelProduct.h"
#include "RowNorm.h"

using namespace mlir;

namespace tp::cpu {

namespace {

// A tile: rows and panels from here; their numbers are known.
struct Tile {
  Value row, panel;
  int64_t rows, panels;
};

using Part = LinearPart;
int64_t panelsOf(const Part &part) { return ceilDiv(part.n, kLanes); }

class LinearKernel {
public:
  LinearKernel(KernelBuilder &b, Kernel &kernel);
  void run();

private:
  void prepareInput();
  void chooseTiles();
  void runFewRows();
  void runManyRows();
  void tile(const Part &part, const Tile &tile);
  void finish(const Part &part, Value row, Value panel, ArrayRef<Value> sums);

  KernelBuilder &b;
  Kernel &kernel;
  std::vector<Part> parts;
  int64_t m, k;
  Value input; // [m, k]
  int64_t tileRows = 1, unroll = 1;
  int64_t tilePanels(const Part &part) const;
};

} // namespace

LinearKernel::LinearKernel(KernelBuilder &b, Kernel &kernel) : b(b), kernel(kernel), parts(findParts(kernel)) {
  LinearOp first = parts.front().linears.front();
  k = shapeOf(first.getInput()).back();
  m = elementsOf(first.getInput()) / k;
}

// The norm of a kernel with few rows is made by each thread for itself, which is cheaper than to meet.
void LinearKernel::prepareInput() {
  Value tensor = parts.front().linears.front().getInput();
  if (Value memory = kernel.input(tensor)) {
    input = b.reshape(memory, {m, k});
    return;
  }
  input = b.scratch({m, k}, elementOf(tensor));
  NormChain chain = normChain(kernel);
  Value mine = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, b.thread, b.index(0));
  auto rows = [&](bool store) {
    b.loop(b.index(0), b.index(m), 1, [&](Value row) { emitNormRow(b, kernel, chain, row, input, row, store); });
  };
  bool stores = llvm::any_of(chain.before, [&](Operation *op) { return bool(kernel.output(op->getResult(0))); });
  if (stores)
    b.when(mine, [&] { rows(true); }, [&] { rows(false); });
  else
    rows(false);
}

int64_t LinearKernel::tilePanels(const Part &part) const {
  int64_t together = int64_t(part.linears.size());
  int64_t budget = b.target.avx512 ? 24 : 6; // accumulators, of 16 lanes
  int64_t most = m <= 2 ? 4 : b.target.avx512 ? 3 : 1;
  return std::max<int64_t>(1, std::min({budget / (tileRows * together), most / together, panelsOf(part)}));
}

void LinearKernel::chooseTiles() {
  int64_t most = b.target.avx512 ? 8 : 6;
  tileRows = ceilDiv(m, ceilDiv(m, most));
  if (m % most == 0 || m > 4 * most)
    tileRows = std::min(m, most);
  unroll = m <= 2 ? 4 : 2;
}

void LinearKernel::run() {
  prepareInput();
  chooseTiles();
  if (m <= tileRows)
    runFewRows();
  else
    runManyRows();
}

// One tile of rows: each thread has a range of panels.
void LinearKernel::runFewRows() {
  int64_t total = 0, offset = 0;
  for (const Part &part : parts)
    total += panelsOf(part);
  auto [begin, end] = b.share(total);
  for (const Part &part : parts) {
    int64_t width = tilePanels(part);
    Value from = b.min(b.max(b.sub(begin, b.index(offset)), b.index(0)), b.index(panelsOf(part)));
    Value to = b.min(b.max(b.sub(end, b.index(offset)), b.index(0)), b.index(panelsOf(part)));
    Value wide = b.add(from, b.mul(b.div(b.sub(to, from), width), width));
    b.loop(from, wide, width, [&](Value panel) { tile(part, {b.index(0), panel, m, width}); });
    if (width > 1)
      b.loop(wide, to, 1, [&](Value panel) { tile(part, {b.index(0), panel, m, 1}); });
    offset += panelsOf(part);
  }
}

// Items are (group of panels, tile of rows): a thread stays with a group of panels while it can, for they are in its
// cache.
void LinearKernel::runManyRows() {
  int64_t rowTiles = ceilDiv(m, tileRows), total = 0, offset = 0;
  for (const Part &part : parts)
    total += ceilDiv(panelsOf(part), tilePanels(part)) * rowTiles;
  auto [begin, end] = b.share(total);
  for (const Part &part : parts) {
    int64_t width = tilePanels(part), groups = ceilDiv(panelsOf(part), width);
    int64_t lastRows = m - (rowTiles - 1) * tileRows, lastPanels = panelsOf(part) - (groups - 1) * width;
    Value from = b.max(b.sub(begin, b.index(offset)), b.index(0));
    Value to = b.min(b.sub(end, b.index(offset)), b.index(groups * rowTiles));
    LinearOp first = part.linears.front();
    auto type = cast<RankedTensorType>(first.getInput().getType());
    b.loop(from, to, 1, [&](Value item) {
      Value group = b.div(item, rowTiles), rowTile = b.rem(item, rowTiles);
      Value row = b.mul(rowTile, tileRows), panel = b.mul(group, width);
      auto withPanels = [&](int64_t panels) {
        auto whole = [&] { tile(part, {row, panel, tileRows, panels}); };
        if (lastRows == tileRows)
          return whole();
        b.when(b.less(rowTile, b.index(rowTiles - 1)), whole, [&] { tile(part, {row, panel, lastRows, panels}); });
      };
      b.ifInUse(type, row, tileRows, [&] {
        if (lastPanels == width)
          return withPanels(width);
        b.when(b.less(group, b.index(groups - 1)), [&] { withPanels(width); }, [&] { withPanels(lastPanels); });
      });
    });
    offset += groups * rowTiles;
  }
}

// Sums are in the order [row][linear][panel].
void LinearKernel::tile(const Part &part, const Tile &tile) {
  SmallVector<Value> rows;
  SmallVector<std::pair<Value, Value>> weights;
  for (int64_t r = 0; r < tile.rows; ++r)
    rows.push_back(b.add(tile.row, r));
  for (LinearOp linear : part.linears)
    for (int64_t p = 0; p < tile.panels; ++p)
      weights.push_back({kernel.input(linear.getWeight()), b.add(tile.panel, p)});
  SmallVector<Value> sums = panelProduct(b, input, k, rows, weights, unroll);
  size_t linears = part.linears.size();
  for (int64_t r = 0; r < tile.rows; ++r)
    for (int64_t p = 0; p < tile.panels; ++p) {
      SmallVector<Value> mine;
      for (size_t l = 0; l < linears; ++l)
        mine.push_back(sums[(r * linears + l) * tile.panels + p]);
      finish(part, b.add(tile.row, r), b.add(tile.panel, p), mine);
    }
}

// Bias, the elementwise ops that follow, and the stores, for 16 elements of a row.
void LinearKernel::finish(const Part &part, Value row, Value panel, ArrayRef<Value> sums) {
  Value column = b.mul(panel, kLanes);
  Value mask = part.n % kLanes ? b.mask(b.min(b.sub(b.index(part.n), column), b.index(kLanes))) : Value();
  Vectors vectors;
  for (auto [op, value] : llvm::zip_equal(part.linears, sums)) {
    LinearOp linear = op;
    Value sum = value;
    if (linear.getBias())
      sum = b.addf(sum, b.load(kernel.input(linear.getBias()), column, kLanes, mask));
    vectors[linear.getResult()] = b.round(sum, elementOf(linear.getResult()));
  }
  for (Operation *op : part.epilogue) {
    for (Value operand : op->getOperands())
      if (Value memory = kernel.input(operand); memory && !vectors.contains(operand))
        vectors[operand] = b.load(b.reshape(memory, {m, part.n}), {row, column}, kLanes, mask);
    evaluate(b, op, vectors);
  }
  auto save = [&](Value value) {
    if (Value output = kernel.output(value))
      b.store(vectors.lookup(value), b.reshape(output, {m, part.n}), {row, column}, mask);
  };
  for (LinearOp linear : part.linears)
    save(linear.getResult());
  for (Operation *op : part.epilogue)
    save(op->getResult(0));
}

void emitLinear(KernelBuilder &b, Kernel &kernel) { LinearKernel(b, kernel).run(); }

} // namespace tp::cpu
