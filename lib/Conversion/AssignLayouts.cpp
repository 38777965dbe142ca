// tp-assign-layouts, see Passes.td. Values that share memory are found as classes: a weight in all functions that get
// it, a cache before and after its update.
#include "Layouts.h"
#include "tp/Conversion/Passes.h"
#include "tp/Sharding/CheckProgram.h"

#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringMap.h"

namespace tp {
#define GEN_PASS_DEF_ASSIGNLAYOUTS
#include "tp/Conversion/Passes.h.inc"
} // namespace tp

using namespace mlir;
using namespace tp;
using namespace tp::cpu;

namespace {

// Values that are the same memory.
class Classes {
public:
  int find(Value value) {
    auto [it, added] = ids.try_emplace(value, int(parents.size()));
    if (added)
      parents.push_back(it->second);
    return root(it->second);
  }
  void join(Value a, Value b) {
    int x = find(a), y = find(b);
    parents[std::max(x, y)] = std::min(x, y);
  }

private:
  int root(int id) {
    while (parents[id] != id)
      id = parents[id] = parents[parents[id]];
    return id;
  }
  llvm::DenseMap<Value, int> ids;
  SmallVector<int> parents;
};

struct Uses {
  bool weight = false, state = false, linear = false, table = false, key = false, value = false, other = false;
  StringRef layout() const {
    if (weight && linear && !other)
      return "panel";
    if (state && key && !value && !other)
      return "keys";
    if (state && value && !key && !other)
      return "values";
    return "plain";
  }
};

struct AssignLayouts : tp::impl::AssignLayoutsBase<AssignLayouts> {
  using AssignLayoutsBase::AssignLayoutsBase;
  void runOnOperation() override {
    if (target != "cpu" && target != "cuda") {
      mlir::emitError(getOperation().getLoc()) << "unknown target '" << target << "': expected cpu or cuda";
      return signalPassFailure();
    }
    if (failed(checkShapes(getOperation())) || failed(checkOps()) || failed(checkCalls()) || failed(joinValues()))
      return signalPassFailure();
    collectUses();
    if (failed(annotate()))
      signalPassFailure();
  }

private:
  LogicalResult checkOps();
  LogicalResult checkCalls();
  LogicalResult joinValues();
  void joinNamed(func::FuncOp function);
  void collectUses();
  LogicalResult annotate();
  // The target as messages name it.
  StringRef shown() const { return target == "cuda" ? "CUDA" : "CPU"; }
  LogicalResult annotateResults(func::FuncOp function, func::ReturnOp op);
  // The argument that `value` is, by updates and calls; null if it is none.
  BlockArgument rootArgument(Value value);

  Classes classes;
  std::map<int, Uses> uses;
  llvm::StringMap<Value> named;
};

} // namespace

static bool isSupported(Operation *op) {
  return isElementwise(op) || isSplat(op) || isView(op) || isJoin(op) || isCollective(op) ||
         isa<LinearOp, RmsNormOp, LayerNormOp, RopeOp, KvUpdateOp, SdpaOp, EmbeddingOp, TakeRowOp, RouteOp,
             RelativeBiasOp, SinusoidOp, RelativeScoresOp, ExpertUpOp, ExpertDownOp, AllSliceOp, AsPartialOp,
             ShiftIndexOp, MaskPaddingOp, MeshOp, func::FuncOp, func::CallOp, func::ReturnOp, ModuleOp>(op);
}

LogicalResult AssignLayouts::checkOps() {
  auto checkType = [&](Operation *op, Type type) -> LogicalResult {
    auto tensor = dyn_cast<RankedTensorType>(type);
    Type element = tensor ? tensor.getElementType() : Type();
    if (!tensor || !tensor.hasStaticShape() || !(element.isF32() || element.isBF16() || element.isInteger(32)))
      return op->emitError() << "no " << shown() << " lowering for type " << type
                             << ": expected a tensor of f32, bf16 or i32 with a static shape";
    if (tensor.getNumElements() == 0)
      return op->emitError() << "no " << shown() << " lowering for empty type " << type;
    return success();
  };
  WalkResult result = getOperation().walk([&](Operation *op) -> WalkResult {
    bool token = target == "cuda" && isa<TopPairsOp, BestIndexOp, SampleOp>(op);
    auto slice = dyn_cast<tensor::ExtractSliceOp>(op);
    if (slice ? !cutDimension(slice) : !isSupported(op) && !token)
      return op->emitError() << "no " << shown() << " lowering for op '" << op->getName() << "'";
    bool free = target == "cuda" && (slice ? viewOffset(op).has_value() : isJoin(op) && canJoin(op));
    if ((slice || isJoin(op)) && !free)
      op->setAttr(kCopied, UnitAttr::get(&getContext()));
    // The code of a kernel grows with the size of a head.
    constexpr int64_t kMostHeadElements = 1024;
    if (isa<SdpaOp, RopeOp, RelativeScoresOp>(op))
      if (int64_t size = cast<ShapedType>(op->getOperand(0).getType()).getShape().back(); size > kMostHeadElements)
        return op->emitError() << "no " << shown() << " lowering for heads of " << size
                               << " elements: expected at most " << kMostHeadElements;
    if (auto sdpa = dyn_cast<SdpaOp>(op); sdpa && sdpa.getValue().getType() != sdpa.getKey().getType())
      return op->emitError() << "no " << shown() << " lowering for values of another type than the keys', "
                             << sdpa.getValue().getType() << " and " << sdpa.getKey().getType();
    if (auto function = dyn_cast<func::FuncOp>(op)) {
      if (!llvm::hasSingleElement(function.getBody()))
        return op->emitError() << "no " << shown() << " lowering for a function without exactly one block";
      for (Type type : function.getArgumentTypes())
        if (failed(checkType(op, type)))
          return failure();
    }
    for (Type type : op->getResultTypes())
      if (failed(checkType(op, type)))
        return failure();
    return WalkResult::advance();
  });
  return failure(result.wasInterrupted());
}

// Callees exist, and no function calls itself, by others or directly.
LogicalResult AssignLayouts::checkCalls() {
  llvm::DenseMap<Operation *, bool> finished; // absent: not seen; false: being visited
  std::function<LogicalResult(func::FuncOp)> visit = [&](func::FuncOp function) -> LogicalResult {
    auto [it, added] = finished.try_emplace(function, false);
    if (!added)
      return it->second ? LogicalResult(success())
                        : LogicalResult(function.emitError() << "no " << shown() << " lowering for function '"
                                                             << function.getName() << "', which calls itself");
    WalkResult result = function.walk([&](func::CallOp call) -> WalkResult {
      func::FuncOp callee = calleeOf(call);
      if (!callee)
        return call.emitError() << "callee '" << call.getCallee() << "' is not a function";
      return visit(callee);
    });
    finished[function] = true;
    return failure(result.wasInterrupted());
  };
  for (auto function : getOperation().getOps<func::FuncOp>())
    if (failed(visit(function)))
      return failure();
  return success();
}

void AssignLayouts::joinNamed(func::FuncOp function) {
  for (BlockArgument arg : function.getArguments())
    for (StringRef kind : {kParameter, kState})
      if (auto name = function.getArgAttrOfType<StringAttr>(arg.getArgNumber(), kind)) {
        auto [it, added] = named.try_emplace((kind + ":" + name.getValue()).str(), arg);
        classes.join(it->second, arg);
        Uses &use = uses[classes.find(arg)];
        (kind == kParameter ? use.weight : use.state) = true;
      }
}

LogicalResult AssignLayouts::joinValues() {
  for (auto function : getOperation().getOps<func::FuncOp>())
    for (Operation &op : function.getOps()) {
      if (auto update = dyn_cast<KvUpdateOp>(op))
        classes.join(update.getCache(), update.getResult());
      auto call = dyn_cast<func::CallOp>(op);
      if (!call)
        continue;
      func::FuncOp callee = calleeOf(call);
      for (auto [operand, arg] : llvm::zip_equal(call.getOperands(), callee.getArguments()))
        classes.join(operand, arg);
      Operation *end = callee.front().getTerminator();
      for (auto [result, value] : llvm::zip_equal(call.getResults(), end->getOperands()))
        classes.join(result, value);
    }
  for (auto function : getOperation().getOps<func::FuncOp>())
    joinNamed(function);
  // Joining by name may have moved a class's root.
  std::map<int, Uses> moved;
  for (auto function : getOperation().getOps<func::FuncOp>())
    for (BlockArgument arg : function.getArguments()) {
      Uses &use = moved[classes.find(arg)];
      use.weight |= function.getArgAttr(arg.getArgNumber(), kParameter) != nullptr;
      use.state |= function.getArgAttr(arg.getArgNumber(), kState) != nullptr;
    }
  uses = std::move(moved);
  return success();
}

void AssignLayouts::collectUses() {
  getOperation().walk([&](Operation *op) {
    // What is computed is plain, and a function that gets it instead of a weight reads both alike.
    if (!isa<func::CallOp, KvUpdateOp>(op))
      for (Value result : op->getResults())
        uses[classes.find(result)].other = true;
    for (OpOperand &operand : op->getOpOperands()) {
      Uses &use = uses[classes.find(operand.get())];
      unsigned i = operand.getOperandNumber();
      if (readsPanels(operand))
        use.linear = true;
      else if (isa<EmbeddingOp>(op) && i == 1)
        use.table |= true, use.other |= cast<RankedTensorType>(operand.get().getType()).getRank() != 2;
      else if (isa<SdpaOp>(op) && i == 1)
        use.key = true;
      else if (isa<SdpaOp>(op) && i == 2)
        use.value = true;
      else if (!isa<func::CallOp, func::ReturnOp>(op) && !(isa<KvUpdateOp>(op) && i == 0))
        use.other = true;
    }
  });
}

BlockArgument AssignLayouts::rootArgument(Value value) {
  while (Operation *op = value.getDefiningOp()) {
    if (auto update = dyn_cast<KvUpdateOp>(op)) {
      value = update.getCache();
      continue;
    }
    auto call = dyn_cast<func::CallOp>(op);
    if (!call)
      return {};
    BlockArgument arg =
        rootArgument(calleeOf(call).front().getTerminator()->getOperand(cast<OpResult>(value).getResultNumber()));
    if (!arg)
      return {};
    value = call.getOperand(arg.getArgNumber());
  }
  return cast<BlockArgument>(value);
}

LogicalResult AssignLayouts::annotateResults(func::FuncOp function, func::ReturnOp op) {
  Builder b(&getContext());
  for (auto [i, value] : llvm::enumerate(op.getOperands())) {
    auto name = function.getResultAttrOfType<StringAttr>(i, kState);
    if (!uses[classes.find(value)].state && !name)
      continue;
    BlockArgument arg = rootArgument(value);
    if (!arg)
      return op.emitError() << "result " << i << " is a state that does not come from an argument of '"
                            << function.getName() << "'";
    if (isEntry(function) && function.getArgAttrOfType<StringAttr>(arg.getArgNumber(), kState) != name)
      return op.emitError() << "result " << i << ": state " << name << " is returned for another one: no " << shown()
                            << " lowering";
    function.setResultAttr(i, kAlias, b.getI64IntegerAttr(arg.getArgNumber()));
  }
  return success();
}

LogicalResult AssignLayouts::annotate() {
  Builder b(&getContext());
  for (auto function : getOperation().getOps<func::FuncOp>()) {
    for (BlockArgument arg : function.getArguments()) {
      const Uses &use = uses[classes.find(arg)];
      if (use.weight && use.state)
        return function.emitError() << "argument " << arg.getArgNumber() << " is both a weight and a state";
      if (use.weight || use.state)
        function.setArgAttr(arg.getArgNumber(), kKind, b.getStringAttr(use.weight ? "weight" : "state"));
      if (target == "cpu" && use.layout() != "plain")
        function.setArgAttr(arg.getArgNumber(), kLayout, b.getStringAttr(use.layout()));
    }
    WalkResult result = function.walk([&](KvUpdateOp op) -> WalkResult {
      if (uses[classes.find(op.getCache())].state)
        return WalkResult::advance();
      return op.emitError() << "no CPU lowering for op '" << op->getName() << "' on a value that is not a state";
    });
    if (result.wasInterrupted() ||
        failed(annotateResults(function, cast<func::ReturnOp>(function.front().getTerminator()))))
      return failure();
  }
  return success();
}
