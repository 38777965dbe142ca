// Verifiers, sharding rules and syntax of the ops that layers are made of.
#include "RuleBuilder.h"
#include "Verify.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace tp;

// Enumerations as bare keywords.
template <typename AttrT, typename Symbolize>
static ParseResult parseKeywordEnum(OpAsmParser &parser, AttrT &kind, Symbolize symbolize) {
  StringRef keyword;
  SMLoc at = parser.getCurrentLocation();
  if (parser.parseKeyword(&keyword))
    return failure();
  auto value = symbolize(keyword);
  if (!value)
    return parser.emitError(at) << "unknown kind '" << keyword << "'";
  kind = AttrT::get(parser.getContext(), *value);
  return success();
}
ParseResult tp::parseActivationKind(OpAsmParser &parser, ActivationKindAttr &kind) {
  return parseKeywordEnum(parser, kind, [](StringRef s) { return symbolizeActivationKind(s); });
}
void tp::printActivationKind(OpAsmPrinter &printer, Operation *, ActivationKindAttr kind) {
  printer << stringifyActivationKind(kind.getValue());
}
ParseResult tp::parseReduceKind(OpAsmParser &parser, ReduceKindAttr &kind) {
  return parseKeywordEnum(parser, kind, [](StringRef s) { return symbolizeReduceKind(s); });
}
void tp::printReduceKind(OpAsmPrinter &printer, Operation *, ReduceKindAttr kind) {
  printer << stringifyReduceKind(kind.getValue());
}

#define GET_OP_CLASSES
#include "tp/Dialect/TpOps.cpp.inc"

//===-- linear
//---------------------------------------------------------------------------------------------------------------------===//

LogicalResult LinearOp::verify() {
  if (failed(verifyLinear(*this, getInput(), getWeight(), getResult())))
    return failure();
  return expectShape(*this, getBias(), {shapeOf(getWeight())[0]}, "(C3) bias");
}

ShardingRule LinearOp::getShardingRule() {
  RuleBuilder b;
  SmallVector<unsigned> rows = b.addFactors(shapeOf(getInput()).drop_back());
  unsigned n = b.rule.addFactor(shapeOf(getWeight())[0]);
  unsigned k = b.rule.addFactor(shapeOf(getWeight())[1], FactorKind::Reduction);
  SmallVector<unsigned> x(rows), y(rows);
  x.push_back(k);
  y.push_back(n);
  b.operand(x);
  b.operand({n, k});
  b.rule.terms = {{0, 1}};
  if (getBias()) {
    b.operand({n});
    b.rule.terms.push_back({2});
  }
  b.result(y);
  return b.rule;
}

//===-- norms and elementwise
//------------------------------------------------------------------------------------------------------===//

static LogicalResult verifyNorm(Operation *op, Value input, Value weight, Value bias, Value result) {
  if (shapeOf(input).empty())
    return op->emitOpError() << "(C2) expected an input [..., D], found " << input.getType();
  int64_t d = shapeOf(input).back();
  return success(succeeded(expectShape(op, result, shapeOf(input), "(C1) result")) &&
                 succeeded(expectShape(op, weight, {d}, "(C2) weight")) &&
                 succeeded(expectShape(op, bias, {d}, "(C2) bias")));
}

// Rows are free, the last dimension must be whole.
static ShardingRule normRule(Value input, unsigned vectors) {
  RuleBuilder b;
  SmallVector<unsigned> x = b.addFactors(shapeOf(input).drop_back());
  x.push_back(b.rule.addFactor(shapeOf(input).back(), FactorKind::Whole));
  b.operand(x);
  for (unsigned i = 0; i < vectors; ++i)
    b.operand({x.back()});
  b.result(x);
  return b.rule;
}

LogicalResult RmsNormOp::verify() { return verifyNorm(*this, getInput(), getWeight(), nullptr, getResult()); }
ShardingRule RmsNormOp::getShardingRule() { return normRule(getInput(), 1); }

LogicalResult LayerNormOp::verify() { return verifyNorm(*this, getInput(), getWeight(), getBias(), getResult()); }
ShardingRule LayerNormOp::getShardingRule() { return normRule(getInput(), getBias() ? 2 : 1); }

LogicalResult ActivationOp::verify() { return expectShape(*this, getResult(), shapeOf(getInput()), "(C1) result"); }
ShardingRule ActivationOp::getShardingRule() {
  RuleBuilder b;
  SmallVector<unsigned> x = b.addFactors(shapeOf(getInput()));
  b.operand(x);
  b.result(x);
  return b.rule;
}

//===-- attention
//------------------------------------------------------------------------------------------------------------------===//

LogicalResult RopeOp::verify() {
  if (failed(expectRank(*this, getInput(), 4, "(C2) input")) ||
      failed(expectShape(*this, getResult(), shapeOf(getInput()), "(C1) result")) ||
      failed(expectShape(*this, getPosition(), {shapeOf(getInput())[0]}, "(C3) position")))
    return failure();
  int64_t e = shapeOf(getInput())[3], n = getRotary().rotating(e);
  if (n > e || n % 2)
    return emitOpError() << "(C4) expected an even rotating part of at most " << e << " elements, found " << n;
  return success();
}

ShardingRule RopeOp::getShardingRule() {
  RuleBuilder b;
  SmallVector<unsigned> x = b.addFactors(shapeOf(getInput()).drop_back());
  x.push_back(b.rule.addFactor(shapeOf(getInput()).back(), FactorKind::Whole));
  b.operand(x);
  if (getPosition()) {
    b.operand({x[0]});
    b.rule.shifts.push_back({1, x[1], /*minus=*/false});
  } else {
    b.rule.factors[x[1]].kind = FactorKind::Whole;
  }
  b.result(x);
  b.rule.terms = {{0}};
  return b.rule;
}

LogicalResult KvUpdateOp::verify() {
  if (failed(expectRank(*this, getCache(), 4, "(C1) cache")) || failed(expectRank(*this, getRows(), 4, "(C1) rows")))
    return failure();
  ArrayRef<int64_t> cache = shapeOf(getCache()), rows = shapeOf(getRows());
  if (failed(expectShape(*this, getRows(), {cache[0], rows[1], cache[2], cache[3]}, "(C1) rows")) ||
      failed(expectShape(*this, getPosition(), {cache[0]}, "(C2) position")))
    return failure();
  if (rows[1] > cache[1])
    return emitOpError() << "(C3) expected at most " << cache[1] << " rows, found " << rows[1];
  return success();
}

ShardingRule KvUpdateOp::getShardingRule() {
  RuleBuilder b;
  ArrayRef<int64_t> c = shapeOf(getCache());
  unsigned batch = b.rule.addFactor(c[0]), heads = b.rule.addFactor(c[2]), e = b.rule.addFactor(c[3]);
  // A row may land on any part of T: both stay whole.
  unsigned t = b.rule.addFactor(c[1], FactorKind::Whole);
  unsigned s = b.rule.addFactor(shapeOf(getRows())[1], FactorKind::Whole);
  b.operand({batch, t, heads, e});
  b.operand({batch, s, heads, e});
  b.operand({batch});
  b.result({batch, t, heads, e});
  return b.rule;
}

LogicalResult SdpaOp::verify() {
  for (Value value : {getQuery(), getKey(), getValue()})
    if (failed(expectRank(*this, value, 4, "(C1) operand")))
      return failure();
  ArrayRef<int64_t> q = shapeOf(getQuery()), k = shapeOf(getKey());
  if (failed(expectShape(*this, getKey(), {q[0], k[1], k[2], q[3]}, "(C1) key")) ||
      failed(expectShape(*this, getValue(), {q[0], k[1], k[2], shapeOf(getValue())[3]}, "(C1) value")) ||
      failed(expectShape(*this, getResult(), {q[0], q[1], q[2], shapeOf(getValue())[3]}, "(C1) result")) ||
      failed(expectShape(*this, getPosition(), {q[0]}, "(C3) position")) ||
      failed(expectShape(*this, getLength(), {q[0]}, "(C3) length")) ||
      failed(expectShape(*this, getHeadOffset(), {}, "(C3) head_offset")))
    return failure();
  if (failed(expectShape(*this, getBias(), {q[0], q[2], q[1], k[1]}, "(C1) bias")))
    return failure();
  if (!getHeadOffset() && q[2] != k[2] * (int64_t)getGroup())
    return emitOpError() << "(C2) expected " << k[2] * getGroup() << " query heads (" << k[2]
                         << " key heads in groups of " << getGroup() << "), found " << q[2];
  return success();
}

ShardingRule SdpaOp::getShardingRule() {
  RuleBuilder b;
  ArrayRef<int64_t> q = shapeOf(getQuery());
  unsigned batch = b.rule.addFactor(q[0]), heads = b.rule.addFactor(q[2]);
  unsigned s = b.rule.addFactor(q[1], getPosition() || !getCausal() ? FactorKind::Parallel : FactorKind::Whole);
  unsigned t = b.rule.addFactor(shapeOf(getKey())[1], FactorKind::Whole);
  unsigned e = b.rule.addFactor(q[3], FactorKind::Whole);
  unsigned ev = b.rule.addFactor(shapeOf(getValue())[3]);
  b.operand({batch, s, heads, e});
  b.operand({batch, t, heads, e});
  b.operand({batch, t, heads, ev});
  // Keys and values follow the query heads that read them.
  b.rule.operands[1][2].repeat = b.rule.operands[2][2].repeat = getGroup();
  if (getPosition()) {
    b.rule.shifts.push_back({3, s, /*minus=*/false});
    b.operand({batch});
  }
  if (getLength())
    b.operand({batch});
  if (getBias())
    b.operand({batch, heads, s, t});
  if (getHeadOffset())
    b.operand({});
  b.result({batch, s, heads, ev});
  return b.rule;
}

//===-- lookups
//--------------------------------------------------------------------------------------------------------------------===//

LogicalResult EmbeddingOp::verify() {
  if (failed(expectRank(*this, getTable(), 2, "(C1) table")))
    return failure();
  SmallVector<int64_t> shape(shapeOf(getIds()));
  shape.push_back(shapeOf(getTable())[1]);
  return expectShape(*this, getResult(), shape, "(C1) result");
}

ShardingRule EmbeddingOp::getShardingRule() {
  RuleBuilder b;
  SmallVector<unsigned> ids = b.addFactors(shapeOf(getIds())), y(ids);
  unsigned v = b.rule.addFactor(shapeOf(getTable())[0], FactorKind::Reduction);
  unsigned d = b.rule.addFactor(shapeOf(getTable())[1]);
  y.push_back(d);
  b.operand(ids);
  b.operand({v, d});
  b.rule.shifts.push_back({0, v, /*minus=*/true});
  b.result(y);
  b.rule.terms = {{1}};
  return b.rule;
}

LogicalResult TakeRowOp::verify() {
  if (failed(expectRank(*this, getInput(), 3, "(C1) input")))
    return failure();
  ArrayRef<int64_t> x = shapeOf(getInput());
  return success(succeeded(expectShape(*this, getResult(), {x[0], 1, x[2]}, "(C1) result")) &&
                 succeeded(expectShape(*this, getRow(), {x[0]}, "(C2) row")));
}

ShardingRule TakeRowOp::getShardingRule() {
  RuleBuilder b;
  ArrayRef<int64_t> x = shapeOf(getInput());
  unsigned batch = b.rule.addFactor(x[0]), d = b.rule.addFactor(x[2]);
  unsigned s = b.rule.addFactor(x[1], FactorKind::Reduction), one = b.rule.addFactor(1, FactorKind::Whole);
  b.operand({batch, s, d});
  b.operand({batch});
  b.rule.shifts.push_back({1, s, /*minus=*/true});
  b.result({batch, one, d});
  b.rule.terms = {{0}};
  return b.rule;
}
