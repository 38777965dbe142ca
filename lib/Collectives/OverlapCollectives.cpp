// tp-overlap-collectives, see Passes.td.
#include "tp/Cost/Bytes.h"
#include "tp/Cost/Overlap.h"
#include "tp/Pipelines/Passes.h"

#include "mlir/Analysis/TopologicalSortUtils.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/Support/Format.h"

#include <map>

namespace tp {
#define GEN_PASS_DEF_OVERLAPCOLLECTIVES
#include "tp/Pipelines/Passes.h.inc"
} // namespace tp

using namespace mlir;
using namespace tp;

namespace {

// Kernels treat a value of few rows otherwise (GEMV, and sums in another order), and read vectors of 16 bytes.
constexpr int64_t kLeastRows = 5, kRowStep = 8;

// Ops that compute each row of their result from the same row of their operands, with all rows in one shape.
struct Chain {
  SmallVector<int64_t> rows; // all dimensions but the last
  SmallVector<Operation *> ops;
};

// Where the rows are cut: `first` of dimension `dim`.
struct Cut {
  int64_t dim, first;
};

struct OverlapCollectives : tp::impl::OverlapCollectivesBase<OverlapCollectives> {
  using OverlapCollectivesBase::OverlapCollectivesBase;
  void runOnOperation() override;

private:
  void overlap(Block &block);
  bool decide(const Chain &chain, Cut &cut, std::string &why);
  void note(Operation *op, StringRef why);
};

// Writes the halves of a chain.
class Halves {
public:
  Halves(const Chain &chain, Cut cut) : chain(chain), cut(cut), b(chain.ops.front()->getContext()) {}
  void write(ArrayRef<StagedOp> order);

private:
  RankedTensorType typeOf(Value value, int half) const;
  Value part(Value value, int half);
  void clone(Operation *op, int half);

  const Chain &chain;
  Cut cut;
  OpBuilder b;
  IRMapping parts[2];
};

} // namespace

static ArrayRef<int64_t> rowsOf(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  return type && type.getRank() >= 2 ? type.getShape().drop_back() : ArrayRef<int64_t>();
}

static bool isElementwise(Operation *op) {
  return OpTrait::hasElementwiseMappableTraits(op) && op->getNumOperands() > 0;
}

static bool isRowCollective(Operation *op) {
  if (auto reduce = dyn_cast<AllReduceOp>(op))
    return reduce->getNumOperands() == 1;
  auto last = [](auto op) {
    return op->getNumOperands() == 1 &&
           int64_t(op.getDim()) + 1 == cast<RankedTensorType>(op->getOperand(0).getType()).getRank();
  };
  if (auto gather = dyn_cast<AllGatherOp>(op))
    return last(gather);
  auto scatter = dyn_cast<ReduceScatterOp>(op);
  return scatter && last(scatter);
}

// The operands that have the result's rows: all of an elementwise op, else the first.
static OperandRange rowOperands(Operation *op) {
  return isElementwise(op) ? op->getOperands() : op->getOperands().take_front(1);
}

static bool isRowWise(Operation *op) {
  bool known = isRowCollective(op) || isElementwise(op) || isa<LinearOp, RmsNormOp, LayerNormOp, ActivationOp>(op);
  if (!known || op->getNumResults() != 1)
    return false;
  ArrayRef<int64_t> rows = rowsOf(op->getResult(0));
  return !rows.empty() && llvm::all_of(rowOperands(op), [&](Value value) { return rowsOf(value) == rows; });
}

// Chains of a block. An op's level is how many ops that mix rows stand on the way to it; on one level nothing that
// mixes rows stands between two ops, so that they can be cut together.
static std::vector<Chain> chainsOf(Block &block) {
  std::map<std::pair<int64_t, SmallVector<int64_t>>, Chain> chains;
  llvm::DenseMap<Operation *, int64_t> levels;
  for (Operation &op : block.without_terminator()) {
    bool rowWise = isRowWise(&op);
    int64_t level = 0;
    for (Value operand : op.getOperands())
      if (Operation *source = operand.getDefiningOp(); source && levels.contains(source))
        level = std::max(level, levels.lookup(source) + (rowWise && isRowWise(source) ? 0 : 1));
    if (op.getNumOperands())
      levels[&op] = level;
    if (!rowWise)
      continue;
    SmallVector<int64_t> rows(rowsOf(op.getResult(0)));
    Chain &chain = chains[{level, rows}];
    chain.rows = rows;
    chain.ops.push_back(&op);
  }
  std::vector<Chain> result;
  for (auto &[key, chain] : chains)
    if (llvm::any_of(chain.ops, isRowCollective))
      result.push_back(chain);
  return result;
}

// Every op with the number of collectives on the longest way to it, in the order of stages.
static SmallVector<StagedOp> stagesOf(const Chain &chain) {
  SmallVector<StagedOp> staged;
  llvm::DenseMap<Operation *, int64_t> stages;
  for (Operation *op : chain.ops) {
    int64_t stage = 0;
    for (Value operand : op->getOperands())
      if (Operation *source = operand.getDefiningOp(); source && stages.contains(source))
        stage = std::max(stage, stages.lookup(source) + (isRowCollective(source) ? 1 : 0));
    stages[op] = stage;
    staged.push_back({op, stage});
  }
  llvm::stable_sort(staged, [](const StagedOp &a, const StagedOp &b) { return a.stage < b.stage; });
  return staged;
}

// Cuts the first dimension that can be: then a half is one piece of memory.
static std::optional<Cut> cutOf(const Chain &chain) {
  int64_t total = 1, inner = 1;
  for (int64_t size : chain.rows)
    total *= size;
  for (auto [dim, size] : llvm::enumerate(chain.rows)) {
    if (size == 1)
      continue;
    inner = total / size;
    for (int64_t first = (size + 1) / 2; first < size; ++first)
      if (first * inner % kRowStep == 0 && (size - first) * inner >= kLeastRows)
        return Cut{int64_t(dim), first};
    return std::nullopt;
  }
  return std::nullopt;
}

static int64_t product(ArrayRef<int64_t> sizes) {
  return std::accumulate(sizes.begin(), sizes.end(), int64_t(1), std::multiplies<>());
}

// Whether the chain is cut, where, and why or why not.
bool OverlapCollectives::decide(const Chain &chain, Cut &cut, std::string &why) {
  int64_t rows = product(chain.rows);
  if (mode == "off")
    return why = "no: --overlap=off", false;
  if (llvm::none_of(chain.ops, [](Operation *op) { return isa<LinearOp>(op); }))
    return why = "no: no linear beside it", false;
  std::optional<Cut> found = cutOf(chain);
  if (!found)
    return why = "no: " + std::to_string(rows) + (rows == 1 ? " row" : " rows, too few for halves"), false;
  cut = *found;
  OverlapEstimate time = estimateOverlap(stagesOf(chain), rows / chain.rows[cut.dim] * cut.first, rows);
  bool pays = time.halves < time.whole;
  llvm::raw_string_ostream(why) << (mode == "on" ? "yes, asked for: "
                                    : pays       ? "yes: "
                                                 : "no: ")
                                << llvm::format("%.0f us in halves, %.0f us in whole", time.halves * 1e6,
                                                time.whole * 1e6);
  return mode == "on" || pays;
}

void OverlapCollectives::note(Operation *op, StringRef why) {
  if (explain)
    op->setAttr(kOverlap, StringAttr::get(op->getContext(), why));
}

RankedTensorType Halves::typeOf(Value value, int half) const {
  auto type = cast<RankedTensorType>(value.getType());
  SmallVector<int64_t> shape(type.getShape());
  shape[cut.dim] = half ? shape[cut.dim] - cut.first : cut.first;
  return type.clone(shape);
}

// The rows of a value that comes from outside of the chain, or of one of the chain's.
Value Halves::part(Value value, int half) {
  if (Value known = parts[half].lookupOrNull(value))
    return known;
  RankedTensorType type = typeOf(value, half);
  Value result;
  auto constant = value.getDefiningOp<arith::ConstantOp>();
  auto splat = constant ? dyn_cast<SplatElementsAttr>(constant.getValue()) : SplatElementsAttr();
  if (splat) {
    result = arith::ConstantOp::create(b, value.getLoc(), splat.resizeSplat(type));
  } else {
    SmallVector<OpFoldResult> offsets(type.getRank(), b.getIndexAttr(0)), strides(type.getRank(), b.getIndexAttr(1)),
        sizes;
    offsets[cut.dim] = b.getIndexAttr(half ? cut.first : 0);
    for (int64_t size : type.getShape())
      sizes.push_back(b.getIndexAttr(size));
    result = tensor::ExtractSliceOp::create(b, value.getLoc(), type, value, offsets, sizes, strides);
  }
  parts[half].map(value, result);
  return result;
}

void Halves::clone(Operation *op, int half) {
  for (Value operand : rowOperands(op))
    part(operand, half);
  Operation *copy = b.clone(*op, parts[half]);
  copy->removeAttr(kValue);
  copy->getResult(0).setType(typeOf(op->getResult(0), half));
  if (isRowCollective(op))
    copy->setAttr(kOverlapped, b.getUnitAttr());
}

void Halves::write(ArrayRef<StagedOp> order) {
  b.setInsertionPointAfter(chain.ops.back());
  for (size_t begin = 0, end = 0; begin < order.size(); begin = end) {
    while (end < order.size() && order[end].stage == order[begin].stage)
      ++end;
    for (int half : {0, 1})
      for (const StagedOp &staged : order.slice(begin, end - begin))
        clone(staged.op, half);
  }
  llvm::SmallPtrSet<Operation *, 16> members(chain.ops.begin(), chain.ops.end());
  for (Operation *op : chain.ops) {
    auto outside = [&](OpOperand &use) { return !members.contains(use.getOwner()); };
    Value value = op->getResult(0);
    if (llvm::none_of(value.getUses(), outside))
      continue;
    Value halves[] = {parts[0].lookup(value), parts[1].lookup(value)};
    auto join = tensor::ConcatOp::create(b, op->getLoc(), cast<RankedTensorType>(value.getType()), cut.dim, halves);
    if (Attribute number = op->getAttr(kValue))
      join->setAttr(kValue, number);
    // The copies' operands are parts already, so only users outside of the chain are left.
    value.replaceUsesWithIf(join, outside);
  }
  for (Operation *op : llvm::reverse(chain.ops))
    op->erase();
}

void OverlapCollectives::overlap(Block &block) {
  for (Operation &op : block)
    if (costOf(&op) && !isRowCollective(&op))
      note(&op, op.getNumOperands() > 1 ? "no: brings several values" : "no: mixes rows");
  for (const Chain &chain : chainsOf(block)) {
    Cut cut{};
    std::string why;
    bool cuts = decide(chain, cut, why);
    for (Operation *op : chain.ops)
      if (isRowCollective(op))
        note(op, why);
    if (cuts)
      Halves(chain, cut).write(stagesOf(chain));
  }
  // Users of a chain's values may have stood among its ops.
  sortTopologically(&block);
}

void OverlapCollectives::runOnOperation() {
  if (mode != "auto" && mode != "on" && mode != "off") {
    mlir::emitError(getOperation().getLoc()) << "unknown mode '" << mode << "': expected auto, on or off";
    return signalPassFailure();
  }
  if (!getOperation()->hasAttr(kPartitioned)) {
    getOperation().emitError() << "expected a partitioned module (tp.partitioned)";
    return signalPassFailure();
  }
  for (auto function : getOperation().getOps<func::FuncOp>())
    if (!function.isExternal() && llvm::hasSingleElement(function.getBody()))
      overlap(function.front());
}
