#include "Frame.h"

#include "tp/Dialect/Tp.h"

#include "mlir/IR/BuiltinOps.h"
#include <algorithm>

using namespace mlir;
using namespace tp;
using namespace tp::cpu;

int64_t tp::cpu::byteSize(Type type) {
  auto tensor = cast<RankedTensorType>(type);
  return tensor.getNumElements() * tensor.getElementTypeBitWidth() / 8;
}

static func::FuncOp calleeOf(func::CallOp call) { return call->getParentOfType<ModuleOp>().lookupSymbol<func::FuncOp>(call.getCallee()); }

int64_t tp::cpu::aliasedArgument(func::FuncOp function, unsigned result) {
  Value value = function.front().getTerminator()->getOperand(result);
  while (!isa<BlockArgument>(value)) {
    Operation *op = value.getDefiningOp();
    if (auto update = dyn_cast<KvUpdateOp>(op)) {
      value = update.getCache();
    } else if (auto call = dyn_cast<func::CallOp>(op)) {
      int64_t argument = aliasedArgument(calleeOf(call), cast<OpResult>(value).getResultNumber());
      if (argument < 0)
        return -1;
      value = call.getOperand(argument);
    } else {
      return -1;
    }
  }
  return cast<BlockArgument>(value).getArgNumber();
}

FramePlan tp::cpu::planFrame(func::FuncOp function, const std::map<std::string, int64_t> &calleeBytes, const DenseSet<Value> &external) {
  FramePlan plan;
  struct Interval {
    int64_t begin, end, bytes;
    Value value;
    Operation *call;
    int64_t offset = -1;
  };
  std::vector<Interval> intervals;
  llvm::DenseMap<Value, unsigned> indexOf;
  int64_t now = 0;
  for (Operation &op : function.front()) {
    for (Value operand : op.getOperands())
      if (auto it = indexOf.find(plan.root(operand)); it != indexOf.end())
        intervals[it->second].end = now;
    auto call = dyn_cast<func::CallOp>(op);
    if (call)
      intervals.push_back({now, now, calleeBytes.at(call.getCallee().str()), Value(), &op});
    for (OpResult result : op.getResults()) {
      if (isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp>(op) || isa<KvUpdateOp>(op)) {
        plan.rootOf[result] = op.getOperand(0);
        continue;
      }
      if (call)
        if (int64_t argument = aliasedArgument(calleeOf(call), result.getResultNumber()); argument >= 0) {
          plan.rootOf[result] = call.getOperand(argument);
          continue;
        }
      if (external.contains(result))
        continue;
      indexOf[result] = intervals.size();
      intervals.push_back({now, now, byteSize(result.getType()), result, nullptr});
    }
    ++now;
  }
  // First fit, in the order of their beginnings.
  for (unsigned i = 0; i < intervals.size(); ++i) {
    Interval &it = intervals[i];
    std::vector<std::pair<int64_t, int64_t>> taken;
    for (unsigned j = 0; j < i; ++j)
      if (intervals[j].end >= it.begin && intervals[j].begin <= it.end)
        taken.push_back({intervals[j].offset, intervals[j].offset + alignUp(intervals[j].bytes)});
    std::sort(taken.begin(), taken.end());
    int64_t offset = 0;
    for (auto [begin, end] : taken) {
      if (offset + alignUp(it.bytes) <= begin)
        break;
      offset = std::max(offset, end);
    }
    it.offset = offset;
    plan.bytes = std::max(plan.bytes, offset + alignUp(it.bytes));
    if (it.value)
      plan.offsets[it.value] = offset;
    else
      plan.callees[it.call] = offset;
  }
  return plan;
}
