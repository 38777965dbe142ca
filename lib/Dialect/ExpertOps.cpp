// Verifiers and sharding rules of the ops of a mixture of experts.
#include "RuleBuilder.h"
#include "Verify.h"

using namespace mlir;
using namespace tp;

static LogicalResult expectTopK(Operation *op, int64_t topK, int64_t experts, StringRef label) {
  if (topK <= experts)
    return success();
  return op->emitOpError() << label << " expected top_k to be at most the number of experts, " << experts << ", found "
                           << topK;
}

LogicalResult MoeOp::verify() {
  if (shapeOf(getInput()).empty())
    return emitOpError() << "(C1) expected an input [..., D], found " << getInput().getType();
  if (failed(expectRank(*this, getUp(), 3, "(C1) up")))
    return failure();
  int64_t d = shapeOf(getInput()).back(), x = shapeOf(getUp())[0], f = shapeOf(getUp())[1];
  if (failed(expectShape(*this, getRouter(), {x, d}, "(C1) router")) ||
      failed(expectShape(*this, getGate(), {x, f, d}, "(C1) gate")) ||
      failed(expectShape(*this, getUp(), {x, f, d}, "(C1) up")) ||
      failed(expectShape(*this, getDown(), {x, d, f}, "(C1) down")) || failed(expectTopK(*this, getTopK(), x, "(C3)")))
    return failure();
  return expectShape(*this, getResult(), shapeOf(getInput()), "(C2) result");
}

LogicalResult RouteOp::verify() {
  if (shapeOf(getLogits()).empty())
    return emitOpError() << "(C1) expected logits [..., X], found " << getLogits().getType();
  if (failed(expectShape(*this, getResult(), shapeOf(getLogits()), "(C1) result")))
    return failure();
  return expectTopK(*this, getTopK(), shapeOf(getLogits()).back(), "(C2)");
}

ShardingRule RouteOp::getShardingRule() {
  RuleBuilder b;
  SmallVector<unsigned> x = b.addFactors(shapeOf(getLogits()).drop_back());
  x.push_back(b.rule.addFactor(shapeOf(getLogits()).back(), FactorKind::Whole));
  b.operand(x);
  b.result(x);
  return b.rule;
}

LogicalResult ExpertUpOp::verify() {
  if (shapeOf(getInput()).empty())
    return emitOpError() << "(C1) expected an input [..., D], found " << getInput().getType();
  if (failed(expectRank(*this, getUp(), 3, "(C1) up")))
    return failure();
  ArrayRef<int64_t> up = shapeOf(getUp());
  SmallVector<int64_t> rows(shapeOf(getInput()).drop_back()), gates(rows), hidden(rows);
  gates.push_back(up[0]);
  hidden.append({up[0], up[1]});
  return success(succeeded(expectShape(*this, getUp(), {up[0], up[1], shapeOf(getInput()).back()}, "(C1) up")) &&
                 succeeded(expectShape(*this, getGate(), up, "(C1) gate")) &&
                 succeeded(expectShape(*this, getGates(), gates, "(C1) gates")) &&
                 succeeded(expectShape(*this, getResult(), hidden, "(C1) result")));
}

ShardingRule ExpertUpOp::getShardingRule() {
  RuleBuilder b;
  SmallVector<unsigned> rows = b.addFactors(shapeOf(getInput()).drop_back()), x(rows), gates(rows), hidden(rows);
  unsigned e = b.rule.addFactor(shapeOf(getUp())[0]), f = b.rule.addFactor(shapeOf(getUp())[1]);
  unsigned d = b.rule.addFactor(shapeOf(getUp())[2], FactorKind::Whole);
  x.push_back(d);
  gates.push_back(e);
  hidden.append({e, f});
  b.operand(x);
  b.operand(gates);
  if (getGate())
    b.operand({e, f, d});
  b.operand({e, f, d});
  b.result(hidden);
  return b.rule;
}

LogicalResult ExpertDownOp::verify() {
  if (shapeOf(getHidden()).size() < 2)
    return emitOpError() << "(C1) expected hidden units [..., X, F], found " << getHidden().getType();
  SmallVector<int64_t> rows(shapeOf(getHidden()).drop_back(2)), gates(shapeOf(getHidden()).drop_back());
  if (failed(expectRank(*this, getDown(), 3, "(C1) down")))
    return failure();
  int64_t d = shapeOf(getDown())[1];
  rows.push_back(d);
  return success(
      succeeded(expectShape(*this, getDown(), {gates.back(), d, shapeOf(getHidden()).back()}, "(C1) down")) &&
      succeeded(expectShape(*this, getGates(), gates, "(C1) gates")) &&
      succeeded(expectShape(*this, getResult(), rows, "(C1) result")));
}

ShardingRule ExpertDownOp::getShardingRule() {
  RuleBuilder b;
  SmallVector<unsigned> rows = b.addFactors(shapeOf(getHidden()).drop_back(2)), hidden(rows), gates(rows), y(rows);
  ArrayRef<int64_t> down = shapeOf(getDown());
  unsigned e = b.rule.addFactor(down[0], FactorKind::Reduction), d = b.rule.addFactor(down[1]);
  unsigned f = b.rule.addFactor(down[2], FactorKind::Reduction);
  hidden.append({e, f});
  gates.push_back(e);
  y.push_back(d);
  b.operand(hidden);
  b.operand(gates);
  b.operand({e, d, f});
  b.result(y);
  b.rule.terms = {{0, 1, 2}};
  return b.rule;
}
