// What must not reach a sum: padding, and whole operands more than once.
#include "FunctionPartitioner.h"

#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace tp;

void FunctionPartitioner::maskPaddedReductions(Operation *op, const ShardingRule &rule, const Assignment &assignment,
                                               SmallVector<Value> &operands) {
  for (unsigned f = 0; f < rule.factors.size(); ++f) {
    if (rule.factors[f].kind != FactorKind::Reduction ||
        !geometryOf(assignment.factors[f], rule.factors[f].size, context.mesh).padded())
      continue;
    // Ids and rows that are looked up never point into padding.
    if (llvm::any_of(rule.shifts, [&](const IndexShift &shift) { return shift.factor == f; }))
      continue;
    for (const auto &term : rule.terms)
      maskTerm(op, rule, assignment, term, f, operands);
  }
}

static bool isMasked(Value value, unsigned dim) {
  for (auto mask = value.getDefiningOp<MaskPaddingOp>(); mask; mask = mask.getInput().getDefiningOp<MaskPaddingOp>())
    if (mask.getDim() == dim)
      return true;
  return false;
}

void FunctionPartitioner::maskTerm(Operation *op, const ShardingRule &rule, const Assignment &assignment,
                                   ArrayRef<unsigned> term, unsigned factor, SmallVector<Value> &operands) {
  SmallVector<std::pair<unsigned, unsigned>> holders;
  bool zero = false;
  for (unsigned i : term)
    for (unsigned d = 0; d < rule.operands[i].size(); ++d)
      if (llvm::is_contained(rule.operands[i][d].factors, factor)) {
        bool isZero = values.find(op->getOperand(i))->second.zeroPadded || isMasked(operands[i], d);
        zero |= isZero;
        if (!isZero)
          holders.push_back({i, d});
      }
  // Our own ops leave numbers in the padding; others may leave what zero times is not zero.
  bool ours = isa<TpDialect>(op->getDialect());
  if (ours && zero)
    return;
  for (auto [i, d] : ArrayRef(holders).take_front(ours ? 1 : holders.size()))
    operands[i] = emitMask(context, op->getLoc(), operands[i], d, tensorType(op->getOperand(i)).getDimSize(d),
                           assignment.operands[i].dims[d]);
}

static bool covers(const ShardingRule &rule, const Assignment &assignment, ArrayRef<unsigned> term, StringAttr axis) {
  return llvm::any_of(term, [&](unsigned i) {
    if (llvm::is_contained(assignment.operands[i].partial, axis))
      return true;
    return llvm::any_of(rule.operands[i], [&](const DimFactors &dim) {
      return llvm::any_of(dim.factors, [&](unsigned f) {
        return rule.factors[f].kind == FactorKind::Reduction && llvm::is_contained(assignment.factors[f].axes, axis);
      });
    });
  });
}

void FunctionPartitioner::addOnce(Operation *op, const ShardingRule &rule, const Assignment &assignment,
                                  SmallVector<Value> &operands) {
  if (assignment.results.size() != 1 || assignment.results[0].reduce != ReduceKind::Sum)
    return;
  auto addTo = [&](unsigned i, ArrayRef<StringRef> missing) {
    if (!missing.empty() && !isZero(op->getOperand(i)))
      operands[i] = AsPartialOp::create(builder, op->getLoc(), operands[i].getType(), operands[i],
                                        builder.getStrArrayAttr(missing), context.meshName);
  };
  const Axes &partial = assignment.results[0].partial;
  if (rule.initial >= 0) {
    SmallVector<StringRef> missing;
    for (StringAttr axis : partial)
      if (!llvm::is_contained(assignment.operands[rule.initial].partial, axis))
        missing.push_back(axis);
    return addTo(rule.initial, missing);
  }
  for (const auto &term : rule.terms) {
    SmallVector<StringRef> missing;
    for (StringAttr axis : partial)
      if (!covers(rule, assignment, term, axis))
        missing.push_back(axis);
    addTo(term.front(), missing);
  }
}

bool FunctionPartitioner::isZero(Value value) {
  auto fill = value.getDefiningOp<linalg::FillOp>();
  if (fill)
    value = fill.getInputs()[0];
  return matchPattern(value, m_Zero()) || matchPattern(value, m_AnyZeroFloat());
}

bool FunctionPartitioner::keepsZeros(Operation *op, const ShardingRule &rule, const Assignment &assignment) {
  auto zero = [&](unsigned i) { return values.find(op->getOperand(i))->second.zeroPadded; };
  // It may be made again in another sharding, which has padding where this has none.
  if (isMadeAnywhere(op->getResult(0)))
    return isZero(op->getResult(0));
  auto padded = [&](unsigned f) {
    return geometryOf(assignment.factors[f], rule.factors[f].size, context.mesh).padded();
  };
  SmallVector<unsigned> factors;
  for (const TensorFactors &result : rule.results)
    for (const DimFactors &dim : result)
      llvm::append_range(factors, llvm::make_filter_range(dim.factors, padded));
  if (factors.empty())
    return true;
  if (isa<ActivationOp, RopeOp, RmsNormOp, arith::TruncFOp, arith::ExtFOp>(op))
    return zero(0);
  if (isa<KvUpdateOp>(op))
    return zero(0) && zero(1);
  if (auto up = dyn_cast<ExpertUpOp>(op))
    return values.find(up.getUp())->second.zeroPadded;
  if (rule.initial >= 0 && !zero(rule.initial))
    return false;
  auto vanishes = [&](ArrayRef<unsigned> term, unsigned f) {
    bool held = false;
    for (unsigned i : term)
      for (const DimFactors &dim : rule.operands[i])
        if (llvm::is_contained(dim.factors, f)) {
          // The last element may be repeated into the padding.
          if (!zero(i) || dim.repeat > 1)
            return false;
          held = true;
        }
    return held;
  };
  return !rule.terms.empty() && llvm::all_of(factors, [&](unsigned f) {
    return llvm::all_of(rule.terms, [&](const auto &term) { return vanishes(term, f); });
  });
}
