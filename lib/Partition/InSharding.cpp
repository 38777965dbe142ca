// Values in the shardings that they are read in: by collectives, or made again.
#include "FunctionPartitioner.h"

#include <cmath>

using namespace mlir;
using namespace tp;

Value FunctionPartitioner::inSharding(Value value, const Sharding &to, Origin origin) {
  const LocalValue &have = values.find(value)->second;
  if (!isTensor(value))
    return have.value;
  auto type = cast<RankedTensorType>(value.getType());
  if (sameLayout(have.sharding, to, type, context.mesh))
    return have.value;
  if (isMadeAnywhere(value))
    return asPartial(make(value, to), to, isZero(value) ? Axes() : to.partial, origin.op->getLoc());
  Key key{value, to.toAttribute(context.meshName, builder.getContext())};
  if (Value made = resharded.lookup(key))
    return made;
  // What a loop reads from outside is brought to its sharding before the loop.
  OpBuilder::InsertionGuard guard(builder);
  Block *block = Value(have.value).getParentBlock();
  if (block != builder.getInsertionBlock())
    builder.setInsertionPoint(block->findAncestorOpInBlock(*builder.getInsertionBlock()->getParentOp()));
  Value made = moveSource(value, to, origin);
  if (!made)
    made = reshard(have, type, to, origin);
  return resharded[key] = made;
}

Value FunctionPartitioner::reshard(const LocalValue &have, RankedTensorType type, const Sharding &to, Origin origin) {
  Location loc = origin.op->getLoc();
  Sharding reached = to;
  Axes missing;
  llvm::erase_if(reached.partial, [&](StringAttr axis) {
    bool has = have.sharding.reduce == to.reduce && llvm::is_contained(have.sharding.partial, axis);
    if (!has)
      missing.push_back(axis);
    return !has;
  });
  Operation *before = builder.getInsertionPoint() == builder.getInsertionBlock()->begin()
                          ? nullptr
                          : &*std::prev(builder.getInsertionPoint());
  Value made =
      emitReshard(context, loc, have.value, planReshard(type, have.sharding, reached, context.mesh), origin.text());
  noteAlternatives(before);
  return asPartial(made, to, missing, loc);
}

std::optional<Assignment> FunctionPartitioner::placedSo(Operation *op, const Sharding &to) {
  auto it = decisionOf.find(op);
  if (it == decisionOf.end() || !placesElements(op) || !to.partial.empty())
    return std::nullopt;
  const Decision &decision = decisions[it->second];
  OpShardings wish = decision.present;
  for (unsigned i = 0; i < op->getNumOperands(); ++i)
    wish.shardings[i] = Sharding::whole(wish.types[i].getRank());
  wish.shardings.back() = to;
  for (Assignment &assignment : possibleAssignments(decision.rule, wish, context.mesh))
    if (sameLayout(assignment.results[0], to, wish.types.back(), context.mesh) &&
        (!values.find(op->getResult(0))->second.zeroPadded || keepsZeros(op, decision.rule, assignment)))
      return std::move(assignment);
  return std::nullopt;
}

double FunctionPartitioner::bytesTo(Value value, const Sharding &to) {
  auto type = tensorType(value);
  const Sharding &have = values.find(value)->second.sharding;
  if (sameLayout(have, to, type, context.mesh) || isMadeAnywhere(value) ||
      resharded.contains({value, to.toAttribute(context.meshName, builder.getContext())}))
    return 0;
  return std::min(reshardBytes(type, have, to, context.mesh), sourceBytes(value, to));
}

double FunctionPartitioner::sourceBytes(Value value, const Sharding &to) {
  std::optional<Assignment> assignment = placedSo(value.getDefiningOp(), to);
  if (!assignment)
    return std::numeric_limits<double>::infinity();
  double bytes = 0;
  for (auto [i, operand] : llvm::enumerate(value.getDefiningOp()->getOperands()))
    bytes += bytesTo(operand, assignment->operands[i]);
  return bytes;
}

Value FunctionPartitioner::moveSource(Value value, const Sharding &to, Origin origin) {
  const Sharding &have = values.find(value)->second.sharding;
  Operation *op = value.getDefiningOp();
  if (!op || sourceBytes(value, to) >= reshardBytes(tensorType(value), have, to, context.mesh))
    return {};
  Assignment assignment = *placedSo(op, to);
  SmallVector<Value> operands;
  for (auto [i, operand] : llvm::enumerate(op->getOperands()))
    operands.push_back(inSharding(operand, assignment.operands[i], origin));
  Operation *local = createLocal(context, op, decisions[decisionOf.lookup(op)].rule, assignment, operands, numbers);
  local->removeAttr(kValue);
  local->setAttr(kShardings, builder.getArrayAttr(to.toAttribute(context.meshName, builder.getContext())));
  replaced.push_back(values.find(value)->second.value);
  return local->getResult(0);
}

void FunctionPartitioner::eraseReplaced() {
  while (!replaced.empty()) {
    Operation *op = replaced.pop_back_val().getDefiningOp();
    if (!op || !isOpTriviallyDead(op))
      continue;
    for (Value operand : op->getOperands())
      replaced.push_back(operand);
    llvm::erase_if(replaced, [&](Value value) { return value.getDefiningOp() == op; });
    op->erase();
  }
}

void FunctionPartitioner::noteAlternatives(Operation *before) {
  auto it = before ? std::next(Block::iterator(before)) : builder.getInsertionBlock()->begin();
  for (; alternatives && it != builder.getInsertionPoint(); ++it)
    if (isa<AllReduceOp, AllGatherOp, ReduceScatterOp, AllToAllOp, PermuteOp>(*it))
      it->setAttr(kAlternatives, alternatives);
}

Attribute FunctionPartitioner::alternativesOf(const Decision &decision) {
  if (!explain || decision.possible.size() < 2)
    return {};
  SmallVector<Attribute> ways;
  for (auto [way, assignment] : llvm::enumerate(decision.possible)) {
    double bytes = 0;
    SmallVector<Attribute> operands;
    auto add = [&](unsigned i, const Sharding &from, const Sharding &to) {
      bytes += reshardBytes(decision.present.types[i], from, to, context.mesh);
    };
    for (auto [i, operand] : llvm::enumerate(assignment.operands)) {
      add(i, decision.present.shardings[i], operand);
      operands.push_back(operand.toAttribute(context.meshName, builder.getContext()));
    }
    for (unsigned i = 0, first = assignment.operands.size(); i < assignment.results.size(); ++i)
      add(first + i, assignment.results[i], decision.present.shardings[first + i]);
    NamedAttrList entry;
    entry.set("operands", builder.getArrayAttr(operands));
    entry.set("bytes", builder.getI64IntegerAttr(std::llround(bytes)));
    if (way == decision.chosen)
      entry.set("chosen", builder.getUnitAttr());
    ways.push_back(entry.getDictionary(builder.getContext()));
  }
  return builder.getArrayAttr(ways);
}

Value FunctionPartitioner::asPartial(Value value, const Sharding &to, ArrayRef<StringAttr> axes, Location loc) {
  if (axes.empty() || to.reduce != ReduceKind::Sum)
    return value;
  SmallVector<Attribute> names(axes.begin(), axes.end());
  return AsPartialOp::create(builder, loc, value.getType(), value, builder.getArrayAttr(names), context.meshName);
}

Value FunctionPartitioner::make(Value value, const Sharding &sharding) {
  Operation *def = value.getDefiningOp();
  IRMapping mapping = numbersFor(def, numbers);
  if (auto fill = dyn_cast<linalg::FillOp>(def))
    mapping.map(fill.getOutputs()[0], make(fill.getOutputs()[0], sharding));
  RankedTensorType type = localType(tensorType(value), sharding, context.mesh);
  if (auto constant = dyn_cast<arith::ConstantOp>(def)) {
    auto element = cast<DenseElementsAttr>(constant.getValue()).getSplatValue<Attribute>();
    return arith::ConstantOp::create(builder, def->getLoc(), DenseElementsAttr::get(type, element));
  }
  Operation *local = builder.clone(*def, mapping);
  local->getResult(0).setType(type);
  local->removeAttr(kValue);
  local->removeAttr(kShardings);
  return local->getResult(0);
}
