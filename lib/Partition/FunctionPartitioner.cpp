// A function from its type to its end: what its arguments are, and how its ops are computed.
#include "FunctionPartitioner.h"
#include "tp/Dialect/LayerStack.h"

using namespace mlir;
using namespace tp;

FailureOr<func::FuncOp> FunctionPartitioner::run() {
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
  values.reserve(2 * function.getNumArguments());
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

const Sharding &FunctionPartitioner::read(ShardingAttr attribute) {
  std::unique_ptr<Sharding> &sharding = known[attribute];
  if (sharding)
    return *sharding;
  sharding = std::make_unique<Sharding>(Sharding::from(attribute));
  auto drop = [&](Axes &axes) {
    llvm::erase_if(axes, [&](StringAttr axis) { return context.mesh.sizeOf(axis) == 1; });
  };
  for (Split &split : sharding->dims)
    drop(split.axes);
  drop(sharding->partial);
  return *sharding;
}

const Sharding *FunctionPartitioner::shardingOf(Attribute attribute, const Twine &what) {
  if (auto sharding = dyn_cast_or_null<ShardingAttr>(attribute))
    return &read(sharding);
  function.emitError() << what << " has no sharding: run --tp-propagate-shardings first";
  return nullptr;
}

Sharding FunctionPartitioner::argSharding(unsigned i) {
  return isTensor(function.getArgument(i)) ? read(function.getArgAttrOfType<ShardingAttr>(i, kSharding)) : Sharding();
}

FailureOr<FunctionType> FunctionPartitioner::localFunctionType() {
  SmallVector<Type> arguments, results;
  auto add = [&](SmallVector<Type> &types, Type type, Attribute attribute, const Twine &what) -> LogicalResult {
    auto tensor = dyn_cast<RankedTensorType>(type);
    if (type.isIntOrIndexOrFloat()) {
      types.push_back(type);
      return success();
    }
    if (!tensor)
      return function.emitError() << what << ": expected a tensor or a number, found " << type;
    const Sharding *sharding = shardingOf(attribute, what);
    if (!sharding)
      return failure();
    types.push_back(localType(tensor, *sharding, context.mesh));
    return success();
  };
  for (unsigned i = 0; i < function.getNumArguments(); ++i)
    if (failed(
            add(arguments, function.getArgumentTypes()[i], function.getArgAttr(i, kSharding), "argument " + Twine(i))))
      return failure();
  for (unsigned i = 0; i < function.getNumResults(); ++i)
    if (failed(add(results, function.getResultTypes()[i], function.getResultAttr(i, kSharding), "result " + Twine(i))))
      return failure();
  return FunctionType::get(function.getContext(), arguments, results);
}

void FunctionPartitioner::recordGlobalTypes(func::FuncOp local) {
  // All at once: each setArgAttr would copy the list.
  auto withTypes = [&](TypeRange types, llvm::function_ref<DictionaryAttr(unsigned)> attributesOf) {
    SmallVector<DictionaryAttr> all;
    for (auto [i, type] : llvm::enumerate(types)) {
      NamedAttrList list(attributesOf(i));
      list.set(kGlobalType, TypeAttr::get(type));
      all.push_back(list.getDictionary(builder.getContext()));
    }
    return all;
  };
  local.setAllArgAttrs(withTypes(function.getArgumentTypes(), [&](unsigned i) { return function.getArgAttrDict(i); }));
  local.setAllResultAttrs(
      withTypes(function.getResultTypes(), [&](unsigned i) { return function.getResultAttrDict(i); }));
}

bool FunctionPartitioner::isWeight(Value value) {
  auto argument = dyn_cast<BlockArgument>(stackOf(value));
  if (!argument || argument.getOwner() != &function.getBody().front())
    return false;
  if (function.getArgAttr(argument.getArgNumber(), kParameter))
    return true;
  auto it = calledWith.find(function);
  return it != calledWith.end() && it->second.weights[argument.getArgNumber()];
}

RankedTensorType FunctionPartitioner::tensorType(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  return type ? type : RankedTensorType::get({}, value.getType());
}

Sharding FunctionPartitioner::annotated(Value value) {
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

void FunctionPartitioner::choose() {
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
    // A layer's part is cut from a stack of weights as that lies there, and then brought to its sharding: the other way
    // round, all layers would be moved or copied at once.
    if (takesLayer(op) && isWeight(op->getOperand(0)))
      present.shardings.back() = Sharding::whole(present.types.back().getRank());
    decisionOf[op] = decisions.size();
    decisions.push_back({op, std::move(*rule), std::move(present)});
  });
  chooseTogether(decisions, context.mesh);
}
