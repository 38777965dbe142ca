// --tp-verify-partition: partitions a copy of the module and compares it with the whole program.
#include "tp/Interpreter/Passes.h"
#include "tp/Interpreter/VerifyPartition.h"

#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "llvm/Support/Format.h"

using namespace mlir;
using namespace tp;

namespace {
struct VerifyPartitionPass : PassWrapper<VerifyPartitionPass, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(VerifyPartitionPass)
  VerifyPartitionPass() = default;
  VerifyPartitionPass(const VerifyPartitionPass &other) : PassWrapper(other) {}
  StringRef getArgument() const override { return "tp-verify-partition"; }
  StringRef getDescription() const override {
    return "partition a copy of the module and compare it with the whole program on random inputs; the module stays as "
           "it is";
  }
  void getDependentDialects(DialectRegistry &registry) const override { registry.insert<TpDialect>(); }
  LogicalResult initialize(MLIRContext *context) override;
  void runOnOperation() override;

  Option<std::string> pipeline{*this, "pipeline", llvm::cl::desc("passes that partition the copy"),
                               llvm::cl::init("tp-partition")};
  Option<std::string> localFile{
      *this, "local", llvm::cl::desc("file with the partitioned program, instead of a pipeline"), llvm::cl::init("")};
  Option<uint64_t> seed{*this, "seed", llvm::cl::desc("seed of the random inputs"), llvm::cl::init(1)};
  Option<double> tolerance{*this, "tolerance", llvm::cl::desc("allowed error, relative"), llvm::cl::init(1e-4)};
  Option<bool> integers{*this, "integers", llvm::cl::desc("inputs are small integers, and results must agree exactly"),
                        llvm::cl::init(false)};
  Option<int64_t> maxCalls{*this, "max-calls", llvm::cl::desc("calls of each function whose inner values are compared"),
                           llvm::cl::init(2)};
  Option<bool> print{*this, "print", llvm::cl::desc("print what was compared"), llvm::cl::init(false)};

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

std::unique_ptr<Pass> tp::createVerifyPartitionPass() { return std::make_unique<VerifyPartitionPass>(); }
