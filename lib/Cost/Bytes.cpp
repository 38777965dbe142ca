#include "tp/Cost/Bytes.h"
#include "tp/Sharding/Reshard.h"

#include "llvm/ADT/TypeSwitch.h"
#include <cmath>

using namespace mlir;
using namespace tp;

static double bytesOf(Value value) {
  auto type = cast<RankedTensorType>(value.getType());
  return 1.0 * type.getNumElements() * elementBits(type) / 8;
}

std::optional<CollectiveCost> tp::costOf(Operation *op) {
  CollectiveCost cost;
  auto set = [&](auto axes, double (*bytes)(int64_t, double), ValueRange values) {
    cost.axes.assign(axes.begin(), axes.end());
    cost.groupSize = lookupMesh(op, op->getAttrOfType<FlatSymbolRefAttr>("mesh")).sizeOf(cost.axes);
    for (Value value : values)
      cost.bytes.push_back(std::llround(bytes(cost.groupSize, bytesOf(value))));
    return true;
  };
  auto permuteBytes = [](int64_t, double bytes) { return bytes; };
  bool known =
      llvm::TypeSwitch<Operation *, bool>(op)
          .Case([&](AllReduceOp r) { return set(r.getAxes().getAsRange<StringAttr>(), allReduceBytes, r.getInputs()); })
          .Case([&](AllGatherOp g) { return set(g.getSplit().getAxes(), allGatherBytes, g.getResults()); })
          .Case([&](ReduceScatterOp r) { return set(r.getSplit().getAxes(), allGatherBytes, r.getInputs()); })
          .Case([&](AllToAllOp a) { return set(a.getFrom().getAxes(), allToAllBytes, a.getInput()); })
          .Case([&](PermuteOp p) { return set(p.getAxes().getAsRange<StringAttr>(), permuteBytes, p.getInput()); })
          .Default(false);
  return known ? std::optional(cost) : std::nullopt;
}
