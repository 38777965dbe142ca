// Which ops one kernel does together.
#include "Groups.h"

using namespace mlir;

namespace tp::cpu {

void fuseElementwise(Groups &groups, Block &block) {
  for (Operation &op : block)
    if (isElementwise(&op))
      for (Value operand : op.getOperands())
        if (Operation *producer = operand.getDefiningOp(); producer && isElementwise(producer))
          groups.merge(producer, &op);
}

void fuseKernels(Groups &groups, Block &block) {}

} // namespace tp::cpu
