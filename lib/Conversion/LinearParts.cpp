#include "LinearParts.h"

using namespace mlir;

namespace tp::cpu {

// With the constants and elementwise ops of other values that it needs.
static void addEpilogue(LinearPart &part, Operation *op) {
  if (llvm::is_contained(part.epilogue, op))
    return;
  for (Value operand : op->getOperands())
    if (Operation *producer = operand.getDefiningOp(); producer && (isSplat(producer) || isElementwise(producer)))
      addEpilogue(part, producer);
  part.epilogue.push_back(op);
}

std::vector<LinearPart> findParts(Kernel &kernel) {
  std::vector<LinearPart> parts;
  DenseMap<Operation *, int> partOf;
  std::vector<int> merged;
  auto root = [&](int id) {
    while (merged[id] != id)
      id = merged[id];
    return id;
  };
  for (Operation *op : kernel.ops) {
    if (isa<LinearOp>(op)) {
      partOf[op] = int(merged.size());
      merged.push_back(partOf[op]);
      continue;
    }
    for (Value operand : op->getOperands()) {
      Operation *producer = operand.getDefiningOp();
      if (!producer || !partOf.contains(producer))
        continue;
      int part = root(partOf[producer]);
      if (partOf.contains(op)) {
        int other = root(partOf[op]);
        merged[std::max(part, other)] = std::min(part, other);
      }
      partOf[op] = root(part);
    }
  }
  DenseMap<int, unsigned> place;
  for (Operation *op : kernel.ops) {
    if (!partOf.contains(op))
      continue;
    auto [it, added] = place.try_emplace(root(partOf[op]), unsigned(parts.size()));
    if (added)
      parts.emplace_back();
    LinearPart &part = parts[it->second];
    if (auto linear = dyn_cast<LinearOp>(op)) {
      part.linears.push_back(linear);
      part.n = shapeOf(linear.getResult()).back();
      continue;
    }
    addEpilogue(part, op);
  }
  return parts;
}

} // namespace tp::cpu
