#include "tp/Cost/Flops.h"
#include "tp/Dialect/Tp.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SmallPtrSet.h"

using namespace mlir;
using namespace tp;

// The body multiplies two of its operands, and a loop is a reduction.
static bool sumsProducts(linalg::LinalgOp op) {
  if (op.getNumReductionLoops() == 0)
    return false;
  return llvm::any_of(*op.getBlock(), [](Operation &inner) {
    if (!isa<arith::MulFOp, arith::MulIOp>(inner))
      return false;
    auto argument = [&](unsigned i) {
      Value value = inner.getOperand(i);
      // Behind a conversion of the element type.
      if (Operation *cast = value.getDefiningOp(); cast && isa<arith::ExtFOp, arith::TruncFOp>(cast))
        value = cast->getOperand(0);
      return dyn_cast<BlockArgument>(value);
    };
    return argument(0) && argument(1) && argument(0) != argument(1);
  });
}

double tp::flopsOf(Operation *op) {
  if (auto sdpa = dyn_cast<SdpaOp>(op)) // scores, and values weighted by them
    return 4.0 * sdpa.getResult().getType().getNumElements() * sdpa.getKey().getType().getDimSize(1);
  if (auto structured = dyn_cast<linalg::LinalgOp>(op)) {
    if (!sumsProducts(structured))
      return 0;
    double points = 1;
    for (int64_t range : structured.getStaticLoopRanges())
      points *= range;
    return 2 * points;
  }
  auto ruled = dyn_cast<ShardingRuleOpInterface>(op);
  if (!ruled)
    return 0;
  ShardingRule rule = ruled.getShardingRule();
  bool product = llvm::any_of(rule.terms, [](const auto &term) { return term.size() > 1; });
  if (!product || llvm::none_of(rule.factors, [](const Factor &f) { return f.kind == FactorKind::Reduction; }))
    return 0;
  double points = 1;
  for (const Factor &factor : rule.factors)
    points *= factor.size;
  return 2 * points;
}

namespace {
using Visit = llvm::function_ref<void(Operation *, func::FuncOp, int64_t)>;

struct RunVisitor {
  ModuleOp module;
  Visit visit;
  llvm::SmallPtrSet<Operation *, 4> active = {}; // a function that calls itself is not followed

  void function(func::FuncOp function, int64_t times) {
    if (!active.insert(function).second)
      return;
    // Calls of one function are counted, not walked one by one.
    llvm::MapVector<StringRef, int64_t> calls;
    for (Block &block : function.getBody())
      ops(block, function, times, calls);
    for (auto [callee, count] : calls)
      if (auto target = module.lookupSymbol<func::FuncOp>(callee))
        this->function(target, count);
    active.erase(function);
  }

  void ops(Block &block, func::FuncOp function, int64_t times, llvm::MapVector<StringRef, int64_t> &calls) {
    for (Operation &op : block) {
      visit(&op, function, times);
      if (auto call = dyn_cast<func::CallOp>(op))
        calls[call.getCallee()] += times;
      int64_t passes = 1;
      if (auto loop = dyn_cast<scf::ForOp>(op))
        if (std::optional<APInt> trips = loop.getStaticTripCount())
          passes = trips->getSExtValue();
      // The body of a structured op is scalar: its op has been counted.
      if (!isa<linalg::LinalgOp>(op))
        for (Region &region : op.getRegions())
          for (Block &inner : region)
            ops(inner, function, times * passes, calls);
    }
  }
};
} // namespace

void tp::visitRuns(func::FuncOp entry, Visit visit) {
  RunVisitor{entry->getParentOfType<ModuleOp>(), visit}.function(entry, 1);
}

double tp::countFlops(func::FuncOp entry) {
  double flops = 0;
  visitRuns(entry, [&](Operation *op, func::FuncOp, int64_t times) { flops += times * flopsOf(op); });
  return flops;
}
