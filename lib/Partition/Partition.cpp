// The pass: one function after another, callers first, each op in local shapes.
#include "Choice.h"
#include "LocalOps.h"

#include "tp/Pipelines/Passes.h"
#include "tp/Sharding/CheckProgram.h"
#include "tp/Sharding/MeshLookup.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Transforms/RegionUtils.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/SetVector.h"

#include <cmath>

namespace tp {
#define GEN_PASS_DEF_PARTITION
#include "tp/Pipelines/Passes.h.inc"
} // namespace tp

using namespace mlir;
using namespace tp;

namespace {

// A global value as one device has it.
struct LocalValue {
  Value value;
  Sharding sharding;
  bool zeroPadded; // padding is known to be zero
};

// What all callers of a function pass, by argument.
struct CalledWith {
  BitVector zeroPadded; // padding is known to be zero
  BitVector weights;    // parameters
};

class FunctionPartitioner {
public:
  FunctionPartitioner(func::FuncOp function, MeshOp mesh, OpBuilder &builder,
                      llvm::DenseMap<Operation *, CalledWith> &calledWith, bool explain)
      : function(function), builder(builder),
        context{builder, mesh.getMesh(), FlatSymbolRefAttr::get(mesh.getSymNameAttr())}, calledWith(calledWith),
        explain(explain) {}

  // Builds the local function behind the global one, and returns it.
  FailureOr<func::FuncOp> run() {
    FailureOr<FunctionType> type = localFunctionType();
    if (failed(type))
      return failure();
    builder.setInsertionPointAfter(function);
    auto local = func::FuncOp::create(builder, function.getLoc(), function.getName(), *type);
    local->setAttrs(function->getAttrs());
    local.setFunctionType(*type);
    recordGlobalTypes(local);
    Block *entry = local.addEntryBlock();
    builder.setInsertionPointToStart(entry);
    auto passed = calledWith.find(function);
    for (auto [i, argument] : llvm::enumerate(function.getArguments())) {
      if (!isTensor(argument))
        numbers.map(argument, entry->getArgument(i));
      values[argument] = {entry->getArgument(i), argSharding(i),
                          function.isPublic() || passed == calledWith.end() || passed->second.zeroPadded[i]};
    }
    choose();
    for (Operation &op : function.getBody().front())
      if (failed(visit(&op)))
        return failure();
    eraseReplaced();
    return local;
  }

private:
  using Key = std::pair<Value, Attribute>;

  // Axes of one device split nothing.
  Sharding read(ShardingAttr attribute) {
    Sharding sharding = Sharding::from(attribute);
    auto drop = [&](Axes &axes) {
      llvm::erase_if(axes, [&](StringAttr axis) { return context.mesh.sizeOf(axis) == 1; });
    };
    for (Split &split : sharding.dims)
      drop(split.axes);
    drop(sharding.partial);
    return sharding;
  }

  FailureOr<Sharding> shardingOf(Attribute attribute, const Twine &what) {
    if (auto sharding = dyn_cast_or_null<ShardingAttr>(attribute))
      return read(sharding);
    return function.emitError() << what << " has no sharding: run --tp-propagate-shardings first";
  }
  Sharding argSharding(unsigned i) {
    return isTensor(function.getArgument(i)) ? read(function.getArgAttrOfType<ShardingAttr>(i, kSharding)) : Sharding();
  }

  FailureOr<FunctionType> localFunctionType() {
    SmallVector<Type> arguments, results;
    auto add = [&](SmallVector<Type> &types, Type type, Attribute attribute, const Twine &what) -> LogicalResult {
      auto tensor = dyn_cast<RankedTensorType>(type);
      if (type.isIntOrIndexOrFloat()) {
        types.push_back(type);
        return success();
      }
      if (!tensor)
        return function.emitError() << what << ": expected a tensor or a number, found " << type;
      FailureOr<Sharding> sharding = shardingOf(attribute, what);
      if (failed(sharding))
        return failure();
      types.push_back(localType(tensor, *sharding, context.mesh));
      return success();
    };
    for (unsigned i = 0; i < function.getNumArguments(); ++i)
      if (failed(add(arguments, function.getArgumentTypes()[i], function.getArgAttr(i, kSharding),
                     "argument " + Twine(i))))
        return failure();
    for (unsigned i = 0; i < function.getNumResults(); ++i)
      if (failed(
              add(results, function.getResultTypes()[i], function.getResultAttr(i, kSharding), "result " + Twine(i))))
        return failure();
    return FunctionType::get(function.getContext(), arguments, results);
  }

  // The whole types, for the reader, the verifier and the package.
  void recordGlobalTypes(func::FuncOp local) {
    // All at once: each setArgAttr would copy the list.
    SmallVector<DictionaryAttr> attributes;
    for (auto [i, type] : llvm::enumerate(function.getArgumentTypes())) {
      NamedAttrList list(function.getArgAttrDict(i));
      list.set(kGlobalType, TypeAttr::get(type));
      attributes.push_back(list.getDictionary(builder.getContext()));
    }
    local.setAllArgAttrs(attributes);
    for (unsigned i = 0; i < function.getNumResults(); ++i)
      local.setResultAttr(i, kGlobalType, TypeAttr::get(function.getResultTypes()[i]));
  }

  // `value` in the sharding `to`; made once for all its uses.
  Value inSharding(Value value, const Sharding &to, Location loc, StringRef origin) {
    const LocalValue &have = values.find(value)->second;
    if (!isTensor(value))
      return have.value;
    auto type = cast<RankedTensorType>(value.getType());
    if (sameLayout(have.sharding, to, type, context.mesh))
      return have.value;
    if (isMadeAnywhere(value))
      return asPartial(make(value, to), to, isZero(value) ? Axes() : to.partial, loc);
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
      made = reshard(have, type, to, loc, origin);
    return resharded[key] = made;
  }

  // By collectives.
  Value reshard(const LocalValue &have, RankedTensorType type, const Sharding &to, Location loc, StringRef origin) {
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
    Value made = emitReshard(context, loc, have.value, planReshard(type, have.sharding, reached, context.mesh), origin);
    noteAlternatives(before);
    return asPartial(made, to, missing, loc);
  }

  // How an op that only places elements (a reshape, a transpose, a repetition) is done so that its result is `to`.
  std::optional<Assignment> placedSo(Operation *op, const Sharding &to) {
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

  // The bytes that bring a value to a sharding, itself or what it is made of.
  double bytesTo(Value value, const Sharding &to) {
    auto type = tensorType(value);
    const Sharding &have = values.find(value)->second.sharding;
    if (sameLayout(have, to, type, context.mesh) || isMadeAnywhere(value) ||
        resharded.contains({value, to.toAttribute(context.meshName, builder.getContext())}))
      return 0;
    return std::min(reshardBytes(type, have, to, context.mesh), sourceBytes(value, to));
  }
  double sourceBytes(Value value, const Sharding &to) {
    std::optional<Assignment> assignment = placedSo(value.getDefiningOp(), to);
    if (!assignment)
      return std::numeric_limits<double>::infinity();
    double bytes = 0;
    for (auto [i, operand] : llvm::enumerate(value.getDefiningOp()->getOperands()))
      bytes += bytesTo(operand, assignment->operands[i]);
    return bytes;
  }

  // The value in the sharding `to`, made again from what it is made of, where that moves fewer bytes: keys and values
  // are gathered before they are repeated. Else null.
  Value moveSource(Value value, const Sharding &to, StringRef origin) {
    const Sharding &have = values.find(value)->second.sharding;
    Operation *op = value.getDefiningOp();
    if (!op || sourceBytes(value, to) >= reshardBytes(tensorType(value), have, to, context.mesh))
      return {};
    Assignment assignment = *placedSo(op, to);
    SmallVector<Value> operands;
    for (auto [i, operand] : llvm::enumerate(op->getOperands()))
      operands.push_back(inSharding(operand, assignment.operands[i], op->getLoc(), origin));
    Operation *local = createLocal(context, op, decisions[decisionOf.lookup(op)].rule, assignment, operands, numbers);
    local->removeAttr(kValue);
    local->setAttr(kShardings, builder.getArrayAttr(to.toAttribute(context.meshName, builder.getContext())));
    replaced.push_back(values.find(value)->second.value);
    return local->getResult(0);
  }

  // What was made again elsewhere may have no use left.
  void eraseReplaced() {
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

  // On the collectives behind `before`: what could have been done instead.
  void noteAlternatives(Operation *before) {
    auto it = before ? std::next(Block::iterator(before)) : builder.getInsertionBlock()->begin();
    for (; alternatives && it != builder.getInsertionPoint(); ++it)
      if (isa<AllReduceOp, AllGatherOp, ReduceScatterOp, AllToAllOp, PermuteOp>(*it))
        it->setAttr(kAlternatives, alternatives);
  }

  // The ways to compute an op whose operands disagree, with the bytes that each moves.
  Attribute alternativesOf(const Decision &decision) {
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

  // For a value that is stated to be a sum over `axes`, and is not. (The maximum of equal values is the value.)
  Value asPartial(Value value, const Sharding &to, ArrayRef<StringAttr> axes, Location loc) {
    if (axes.empty() || to.reduce != ReduceKind::Sum)
      return value;
    SmallVector<Attribute> names(axes.begin(), axes.end());
    return AsPartialOp::create(builder, loc, value.getType(), value, builder.getArrayAttr(names), context.meshName);
  }

  // A value that a device makes by itself, in another sharding.
  Value make(Value value, const Sharding &sharding) {
    Operation *def = value.getDefiningOp();
    IRMapping mapping = numbers;
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

  // A parameter, here or in every caller.
  bool isWeight(Value value) {
    auto argument = dyn_cast<BlockArgument>(value);
    if (!argument || argument.getOwner() != &function.getBody().front())
      return false;
    if (function.getArgAttr(argument.getArgNumber(), kParameter))
      return true;
    auto it = calledWith.find(function);
    return it != calledWith.end() && it->second.weights[argument.getArgNumber()];
  }

  static bool isTensor(Value value) { return isa<RankedTensorType>(value.getType()); }
  // A number as a tensor without dimensions.
  static RankedTensorType tensorType(Value value) {
    auto type = dyn_cast<RankedTensorType>(value.getType());
    return type ? type : RankedTensorType::get({}, value.getType());
  }

  LogicalResult visit(Operation *op) {
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

  // Every device makes a constant of different elements whole, and takes its part.
  static bool isMadeWhole(Operation *op) {
    auto constant = dyn_cast<arith::ConstantOp>(op);
    auto elements = constant ? dyn_cast<ElementsAttr>(constant.getValue()) : ElementsAttr();
    return elements && !elements.isSplat();
  }

  // An op on numbers alone runs on every device.
  LogicalResult visitNumber(Operation *op) {
    Operation *local = builder.clone(*op, numbers);
    for (auto [global, result] : llvm::zip(op->getResults(), local->getResults())) {
      values[global] = {result, Sharding(), true};
      numbers.map(global, result);
    }
    return success();
  }

  LogicalResult visitLoop(scf::ForOp loop, ArrayAttr shardings) {
    SmallVector<Value> inits;
    for (auto [i, init] : llvm::enumerate(loop.getInitArgs()))
      inits.push_back(isTensor(init)
                          ? inSharding(init, read(cast<ShardingAttr>(shardings[i])), loop.getLoc(), originOf(loop, i))
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
        yielded.push_back(isTensor(value) ? inSharding(value, read(cast<ShardingAttr>(shardings[i])), loop.getLoc(),
                                                       originOf(loop.getBody()->getTerminator(), i))
                                          : values.find(value)->second.value);
      scf::YieldOp::create(builder, loop.getLoc(), yielded);
    }
    local->setAttr(kShardings, shardings);
    if (Attribute number = loop->getAttr(kValue))
      local->setAttr(kValue, number);
    carry(loop.getResults(), local.getResults());
    return success();
  }

  static std::string originOf(Operation *op, unsigned operand) {
    return (op->getParentOfType<func::FuncOp>().getName() + ": " + op->getName().getStringRef() + " operand " +
            Twine(operand))
        .str();
  }

  // The sharding that a value is to have, as propagation left it.
  Sharding annotated(Value value) {
    if (!isTensor(value))
      return Sharding();
    ArrayAttr shardings;
    unsigned number = 0;
    if (auto result = dyn_cast<OpResult>(value)) {
      number = result.getResultNumber();
      shardings = result.getOwner()->getAttrOfType<ArrayAttr>(kShardings);
    } else {
      auto argument = cast<BlockArgument>(value);
      if (argument.getOwner()->getParentOp() == function)
        return argSharding(argument.getArgNumber());
      number = argument.getArgNumber() - 1; // behind the loop's variable
      shardings = argument.getOwner()->getParentOp()->getAttrOfType<ArrayAttr>(kShardings);
    }
    auto sharding = shardings ? dyn_cast<ShardingAttr>(shardings[number]) : ShardingAttr();
    return sharding ? read(sharding) : Sharding::whole(tensorType(value).getRank());
  }

  // How each op with a rule is computed.
  void choose() {
    function.walk([&](Operation *op) {
      if (!isa<func::FuncOp, scf::ForOp>(op->getParentOp()) || isMadeWhole(op) || isa<ShardingConstraintOp>(op))
        return;
      std::optional<ShardingRule> rule = getShardingRule(op);
      if (!rule)
        return;
      OpShardings present;
      for (Value value : op->getOperands()) {
        present.stationary.push_back(isWeight(value));
        present.types.push_back(tensorType(value));
        present.shardings.push_back(annotated(value));
      }
      for (Value value : op->getResults()) {
        present.types.push_back(tensorType(value));
        present.shardings.push_back(annotated(value));
      }
      decisionOf[op] = decisions.size();
      decisions.push_back({op, std::move(*rule), std::move(present)});
    });
    chooseTogether(decisions, context.mesh);
  }

  LogicalResult visitRuled(const Decision &decision, ArrayAttr shardings) {
    Operation *op = decision.op;
    const ShardingRule &rule = decision.rule;
    const Assignment &assignment = decision.possible[decision.chosen];
    alternatives = alternativesOf(decision);
    auto done = llvm::make_scope_exit([&] { alternatives = {}; });
    SmallVector<Value> operands;
    for (auto [i, operand] : llvm::enumerate(op->getOperands()))
      operands.push_back(inSharding(operand, assignment.operands[i], op->getLoc(), originOf(op, i)));
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

  // Records a computed value, brought to the sharding that it is to have.
  void define(Value global, Value local, Sharding computed, ShardingAttr wanted, bool zero) {
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
    Sharding target = read(wanted);
    std::string origin =
        (op->getParentOfType<func::FuncOp>().getName() + ": " + op->getName().getStringRef() + " result").str();
    Value result = inSharding(global, target, op->getLoc(), origin);
    if (result != local)
      values[global] = {result, target, zero};
  }

  // An op without a rule runs whole on every device.
  LogicalResult visitUnruled(Operation *op, ArrayAttr shardings) {
    IRMapping mapping = numbers;
    llvm::SetVector<Value> used(op->operand_begin(), op->operand_end());
    getUsedValuesDefinedAbove(op->getRegions(), used);
    for (auto [i, operand] : llvm::enumerate(used)) {
      if (isTensor(operand))
        mapping.map(operand,
                    inSharding(operand, Sharding::whole(tensorType(operand).getRank()), op->getLoc(), originOf(op, i)));
      else if (!numbers.contains(operand))
        return op->emitError() << "expected tensors and numbers, found " << operand.getType();
    }
    Operation *local = builder.clone(*op, mapping);
    for (auto [i, result] : llvm::enumerate(op->getResults())) {
      if (!shardings || !isTensor(result))
        return op->emitError() << "expected an op whose results are all tensors, found " << result.getType();
      define(result, local->getResult(i), Sharding::whole(tensorType(result).getRank()),
             cast<ShardingAttr>(shardings[i]), true);
    }
    return success();
  }

  LogicalResult visitConstraint(Operation *op) {
    auto wanted = cast<ShardingAttr>(op->getAttrOfType<ArrayAttr>(kShardings)[0]);
    LocalValue input = values.find(op->getOperand(0))->second;
    Sharding target = read(wanted);
    values[op->getResult(0)] = {inSharding(op->getOperand(0), target, op->getLoc(), originOf(op, 0)), target,
                                input.zeroPadded};
    return success();
  }

  LogicalResult visitCall(func::CallOp call) {
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
      FailureOr<Sharding> wanted =
          shardingOf(callee.getArgAttr(i, kSharding), "argument " + Twine(i) + " of " + call.getCallee());
      if (failed(wanted))
        return failure();
      operands.push_back(inSharding(operand, *wanted, call.getLoc(), originOf(call, i)));
      if (!values.find(operand)->second.zeroPadded)
        passed.zeroPadded.reset(i);
      if (!isWeight(operand))
        passed.weights.reset(i);
    }
    for (unsigned i = 0; i < call.getNumResults(); ++i) {
      FailureOr<Sharding> computed =
          shardingOf(callee.getResultAttr(i, kSharding), "result " + Twine(i) + " of " + call.getCallee());
      if (failed(computed))
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
      Sharding target = read(cast<ShardingAttr>(shardings[i]));
      Value result = inSharding(global, target, call.getLoc(), originOf(call, i));
      values[global] = {result, target, false};
    }
    return success();
  }

  LogicalResult visitReturn(Operation *op) {
    SmallVector<Value> operands;
    for (auto [i, operand] : llvm::enumerate(op->getOperands()))
      operands.push_back(isTensor(operand)
                             ? inSharding(operand, read(function.getResultAttrOfType<ShardingAttr>(i, kSharding)),
                                          op->getLoc(), originOf(op, i))
                             : values.find(operand)->second.value);
    func::ReturnOp::create(builder, op->getLoc(), operands);
    return success();
  }

  // Padding must not reach a sum: in each product, an operand that holds the factor must have zeros there. (Where zeros
  // would not do, the op's body looks where it is: rule.shifts.)
  void maskPaddedReductions(Operation *op, const ShardingRule &rule, const Assignment &assignment,
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

  void maskTerm(Operation *op, const ShardingRule &rule, const Assignment &assignment, ArrayRef<unsigned> term,
                unsigned factor, SmallVector<Value> &operands) {
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

  // What is whole while the result is a partial sum (a bias, the start of a reduction) is added on one device.
  void addOnce(Operation *op, const ShardingRule &rule, const Assignment &assignment, SmallVector<Value> &operands) {
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

  static bool isZero(Value value) {
    auto fill = value.getDefiningOp<linalg::FillOp>();
    if (fill)
      value = fill.getInputs()[0];
    return matchPattern(value, m_Zero()) || matchPattern(value, m_AnyZeroFloat());
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

  // The result's padding is zero: zeros in the operands' give it, or there is none.
  bool keepsZeros(Operation *op, const ShardingRule &rule, const Assignment &assignment) {
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

  func::FuncOp function;
  OpBuilder &builder;
  LocalContext context;
  llvm::DenseMap<Operation *, CalledWith> &calledWith;
  llvm::DenseMap<Value, LocalValue> values;
  bool explain;
  Attribute alternatives; // of the op that is being visited
  std::vector<Decision> decisions;
  llvm::DenseMap<Operation *, unsigned> decisionOf;
  IRMapping numbers; // values that are no tensors
  llvm::DenseMap<Key, Value> resharded;
  SmallVector<Value> replaced; // values that were made again in another sharding
};

struct Partition : tp::impl::PartitionBase<Partition> {
  using PartitionBase::PartitionBase;
  void runOnOperation() override {
    ModuleOp module = getOperation();
    FailureOr<MeshOp> mesh = onlyMesh(module);
    if (failed(mesh))
      return signalPassFailure();
    if (module->hasAttr(kPartitioned)) {
      module.emitError() << "the module is partitioned already";
      return signalPassFailure();
    }
    llvm::SetVector<func::FuncOp> order;
    if (failed(checkWholeProgram(module)) || failed(orderCallersFirst(module, order)))
      return signalPassFailure();
    OpBuilder builder(module.getContext());
    llvm::DenseMap<Operation *, CalledWith> calledWith;
    for (func::FuncOp function : order)
      if (failed(FunctionPartitioner(function, *mesh, builder, calledWith, explain).run()))
        return signalPassFailure();
    for (func::FuncOp function : order)
      function.erase();
    module->setAttr(kPartitioned, builder.getUnitAttr());
  }

  // A function stands behind all its callers; recursion is an error.
  LogicalResult orderCallersFirst(ModuleOp module, llvm::SetVector<func::FuncOp> &order) {
    SmallVector<func::FuncOp> postorder;
    llvm::DenseMap<Operation *, int> state; // 1: being visited, 2: done
    std::function<LogicalResult(func::FuncOp)> visit = [&](func::FuncOp function) -> LogicalResult {
      int &mark = state[function];
      if (mark == 2)
        return success();
      if (mark == 1)
        return function.emitError() << "expected functions that do not call themselves";
      mark = 1;
      if (function.isExternal() || !function.getBody().hasOneBlock())
        return function.emitError() << "expected a function with a body of one block";
      WalkResult walk = function.walk([&](func::CallOp call) {
        auto callee = module.lookupSymbol<func::FuncOp>(call.getCallee());
        return callee && succeeded(visit(callee)) ? WalkResult::advance() : WalkResult::interrupt();
      });
      state[function] = 2;
      postorder.push_back(function);
      return failure(walk.wasInterrupted());
    };
    for (auto function : module.getOps<func::FuncOp>())
      if (failed(visit(function)))
        return failure();
    order.insert(postorder.rbegin(), postorder.rend());
    return success();
  }
};
} // namespace
