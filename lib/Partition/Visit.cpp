// The ops of a function, one by one.
#include "FunctionPartitioner.h"

#include "mlir/Transforms/RegionUtils.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace tp;

bool FunctionPartitioner::isMadeWhole(Operation *op) {
  auto constant = dyn_cast<arith::ConstantOp>(op);
  auto elements = constant ? dyn_cast<ElementsAttr>(constant.getValue()) : ElementsAttr();
  return elements && !elements.isSplat();
}

std::string Origin::text() const {
  std::string what = operand ? "operand " + std::to_string(*operand) : "result";
  return (op->getParentOfType<func::FuncOp>().getName() + ": " + op->getName().getStringRef() + " " + what).str();
}

LogicalResult FunctionPartitioner::visit(Operation *op) {
  if (auto call = dyn_cast<func::CallOp>(op))
    return visitCall(call);
  if (isa<func::ReturnOp>(op))
    return visitReturn(op);
  if (llvm::none_of(op->getOperands(), isTensor) && llvm::none_of(op->getResults(), isTensor))
    return visitNumber(op);
  auto shardings = op->getAttrOfType<ArrayAttr>(kShardings);
  if (!shardings && llvm::any_of(op->getResults(), isTensor))
    return op->emitError() << "no sharding for the results of " << op->getName()
                           << ": run --tp-propagate-shardings first";
  if (auto loop = dyn_cast<scf::ForOp>(op))
    return visitLoop(loop, shardings);
  if (isa<ShardingConstraintOp>(op))
    return visitConstraint(op);
  auto decision = decisionOf.find(op);
  return decision != decisionOf.end() ? visitRuled(decisions[decision->second], shardings)
                                      : visitUnruled(op, shardings);
}

LogicalResult FunctionPartitioner::visitNumber(Operation *op) {
  Operation *local = builder.clone(*op, numbers);
  for (auto [global, result] : llvm::zip(op->getResults(), local->getResults())) {
    values[global] = {result, Sharding(), true};
    numbers.map(global, result);
  }
  return success();
}

LogicalResult FunctionPartitioner::visitLoop(scf::ForOp loop, ArrayAttr shardings) {
  SmallVector<Value> inits;
  for (auto [i, init] : llvm::enumerate(loop.getInitArgs()))
    inits.push_back(isTensor(init) ? inSharding(init, read(cast<ShardingAttr>(shardings[i])), {loop, i})
                                   : values.find(init)->second.value);
  auto local = scf::ForOp::create(builder, loop.getLoc(), numbers.lookup(loop.getLowerBound()),
                                  numbers.lookup(loop.getUpperBound()), numbers.lookup(loop.getStep()), inits);
  numbers.map(loop.getInductionVar(), local.getInductionVar());
  values[loop.getInductionVar()] = {local.getInductionVar(), Sharding(), true};
  auto carry = [&](ValueRange globals, ValueRange locals) {
    for (auto [i, global] : llvm::enumerate(globals)) {
      values[global] = {locals[i], isTensor(global) ? read(cast<ShardingAttr>(shardings[i])) : Sharding(), false};
      if (!isTensor(global))
        numbers.map(global, locals[i]);
    }
  };
  carry(loop.getRegionIterArgs(), local.getRegionIterArgs());
  {
    OpBuilder::InsertionGuard guard(builder);
    if (!local.getBody()->empty() && local.getBody()->mightHaveTerminator())
      local.getBody()->getTerminator()->erase();
    builder.setInsertionPointToEnd(local.getBody());
    for (Operation &op : loop.getBody()->without_terminator())
      if (failed(visit(&op)))
        return failure();
    SmallVector<Value> yielded;
    for (auto [i, value] : llvm::enumerate(loop.getYieldedValues()))
      yielded.push_back(isTensor(value) ? inSharding(value, read(cast<ShardingAttr>(shardings[i])),
                                                     {loop.getBody()->getTerminator(), i})
                                        : values.find(value)->second.value);
    scf::YieldOp::create(builder, loop.getLoc(), yielded);
  }
  local->setAttr(kShardings, shardings);
  if (Attribute number = loop->getAttr(kValue))
    local->setAttr(kValue, number);
  carry(loop.getResults(), local.getResults());
  return success();
}

LogicalResult FunctionPartitioner::visitRuled(const Decision &decision, ArrayAttr shardings) {
  Operation *op = decision.op;
  const ShardingRule &rule = decision.rule;
  const Assignment &assignment = decision.possible[decision.chosen];
  alternatives = alternativesOf(decision);
  llvm::scope_exit done([&] { alternatives = {}; });
  SmallVector<Value> operands;
  for (auto [i, operand] : llvm::enumerate(op->getOperands()))
    operands.push_back(inSharding(operand, assignment.operands[i], {op, i}));
  maskPaddedReductions(op, rule, assignment, operands);
  addOnce(op, rule, assignment, operands);
  Operation *local = createLocal(context, op, rule, assignment, operands, numbers);
  bool zero = keepsZeros(op, rule, assignment);
  for (auto [i, result] : llvm::enumerate(op->getResults())) {
    if (isTensor(result)) {
      define(result, local->getResult(i), assignment.results[i], cast<ShardingAttr>(shardings[i]), zero);
    } else {
      values[result] = {local->getResult(i), Sharding(), true};
      numbers.map(result, local->getResult(i));
    }
  }
  return success();
}

void FunctionPartitioner::define(Value global, Value local, Sharding computed, ShardingAttr wanted, bool zero) {
  Operation *op = global.getDefiningOp();
  if (Operation *localOp = local.getDefiningOp()) {
    SmallVector<Attribute> all(localOp->getNumResults());
    if (auto before = localOp->getAttrOfType<ArrayAttr>(kShardings); before && before.size() == all.size())
      llvm::copy(before, all.begin());
    all[cast<OpResult>(local).getResultNumber()] = computed.toAttribute(context.meshName, builder.getContext());
    localOp->setAttr(kShardings, builder.getArrayAttr(all));
    if (Attribute number = op->getAttr(kValue))
      localOp->setAttr(kValue, number);
  }
  values[global] = {local, computed, zero};
  const Sharding &target = read(wanted);
  Value result = inSharding(global, target, {op});
  if (result != local)
    values[global] = {result, target, zero};
}

LogicalResult FunctionPartitioner::visitUnruled(Operation *op, ArrayAttr shardings) {
  IRMapping mapping = numbersFor(op, numbers);
  llvm::SetVector<Value> used(op->operand_begin(), op->operand_end());
  getUsedValuesDefinedAbove(op->getRegions(), used);
  for (auto [i, operand] : llvm::enumerate(used)) {
    if (isTensor(operand))
      mapping.map(operand, inSharding(operand, Sharding::whole(tensorType(operand).getRank()), {op, i}));
    else if (!numbers.contains(operand))
      return op->emitError() << "expected tensors and numbers, found " << operand.getType();
  }
  Operation *local = builder.clone(*op, mapping);
  for (auto [i, result] : llvm::enumerate(op->getResults())) {
    if (!shardings || !isTensor(result))
      return op->emitError() << "expected an op whose results are all tensors, found " << result.getType();
    define(result, local->getResult(i), Sharding::whole(tensorType(result).getRank()), cast<ShardingAttr>(shardings[i]),
           true);
  }
  return success();
}

LogicalResult FunctionPartitioner::visitConstraint(Operation *op) {
  auto wanted = cast<ShardingAttr>(op->getAttrOfType<ArrayAttr>(kShardings)[0]);
  LocalValue input = values.find(op->getOperand(0))->second;
  const Sharding &target = read(wanted);
  values[op->getResult(0)] = {inSharding(op->getOperand(0), target, {op, 0}), target, input.zeroPadded};
  return success();
}

LogicalResult FunctionPartitioner::visitCall(func::CallOp call) {
  auto callee = function->getParentOfType<ModuleOp>().lookupSymbol<func::FuncOp>(call.getCallee());
  SmallVector<Value> operands;
  SmallVector<Type> types;
  CalledWith &passed = calledWith
                           .try_emplace(callee, CalledWith{BitVector(call.getNumOperands(), true),
                                                           BitVector(call.getNumOperands(), true)})
                           .first->second;
  for (auto [i, operand] : llvm::enumerate(call.getOperands())) {
    if (!isTensor(operand)) {
      operands.push_back(values.find(operand)->second.value);
      continue;
    }
    const Sharding *wanted =
        shardingOf(callee.getArgAttr(i, kSharding), "argument " + Twine(i) + " of " + call.getCallee());
    if (!wanted)
      return failure();
    operands.push_back(inSharding(operand, *wanted, {call, i}));
    if (!values.find(operand)->second.zeroPadded)
      passed.zeroPadded.reset(i);
    if (!isWeight(operand))
      passed.weights.reset(i);
  }
  for (unsigned i = 0; i < call.getNumResults(); ++i) {
    const Sharding *computed =
        shardingOf(callee.getResultAttr(i, kSharding), "result " + Twine(i) + " of " + call.getCallee());
    if (!computed)
      return failure();
    types.push_back(localType(cast<RankedTensorType>(call.getResult(i).getType()), *computed, context.mesh));
  }
  auto local = func::CallOp::create(builder, call.getLoc(), call.getCallee(), types, operands);
  if (Attribute number = call->getAttr(kValue))
    local->setAttr(kValue, number);
  auto shardings = call->getAttrOfType<ArrayAttr>(kShardings);
  if (!shardings && call.getNumResults())
    return call.emitError() << "no sharding for the results of the call: run --tp-propagate-shardings first";
  for (unsigned i = 0; i < call.getNumResults(); ++i) {
    // Not through define(): a call's values are checked inside the callee.
    Value global = call.getResult(i);
    values[global] = {local.getResult(i), read(callee.getResultAttrOfType<ShardingAttr>(i, kSharding)), false};
    const Sharding &target = read(cast<ShardingAttr>(shardings[i]));
    Value result = inSharding(global, target, {call, i});
    values[global] = {result, target, false};
  }
  return success();
}

LogicalResult FunctionPartitioner::visitReturn(Operation *op) {
  SmallVector<Value> operands;
  for (auto [i, operand] : llvm::enumerate(op->getOperands()))
    operands.push_back(
        isTensor(operand) ? inSharding(operand, read(function.getResultAttrOfType<ShardingAttr>(i, kSharding)), {op, i})
                          : values.find(operand)->second.value);
  func::ReturnOp::create(builder, op->getLoc(), operands);
  return success();
}
