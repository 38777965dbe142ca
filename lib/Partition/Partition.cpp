// The pass: one function after another, callers first, each op in local shapes.
#include "FunctionPartitioner.h"

#include "tp/Pipelines/Passes.h"
#include "tp/Sharding/CheckProgram.h"
#include "tp/Sharding/MeshLookup.h"

#include "llvm/ADT/SetVector.h"

namespace tp {
#define GEN_PASS_DEF_PARTITION
#include "tp/Pipelines/Passes.h.inc"
} // namespace tp

using namespace mlir;
using namespace tp;

namespace {
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
