// Makes a failing program smaller, one edit at a time, as long as it fails in the same way.
#include "tp/Dialect/Tp.h"
#include "tp/Fuzz/Fuzz.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"

using namespace mlir;
using namespace tp;
using namespace tp::fuzz;

namespace {
// The edits of a module in a fixed order; apply(n) makes the n-th and tells whether there is one.
class Edits {
public:
  explicit Edits(ModuleOp module) : module(module) {}

  bool apply(int64_t number) {
    left = number;
    return dropFunctions() || dropResults() || replaceOps() || dropArguments() || simplifyAnnotations() || shrinkMesh();
  }

private:
  // Whether the edit at hand is the wanted one.
  bool isTurn() { return left-- == 0; }
  func::FuncOp main() { return module.lookupSymbol<func::FuncOp>("main"); }

  bool dropFunctions();
  bool dropResults();
  bool replaceOps();
  bool replaceOp(Operation *op);
  bool unrollLoop(scf::ForOp loop);
  bool dropArguments();
  bool simplifyAnnotations();
  bool simplify(ShardingAttr sharding, llvm::function_ref<void(ShardingAttr)> set);
  bool shrinkMesh();

  ModuleOp module;
  int64_t left = 0;
};
} // namespace

bool Edits::dropFunctions() {
  for (auto function : module.getOps<func::FuncOp>())
    if (function.isPrivate() && SymbolTable::symbolKnownUseEmpty(function, module) && isTurn())
      return function.erase(), true;
  return false;
}

bool Edits::dropResults() {
  func::FuncOp function = main();
  if (!function || function.getNumResults() < 2)
    return false;
  Operation *terminator = function.getBody().front().getTerminator();
  for (unsigned i = 0; i < function.getNumResults(); ++i)
    if (isTurn()) {
      BitVector erased(function.getNumResults());
      erased.set(i);
      terminator->eraseOperand(i);
      (void)function.eraseResults(erased);
      return true;
    }
  return false;
}

// An op becomes nothing (where nobody needs it), one of its operands, another value of its block, or a new argument.
bool Edits::replaceOp(Operation *op) {
  if (op->use_empty())
    return isTurn() && (op->erase(), true);
  if (op->getNumResults() != 1)
    return false;
  Value result = op->getResult(0);
  for (Value operand : op->getOperands())
    if (operand.getType() == result.getType() && isTurn()) {
      result.replaceAllUsesWith(operand);
      op->erase();
      return true;
    }
  if (op->getParentOfType<func::FuncOp>() != main() || !isa<RankedTensorType>(result.getType()) || !isTurn())
    return false;
  func::FuncOp function = main();
  unsigned at = function.getNumArguments();
  (void)function.insertArgument(at, result.getType(), {}, op->getLoc());
  result.replaceAllUsesWith(function.getArgument(at));
  op->erase();
  return true;
}

// A loop becomes one pass of its body.
bool Edits::unrollLoop(scf::ForOp loop) {
  if (!isTurn())
    return false;
  loop.getInductionVar().replaceAllUsesWith(loop.getLowerBound());
  for (auto [argument, value] : llvm::zip(loop.getRegionIterArgs(), loop.getInitArgs()))
    argument.replaceAllUsesWith(value);
  Operation *yield = loop.getBody()->getTerminator();
  loop.replaceAllUsesWith(yield->getOperands());
  yield->erase();
  for (Operation &op : llvm::make_early_inc_range(*loop.getBody()))
    op.moveBefore(loop);
  loop.erase();
  return true;
}

bool Edits::replaceOps() {
  SmallVector<Operation *> ops;
  for (auto function : module.getOps<func::FuncOp>())
    function.getBody().walk([&](Operation *op) {
      if (!op->hasTrait<OpTrait::IsTerminator>() && isa<func::FuncOp, scf::ForOp>(op->getParentOp()))
        ops.push_back(op);
    });
  for (Operation *op : llvm::reverse(ops)) {
    if (auto loop = dyn_cast<scf::ForOp>(op); loop && unrollLoop(loop))
      return true;
    if (replaceOp(op))
      return true;
  }
  return false;
}

bool Edits::dropArguments() {
  func::FuncOp function = main();
  for (unsigned i = 0; function && i < function.getNumArguments(); ++i)
    if (function.getArgument(i).use_empty() && isTurn())
      return (void)function.eraseArgument(i), true;
  // Two arguments of a type as one.
  for (unsigned i = 1; function && i < function.getNumArguments(); ++i)
    for (unsigned j = 0; j < i; ++j)
      if (function.getArgumentTypes()[i] == function.getArgumentTypes()[j] && isTurn()) {
        function.getArgument(i).replaceAllUsesWith(function.getArgument(j));
        return (void)function.eraseArgument(i), true;
      }
  return false;
}

bool Edits::simplify(ShardingAttr sharding, llvm::function_ref<void(ShardingAttr)> set) {
  if (!sharding)
    return false;
  if (isTurn())
    return set({}), true;
  MLIRContext *context = sharding.getContext();
  auto with = [&](ArrayRef<SplitAttr> dims, ArrayRef<StringAttr> replicated, ArrayRef<StringAttr> partial) {
    set(ShardingAttr::get(context, sharding.getMesh(), dims, replicated, partial, sharding.getReduce()));
    return true;
  };
  if (!sharding.getReplicated().empty() && isTurn())
    return with(sharding.getDims(), {}, sharding.getPartial());
  if (!sharding.getPartial().empty() && isTurn())
    return with(sharding.getDims(), sharding.getReplicated(), {});
  for (auto [d, split] : llvm::enumerate(sharding.getDims())) {
    auto make = [&, &split = split](ArrayRef<StringAttr> axes, bool grains, bool closed, int64_t priority) {
      return SplitAttr::get(context, axes, closed, grains ? split.getUnit() : 1, grains ? split.getRepeat() : 1,
                            priority, grains ? split.getOuter() : 1,
                            grains ? split.getSections() : ArrayRef<int64_t>());
    };
    SmallVector<SplitAttr> candidates;
    if (!split.getAxes().empty())
      candidates.push_back(make(split.getAxes().drop_back(), false, split.getClosed(), split.getPriority()));
    candidates.push_back(make(split.getAxes(), false, split.getClosed(), split.getPriority()));
    candidates.push_back(make(split.getAxes(), true, split.getClosed(), 0));
    candidates.push_back(make(split.getAxes(), true, true, split.getPriority()));
    for (SplitAttr candidate : candidates) {
      if (candidate == split || !isTurn())
        continue;
      SmallVector<SplitAttr> dims(sharding.getDims());
      dims[d] = candidate;
      return with(dims, sharding.getReplicated(), sharding.getPartial());
    }
  }
  return false;
}

bool Edits::simplifyAnnotations() {
  for (auto function : module.getOps<func::FuncOp>()) {
    auto name = StringAttr::get(module.getContext(), kSharding);
    for (unsigned i = 0; i < function.getNumArguments(); ++i)
      if (simplify(function.getArgAttrOfType<ShardingAttr>(i, kSharding), [&](ShardingAttr sharding) {
            sharding ? function.setArgAttr(i, name, sharding) : (void)function.removeArgAttr(i, name);
          }))
        return true;
    for (unsigned i = 0; i < function.getNumResults(); ++i)
      if (simplify(dyn_cast_or_null<ShardingAttr>(function.getResultAttr(i, kSharding)), [&](ShardingAttr sharding) {
            sharding ? function.setResultAttr(i, name, sharding) : (void)function.removeResultAttr(i, name);
          }))
        return true;
  }
  return module
      .walk([&](ShardingConstraintOp op) {
        bool done = simplify(op.getSharding(), [&](ShardingAttr sharding) {
          if (sharding)
            return op.setShardingAttr(sharding);
          op.replaceAllUsesWith(op.getInput());
          op.erase();
        });
        return done ? WalkResult::interrupt() : WalkResult::advance();
      })
      .wasInterrupted();
}

bool Edits::shrinkMesh() {
  for (MeshOp op : module.getOps<MeshOp>()) {
    MeshAttr mesh = op.getMesh();
    for (unsigned i = 0; i < mesh.getSizes().size(); ++i) {
      SmallVector<int64_t> sizes(mesh.getSizes());
      SmallVector<StringAttr> axes(mesh.getAxes());
      if (sizes.size() > 1 && isTurn()) {
        sizes.erase(sizes.begin() + i);
        axes.erase(axes.begin() + i);
        return op.setMeshAttr(MeshAttr::get(op.getContext(), axes, sizes)), true;
      }
      if (sizes[i] > 2 && isTurn()) {
        sizes[i] = 2;
        return op.setMeshAttr(MeshAttr::get(op.getContext(), axes, sizes)), true;
      }
    }
  }
  return false;
}

static std::string textOf(ModuleOp module) {
  std::string text;
  llvm::raw_string_ostream(text) << module;
  return text;
}

// The module after edit `number`: std::nullopt when there is no such edit, empty when it makes no valid program.
static std::optional<std::string> edited(StringRef text, int64_t number, MLIRContext &context) {
  ScopedDiagnosticHandler quiet(&context, [](Diagnostic &) {});
  OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(text, &context);
  if (!module || !Edits(*module).apply(number))
    return std::nullopt;
  return succeeded(verify(*module)) ? textOf(*module) : std::string();
}

std::string tp::fuzz::shrink(std::string text, const Result &failure, MLIRContext &context) {
  for (bool changed = true; changed;) {
    changed = false;
    for (int64_t number = 0;;) {
      std::optional<std::string> candidate = edited(text, number, context);
      if (!candidate)
        break;
      if (!candidate->empty() && *candidate != text &&
          runIsolated(*candidate, context).signature() == failure.signature()) {
        text = *candidate;
        changed = true;
      } else {
        ++number;
      }
    }
  }
  return text;
}
