// --tp-verify-partition: partitions a copy of the module and compares it with the whole program.
#include "tp/Dialect/Tp.h"
#include "tp/Interpreter/Passes.h"
#include "tp/Interpreter/VerifyPartition.h"

#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "llvm/Support/Format.h"

namespace tp {
#define GEN_PASS_DEF_VERIFYPARTITION
#include "tp/Interpreter/Passes.h.inc"
} // namespace tp

using namespace mlir;
using namespace tp;

namespace {
struct VerifyPartitionPass : tp::impl::VerifyPartitionBase<VerifyPartitionPass> {
  using VerifyPartitionBase::VerifyPartitionBase;
  LogicalResult initialize(MLIRContext *context) override;
  void runOnOperation() override;

private:
  OwningOpRef<ModuleOp> makeLocal();
  std::shared_ptr<OpPassManager> partition;
};
} // namespace

LogicalResult VerifyPartitionPass::initialize(MLIRContext *context) {
  partition = std::make_shared<OpPassManager>(ModuleOp::getOperationName());
  if (failed(parsePassPipeline(pipeline, *partition)))
    return emitError(UnknownLoc::get(context))
           << "expected a pass pipeline for the option 'pipeline', found '" << pipeline << "'";
  return success();
}

static void printReport(const VerifyReport &report) {
  for (const VerifyReport::Entry &entry : report.entries) {
    llvm::outs() << "@" << entry.function << ": " << entry.values << " values agree, largest error "
                 << llvm::format("%.1e", entry.worstError) << "\n";
    printCollectives(llvm::outs(), entry.collectives);
  }
}

OwningOpRef<ModuleOp> VerifyPartitionPass::makeLocal() {
  if (!localFile.empty()) {
    OwningOpRef<ModuleOp> local = parseSourceFile<ModuleOp>(localFile, &getContext());
    if (!local)
      getOperation().emitError() << "expected a partitioned program in the file '" << localFile << "'";
    return local;
  }
  OwningOpRef<ModuleOp> local = getOperation().clone();
  // The copy is no part of the module that this pass manager owns: it gets one of its own.
  PassManager manager(&getContext(), ModuleOp::getOperationName());
  static_cast<OpPassManager &>(manager) = *partition;
  if (failed(manager.run(*local)))
    return nullptr;
  return local;
}

void VerifyPartitionPass::runOnOperation() {
  markAllAnalysesPreserved();
  OwningOpRef<ModuleOp> local = makeLocal();
  VerifyReport report;
  if (!local || failed(verifyPartition(getOperation(), *local, {seed, tolerance, integers, maxCalls}, &report)))
    return signalPassFailure();
  if (print)
    printReport(report);
}
