// Rules of ops that upstream dialects define.
#include "tp/Dialect/Tp.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace tp;

static ArrayRef<int64_t> shapeOf(Value value) { return cast<RankedTensorType>(value.getType()).getShape(); }

// One factor a dimension, shared by all operands and results.
static std::optional<ShardingRule> elementwiseRule(Operation *op) {
  auto type = op->getNumResults() == 1 ? dyn_cast<RankedTensorType>(op->getResult(0).getType()) : RankedTensorType();
  if (!type)
    return std::nullopt;
  ShardingRule rule;
  TensorFactors dims;
  for (int64_t size : type.getShape())
    dims.push_back({{rule.addFactor(size)}, 1});
  for (Value operand : op->getOperands()) {
    auto operandType = dyn_cast<RankedTensorType>(operand.getType());
    if (!operandType || operandType.getShape() != type.getShape())
      return std::nullopt;
    rule.operands.push_back(dims);
  }
  rule.results.push_back(dims);
  if (isa<arith::AddFOp, arith::SubFOp, arith::AddIOp, arith::SubIOp>(op))
    rule.terms = {{0}, {1}};
  else if (isa<arith::MulFOp, arith::MulIOp>(op))
    rule.terms = {{0, 1}};
  else if (isa<arith::NegFOp, ShardingConstraintOp>(op))
    rule.terms = {{0}};
  return rule;
}

// A reshape: each group of the finer side is the factors of one dimension of the coarser side.
static ShardingRule reshapeRule(ArrayRef<int64_t> coarse, ArrayRef<int64_t> fine, ArrayRef<ReassociationIndices> groups,
                                bool expands) {
  ShardingRule rule;
  TensorFactors coarseDims, fineDims;
  for (int64_t size : fine)
    fineDims.push_back({{rule.addFactor(size)}, 1});
  for (const ReassociationIndices &group : groups) {
    DimFactors dim;
    for (int64_t i : group)
      dim.factors.push_back(fineDims[i].factors[0]);
    coarseDims.push_back(dim);
  }
  rule.operands.push_back(expands ? coarseDims : fineDims);
  rule.results.push_back(expands ? fineDims : coarseDims);
  rule.terms = {{0}};
  return rule;
}

static std::optional<ShardingRule> ruleOf(Operation *op) {
  if (auto ruled = dyn_cast<ShardingRuleOpInterface>(op))
    return ruled.getShardingRule();
  return TypeSwitch<Operation *, std::optional<ShardingRule>>(op)
      .Case<tensor::ExpandShapeOp>([](auto reshape) {
        return reshapeRule(shapeOf(reshape.getSrc()), shapeOf(reshape.getResult()), reshape.getReassociationIndices(),
                           true);
      })
      .Case<tensor::CollapseShapeOp>([](auto reshape) {
        return reshapeRule(shapeOf(reshape.getResult()), shapeOf(reshape.getSrc()), reshape.getReassociationIndices(),
                           false);
      })
      .Case<ShardingConstraintOp>([](Operation *constraint) { return elementwiseRule(constraint); })
      .Default([](Operation *other) -> std::optional<ShardingRule> {
        if (other->hasTrait<OpTrait::Elementwise>() || isa<arith::ConstantOp>(other))
          return elementwiseRule(other);
        return std::nullopt;
      });
}

static RuleHook ruleHook;
void tp::setRuleHook(RuleHook hook) { ruleHook = std::move(hook); }

std::optional<ShardingRule> tp::getShardingRule(Operation *op) {
  std::optional<ShardingRule> rule = ruleOf(op);
  if (rule && ruleHook)
    ruleHook(op, *rule);
  return rule;
}
