// The compiler's table of contents.
#include "tp/Pipelines/Pipelines.h"

#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;
using namespace tp;

void tp::addPhase(StringRef phase, OpPassManager &manager, const PhaseOptions &options) {
  if (phase == "plan") {
    // On layers, where the role of a weight is still visible.
    if (!options.strategy.empty())
      manager.addPass(createApplyStrategy({options.strategy}));
  } else if (phase == "decompose") {
    manager.addPass(createDecomposeLayers());
    // Equal roundings of one value become one, before shardings tell them apart.
    manager.addPass(createCSEPass());
  } else if (phase == "propagate") {
    manager.addPass(createPropagateShardings({options.reverseWorklist}));
  } else if (phase == "partition") {
    manager.addPass(createPartition({options.explain}));
  } else if (phase == "collectives") {
    manager.addPass(createOptimizeCollectives());
    if (!options.overlap.empty())
      manager.addPass(createOverlapCollectives({options.overlap, options.explain}));
  }
  if (phase == "decompose" || phase == "propagate" || phase == "partition")
    manager.addPass(createVerifyPhase({phase.str()}));
}

namespace {
struct PartitionPipelineOptions : PassPipelineOptions<PartitionPipelineOptions> {
  Option<std::string> strategy{*this, "strategy",
                               llvm::cl::desc("megatron, sequence or replicate; empty: the module's annotations alone"),
                               llvm::cl::init("")};
};
} // namespace

void tp::registerPipelines() {
  registerTPPasses();
  PassPipelineRegistration<PartitionPipelineOptions>(
      "tp-partition-pipeline",
      "from layers and annotations to the partitioned program: plan, decompose, propagate, partition, collectives",
      [](OpPassManager &manager, const PartitionPipelineOptions &options) {
        for (StringRef phase : kPhases)
          addPhase(phase, manager, {options.strategy, false});
      });
}
