// What can no longer appear behind each phase.
#include "tp/Dialect/Tp.h"
#include "tp/Pipelines/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace tp {
#define GEN_PASS_DEF_VERIFYPHASE
#include "tp/Pipelines/Passes.h.inc"
} // namespace tp

using namespace mlir;
using namespace tp;

namespace {
struct VerifyPhase : tp::impl::VerifyPhaseBase<VerifyPhase> {
  using VerifyPhaseBase::VerifyPhaseBase;

  void runOnOperation() override {
    bool known = phase == "decompose" || phase == "propagate" || phase == "partition";
    if (!known) {
      getOperation().emitError() << "unknown phase '" << phase << "': expected decompose, propagate or partition";
      return signalPassFailure();
    }
    WalkResult walk = getOperation()->walk(
        [&](Operation *op) { return succeeded(check(op)) ? WalkResult::advance() : WalkResult::interrupt(); });
    if (walk.wasInterrupted() || (phase == "partition" && failed(checkPartitioned())))
      signalPassFailure();
  }

private:
  InFlightDiagnostic error(Operation *op) { return op->emitError() << "after phase " << phase << ": "; }

  LogicalResult check(Operation *op) {
    if (isa<AttentionOp, CrossAttentionOp, TwoStreamAttentionOp, MlpOp, MoeOp, LogitsOp>(op))
      return error(op) << "expected ops, found the layer " << op->getName();
    if (phase == "propagate")
      return checkSharded(op);
    if (phase == "partition" && isa<ShardingConstraintOp>(op))
      return error(op) << "expected collectives, found " << op->getName();
    return success();
  }

  LogicalResult checkSharded(Operation *op) {
    if (auto function = dyn_cast<func::FuncOp>(op)) {
      for (unsigned i = 0; i < function.getNumArguments(); ++i)
        if (isa<RankedTensorType>(function.getArgumentTypes()[i]) && !function.getArgAttr(i, kSharding))
          return error(op) << "argument " << i << " has no sharding";
      for (unsigned i = 0; i < function.getNumResults(); ++i)
        if (isa<RankedTensorType>(function.getResultTypes()[i]) && !function.getResultAttr(i, kSharding))
          return error(op) << "result " << i << " has no sharding";
      return success();
    }
    bool tensors = llvm::any_of(op->getResultTypes(), [](Type type) { return isa<RankedTensorType>(type); });
    if (tensors && !op->hasAttr(kShardings))
      return error(op) << op->getName() << " has no shardings";
    return success();
  }

  LogicalResult checkPartitioned() {
    if (!getOperation()->hasAttr(kPartitioned))
      return error(getOperation()) << "the module is not marked tp.partitioned";
    return success();
  }
};
} // namespace
