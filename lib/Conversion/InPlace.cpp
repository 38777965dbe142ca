// Which operand a kernel may write a result over: one that it reads only at the place that it writes next.
#include "InPlace.h"

using namespace mlir;

namespace tp::cpu {

// The arguments that `value` comes from by elementwise ops alone.
static void collectSources(Value value, SmallVectorImpl<unsigned> &sources) {
  if (auto arg = dyn_cast<BlockArgument>(value)) {
    if (!llvm::is_contained(sources, arg.getArgNumber()))
      sources.push_back(arg.getArgNumber());
    return;
  }
  Operation *op = value.getDefiningOp();
  if (isElementwise(op))
    for (Value operand : op->getOperands())
      collectSources(operand, sources);
}

SmallVector<unsigned> inPlaceOperands(func::FuncOp kernel, unsigned result) {
  Operation *end = kernel.front().getTerminator();
  Value value = end->getOperand(result);
  Operation *producer = value.getDefiningOp();
  if (!producer || !isElementwise(producer))
    return {};
  bool pure = llvm::all_of(kernel.front().without_terminator(),
                           [](Operation &op) { return isElementwise(&op) || isSplat(&op); });
  // A norm before a linear is made by every thread from all of the operands.
  bool norm = llvm::any_of(kernel.front(), [](Operation &op) { return isa<RmsNormOp, LayerNormOp>(op); });
  if (!pure && (norm || end->getNumOperands() != 1))
    return {};
  SmallVector<unsigned> sources, found;
  collectSources(value, sources);
  for (unsigned i : sources) {
    BlockArgument arg = kernel.getArgument(i);
    auto type = cast<RankedTensorType>(arg.getType()), to = cast<RankedTensorType>(value.getType());
    if (argLayout(kernel, i) == "plain" && type.getNumElements() == to.getNumElements() &&
        type.getElementTypeBitWidth() == to.getElementTypeBitWidth() && llvm::all_of(arg.getUsers(), isElementwise))
      found.push_back(i);
  }
  return found;
}

} // namespace tp::cpu
