#include "tp/Sharding/CheckProgram.h"
#include "tp/Dialect/Tp.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace tp;

static constexpr int64_t kMaxElements = int64_t(1) << 46;

static LogicalResult checkType(Operation *op, Type type, const Twine &what) {
  auto shaped = dyn_cast<ShapedType>(type);
  if (!shaped || isa<VectorType>(type))
    return success();
  if (!shaped.hasRank() || !shaped.hasStaticShape())
    return op->emitOpError() << what << ": expected a tensor with a static shape, found " << type;
  int64_t elements = 1;
  for (int64_t size : shaped.getShape()) {
    if (size > 0 && elements > kMaxElements / size)
      return op->emitOpError() << what << ": expected at most 2^46 elements, found " << type;
    elements *= std::max<int64_t>(size, 1);
  }
  return success();
}

// The dialect's own verifier does not look at the numbers.
static LogicalResult checkReassociation(Operation *op, ArrayRef<ReassociationIndices> groups, int64_t rank) {
  int64_t next = 0;
  for (ArrayRef<int64_t> group : groups)
    for (int64_t dim : group)
      if (dim != next++)
        return op->emitOpError() << "reassociation: expected dimension " << next - 1 << ", found " << dim;
  if (next != rank)
    return op->emitOpError() << "reassociation: expected " << rank << " dimensions, found " << next;
  return success();
}

static LogicalResult checkReshape(Operation *op) {
  if (auto expand = dyn_cast<tensor::ExpandShapeOp>(op))
    return checkReassociation(op, expand.getReassociationIndices(), expand.getResultType().getRank());
  if (auto collapse = dyn_cast<tensor::CollapseShapeOp>(op))
    return checkReassociation(op, collapse.getReassociationIndices(), collapse.getSrcType().getRank());
  return success();
}

LogicalResult tp::checkShapes(ModuleOp module) {
  WalkResult walk = module.walk([](Operation *op) -> WalkResult {
    if (failed(checkReshape(op)))
      return failure();
    for (auto [i, type] : llvm::enumerate(op->getResultTypes()))
      if (failed(checkType(op, type, "result " + Twine(i))))
        return failure();
    // An external function has its types alone.
    if (auto function = dyn_cast<FunctionOpInterface>(op); function && function.isExternal()) {
      for (auto [i, type] : llvm::enumerate(function.getArgumentTypes()))
        if (failed(checkType(op, type, "argument " + Twine(i))))
          return failure();
      for (auto [i, type] : llvm::enumerate(function.getResultTypes()))
        if (failed(checkType(op, type, "result " + Twine(i))))
          return failure();
    }
    for (Region &region : op->getRegions())
      for (Block &block : region)
        for (auto [i, type] : llvm::enumerate(block.getArgumentTypes()))
          if (failed(checkType(op, type, "argument " + Twine(i))))
            return failure();
    return success();
  });
  return failure(walk.wasInterrupted());
}

namespace {
// Follows the calls of one function after another.
struct Calls {
  ModuleOp module;
  SmallVector<func::CallOp> path = {}; // the calls that are being followed
  llvm::SmallPtrSet<Operation *, 16> done = {};

  LogicalResult follow(func::FuncOp function) {
    WalkResult walk = function.walk([&](func::CallOp call) -> WalkResult {
      auto callee = module.lookupSymbol<func::FuncOp>(call.getCallee());
      if (!callee || callee.isExternal())
        return call.emitOpError() << "expected a function with a body, found " << call.getCallee();
      path.push_back(call);
      auto first =
          llvm::find_if(path, [&](func::CallOp open) { return open->getParentOfType<func::FuncOp>() == callee; });
      if (first != path.end())
        return reportCycle(ArrayRef(&*first, path.end() - first));
      LogicalResult result = done.contains(callee) ? success() : follow(callee);
      path.pop_back();
      return result;
    });
    done.insert(function);
    return failure(walk.wasInterrupted());
  }

  // The last call leads back to the function of the first.
  LogicalResult reportCycle(ArrayRef<func::CallOp> cycle) {
    func::CallOp last = cycle.back();
    InFlightDiagnostic error = last.emitOpError() << "expected functions that do not call themselves, found a call of @"
                                                  << last.getCallee() << " within it";
    for (func::CallOp call : cycle.drop_back())
      error.attachNote(call.getLoc()) << "@" << call->getParentOfType<func::FuncOp>().getName() << " calls @"
                                      << call.getCallee() << " here";
    return error;
  }
};
} // namespace

// What the passes look at stands in a function's one block or in a loop; other regions compute single elements.
static LogicalResult checkRegions(ModuleOp module) {
  WalkResult walk = module.walk([](Operation *op) -> WalkResult {
    if (auto function = dyn_cast<func::FuncOp>(op);
        function && !function.isExternal() && !function.getBody().hasOneBlock()) {
      InFlightDiagnostic error = op->emitOpError()
                                 << "expected a body of one block, found " << function.getBody().getBlocks().size();
      error.attachNote(function.getBody().front().back().getLoc()) << "the first block ends here";
      return error;
    }
    Operation *parent = op->getParentOp();
    if (isa<func::CallOp>(op) || op->getName().getDialectNamespace() == TpDialect::getDialectNamespace())
      if (parent && !isa<ModuleOp, func::FuncOp, scf::ForOp>(parent)) {
        InFlightDiagnostic error = op->emitOpError()
                                   << "expected to stand in a function or in a loop (scf.for), found it in "
                                   << parent->getName();
        error.attachNote(parent->getLoc()) << "which has no sharding rule for what its regions hold";
        return error;
      }
    return success();
  });
  return failure(walk.wasInterrupted());
}

// A parameter or state is one tensor, in whatever function.
static LogicalResult checkSlots(ModuleOp module) {
  llvm::DenseMap<std::pair<StringRef, Attribute>, std::pair<Type, func::FuncOp>> known;
  auto check = [&](func::FuncOp function, DictionaryAttr attributes, Type type) -> LogicalResult {
    for (StringRef kind : {StringRef(kParameter), StringRef(kState)})
      if (Attribute name = attributes ? attributes.get(kind) : Attribute()) {
        auto &[first, where] = known.try_emplace({kind, name}, type, function).first->second;
        if (first == type)
          continue;
        InFlightDiagnostic error = function.emitOpError()
                                   << kind << " " << name << ": expected " << first << ", found " << type;
        error.attachNote(where.getLoc()) << "its type is stated here";
        return error;
      }
    return success();
  };
  for (auto function : module.getOps<func::FuncOp>()) {
    for (auto [i, type] : llvm::enumerate(function.getArgumentTypes()))
      if (failed(check(function, function.getArgAttrDict(i), type)))
        return failure();
    for (auto [i, type] : llvm::enumerate(function.getResultTypes()))
      if (failed(check(function, function.getResultAttrDict(i), type)))
        return failure();
  }
  return success();
}

LogicalResult tp::checkWholeProgram(ModuleOp module) {
  if (failed(checkShapes(module)) || failed(checkRegions(module)) || failed(checkSlots(module)))
    return failure();
  WalkResult walk = module.walk([](Operation *op) -> WalkResult {
    if (isa<AllReduceOp, AllGatherOp, AllSliceOp, ReduceScatterOp, AllToAllOp, PermuteOp, AsPartialOp, ShiftIndexOp,
            MaskPaddingOp>(op))
      return op->emitOpError("expected a whole program: this op is for a partitioned one");
    return success();
  });
  if (walk.wasInterrupted())
    return failure();
  Calls calls{module};
  for (auto function : module.getOps<func::FuncOp>())
    if (failed(calls.follow(function)))
      return failure();
  return success();
}
