// Rules of linalg ops, from their indexing maps, iterator types and bodies: a loop is a factor.
#include "UpstreamRules.h"

#include "tp/Dialect/Tp.h"

#include "mlir/Transforms/RegionUtils.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace tp;

namespace {
// A sum of products of block arguments; the empty product is a constant.
using Terms = SmallVector<SmallVector<unsigned, 2>, 2>;

class Body {
public:
  explicit Body(linalg::LinalgOp op) : op(op), block(*op.getBlock()) {}

  // A value of the body as a sum of products of operands; std::nullopt where it is no polynomial.
  std::optional<Terms> terms(Value value) const {
    if (auto argument = dyn_cast<BlockArgument>(value); argument && argument.getOwner() == &block) {
      OpOperand *operand = op.getMatchingOpOperand(argument);
      return isa<RankedTensorType>(operand->get().getType()) ? Terms{{operand->getOperandNumber()}} : Terms{{}};
    }
    Operation *def = value.getDefiningOp();
    if (!def || def->getBlock() != &block || isa<arith::ConstantOp>(def))
      return Terms{{}};
    if (isa<arith::NegFOp, arith::ExtFOp, arith::ExtSIOp>(def))
      return terms(def->getOperand(0));
    if (def->getNumOperands() != 2)
      return std::nullopt;
    std::optional<Terms> a = terms(def->getOperand(0)), b = terms(def->getOperand(1));
    if (!a || !b)
      return std::nullopt;
    if (isa<arith::AddFOp, arith::AddIOp, arith::SubFOp, arith::SubIOp>(def)) {
      a->append(b->begin(), b->end());
      return a;
    }
    if (isa<arith::MulFOp, arith::MulIOp>(def))
      return product(*a, *b);
    if (isa<arith::DivFOp>(def) && *b == Terms{{}})
      return a;
    return std::nullopt;
  }

  // The op that combines what it has with the next element, if the body yields one that we can split; with the element.
  std::optional<ReduceKind> combiner(Value &element) const {
    Operation *yielded = block.getTerminator()->getOperand(0).getDefiningOp();
    if (!yielded || yielded->getNumOperands() != 2 || yielded->getBlock() != &block)
      return std::nullopt;
    BlockArgument accumulator = block.getArguments().back();
    if (!accumulator.hasOneUse() || *accumulator.getUsers().begin() != yielded)
      return std::nullopt;
    element = yielded->getOperand(yielded->getOperand(0) == accumulator);
    if (isa<arith::AddFOp, arith::AddIOp>(yielded))
      return ReduceKind::Sum;
    if (isa<arith::MaximumFOp, arith::MaxNumFOp, arith::MaxSIOp>(yielded))
      return ReduceKind::Max;
    return std::nullopt;
  }

  bool usesIndexOf(unsigned loop) const {
    auto indices = block.getOps<linalg::IndexOp>();
    return llvm::any_of(indices, [&](linalg::IndexOp index) { return index.getDim() == loop; });
  }

private:
  static std::optional<Terms> product(const Terms &a, const Terms &b) {
    if (a.size() * b.size() > 64)
      return std::nullopt;
    Terms result;
    for (const auto &x : a)
      for (const auto &y : b) {
        result.push_back(x);
        result.back().append(y.begin(), y.end());
      }
    return result;
  }

  mutable linalg::LinalgOp op; // the interface is not const
  Block &block;
};
} // namespace

// Tensors from outside that the body reads at indices of its own are out of a rule's reach.
static bool capturesTensors(Operation *op) {
  llvm::SetVector<Value> captured;
  getUsedValuesDefinedAbove(op->getRegions(), captured);
  return llvm::any_of(captured, [](Value value) { return isa<ShapedType>(value.getType()); });
}

// `d floordiv repeat`, of a dimension that has an element for every `repeat` of the parallel loop d.
static std::optional<DimFactors> repeatedFactor(AffineExpr expression, int64_t size, const ShardingRule &rule) {
  auto quotient = dyn_cast<AffineBinaryOpExpr>(expression);
  if (!quotient || quotient.getKind() != AffineExprKind::FloorDiv)
    return std::nullopt;
  auto dim = dyn_cast<AffineDimExpr>(quotient.getLHS());
  auto repeat = dyn_cast<AffineConstantExpr>(quotient.getRHS());
  if (!dim || !repeat || repeat.getValue() < 1)
    return std::nullopt;
  const Factor &factor = rule.factors[dim.getPosition()];
  if (factor.kind != FactorKind::Parallel || factor.size != size * repeat.getValue())
    return std::nullopt;
  return DimFactors{{dim.getPosition()}, repeat.getValue()};
}

// A split may have the body look the operand's elements up instead: one dimension at most is no plain loop, and the
// loops are those of other operands, too.
static bool mayBeLookedUp(linalg::LinalgOp op, OpOperand &operand) {
  AffineMap map = op.getMatchingIndexingMap(&operand);
  auto isElsewhere = [&](unsigned loop) {
    return llvm::any_of(op->getOpOperands(), [&](OpOperand &other) {
      AffineMap plain = op.getMatchingIndexingMap(&other);
      return &other != &operand && plain.isProjectedPermutation() && plain.isFunctionOfDim(loop);
    });
  };
  for (unsigned loop = 0; loop < op.getNumLoops(); ++loop)
    if (map.isFunctionOfDim(loop) && !isElsewhere(loop))
      return false;
  return llvm::count_if(map.getResults(), [](AffineExpr expression) { return !isa<AffineDimExpr>(expression); }) < 2;
}

static TensorFactors dimsOf(linalg::LinalgOp op, OpOperand &operand, ShardingRule &rule) {
  TensorFactors dims;
  for (auto [expression, size] : llvm::zip(op.getMatchingIndexingMap(&operand).getResults(), op.getShape(&operand))) {
    std::optional<DimFactors> repeated = repeatedFactor(expression, size, rule);
    if (repeated && mayBeLookedUp(op, operand)) {
      dims.push_back(*repeated);
      continue;
    }
    if (auto dim = dyn_cast<AffineDimExpr>(expression)) {
      dims.push_back({{dim.getPosition()}, 1});
      continue;
    }
    // A window or a stride: its loops and the dimension stay whole.
    dims.push_back({});
    expression.walk([&](AffineExpr part) {
      if (auto dim = dyn_cast<AffineDimExpr>(part))
        rule.factors[dim.getPosition()].kind = FactorKind::Whole;
    });
  }
  return dims;
}

static bool holds(const TensorFactors &tensor, unsigned factor) {
  return llvm::any_of(tensor, [&](const DimFactors &dim) { return llvm::is_contained(dim.factors, factor); });
}

static void addReduction(linalg::LinalgOp op, const Body &body, ShardingRule &rule) {
  Value element;
  std::optional<ReduceKind> kind;
  if (op->getNumResults() == 1)
    kind = body.combiner(element);
  if (!kind) {
    for (Factor &factor : rule.factors)
      if (factor.kind == FactorKind::Reduction)
        factor.kind = FactorKind::Whole;
    return;
  }
  rule.reduce = *kind;
  rule.initial = op->getNumOperands() - 1;
  if (*kind == ReduceKind::Sum)
    rule.terms = body.terms(element).value_or(Terms());
}

std::optional<ShardingRule> tp::linalgRule(linalg::LinalgOp op) {
  if (!op.hasPureTensorSemantics() || capturesTensors(op))
    return std::nullopt;
  ShardingRule rule;
  bool reduces = false;
  for (auto [size, iterator] : llvm::zip(op.getStaticLoopRanges(), op.getIteratorTypesArray())) {
    bool reduction = iterator == utils::IteratorType::reduction;
    rule.addFactor(size, reduction ? FactorKind::Reduction : FactorKind::Parallel);
    reduces |= reduction;
  }
  for (OpOperand &operand : op->getOpOperands())
    rule.operands.push_back(dimsOf(op, operand, rule));
  for (unsigned i = 0; i < op->getNumResults(); ++i)
    rule.results.push_back(rule.operands[op.getNumDpsInputs() + i]);
  Body body(op);
  if (reduces)
    addReduction(op, body, rule);
  else if (op->getNumResults() == 1)
    rule.terms = body.terms(op.getBlock()->getTerminator()->getOperand(0)).value_or(Terms());
  // A constant term would be added once per device, and an operand that is no tensor cannot be a partial sum.
  bool polynomial = !rule.terms.empty() && llvm::none_of(rule.terms, [](const auto &term) { return term.empty(); });
  if (!polynomial)
    rule.terms.clear();
  for (unsigned loop = 0; loop < rule.factors.size(); ++loop) {
    // Zeros in the padding are neutral where each product has an operand of this loop; elsewhere the body looks where
    // it is.
    bool neutral = polynomial && llvm::all_of(rule.terms, [&](const auto &term) {
                     return llvm::any_of(term, [&](unsigned operand) { return holds(rule.operands[operand], loop); });
                   });
    if (body.usesIndexOf(loop) || (rule.factors[loop].kind == FactorKind::Reduction && !neutral))
      rule.shifts.push_back({kOwnIndex, loop, false});
  }
  return rule;
}
