// Rules of ops that upstream dialects define: elementwise ones here.
#include "UpstreamRules.h"

#include "tp/Dialect/Tp.h"

using namespace mlir;
using namespace tp;

// One factor a dimension, shared by the result and all operands but scalars.
static std::optional<ShardingRule> elementwiseRule(Operation *op) {
  if (op->getNumResults() != 1)
    return std::nullopt;
  ArrayRef<int64_t> shape = shapeOf(op->getResult(0));
  ShardingRule rule;
  TensorFactors dims;
  for (int64_t size : shape)
    dims.push_back({{rule.addFactor(size)}, 1});
  for (Value operand : op->getOperands()) {
    bool scalar = !isa<ShapedType>(operand.getType());
    if (!scalar && shapeOf(operand) != shape)
      return std::nullopt;
    rule.operands.push_back(scalar ? TensorFactors() : dims);
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

static std::optional<ShardingRule> ruleOf(Operation *op) {
  if (auto ruled = dyn_cast<ShardingRuleOpInterface>(op))
    return ruled.getShardingRule();
  if (auto linalgOp = dyn_cast<linalg::LinalgOp>(op))
    return linalgRule(linalgOp);
  if (op->hasTrait<OpTrait::Elementwise>() || isa<arith::ConstantOp, tensor::CastOp, ShardingConstraintOp>(op))
    return elementwiseRule(op);
  return tensorRule(op);
}

static RuleHook ruleHook;
void tp::setRuleHook(RuleHook hook) { ruleHook = std::move(hook); }

std::optional<ShardingRule> tp::getShardingRule(Operation *op) {
  std::optional<ShardingRule> rule = ruleOf(op);
  if (rule && ruleHook)
    ruleHook(op, *rule);
  return rule;
}
