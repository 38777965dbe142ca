// Which ops one kernel does together. Each rule saves a meeting of the threads and a pass over memory:
//
//   elementwise    chains of elementwise ops
//   epilogue       elementwise ops on the results of linears, which are still in registers
//   activation     relu or gelu_tanh of a linear that a GEMM library computes
//   same input     linears that read the same value (queries, keys and values)
//   norm           add + norm; norm + linears for few rows, each thread making the norm for itself
//   cache          rope + kv_update, and the updates of keys and values
//   attention      rope of the queries + sdpa
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

template <typename Op> static SmallVector<Op> opsOf(const Group &group) {
  SmallVector<Op> found;
  for (Operation *op : group)
    if (auto typed = dyn_cast<Op>(op))
      found.push_back(typed);
  return found;
}

static bool isNorm(Operation *op) { return isa<RmsNormOp, LayerNormOp>(op); }
static bool hasNorm(const Group &group) { return llvm::any_of(group, isNorm); }

// Whether every elementwise op of `group` uses one of `roots`, or is used on the way from one.
static bool hangsOn(const Group &group, ArrayRef<Operation *> roots) {
  llvm::DenseSet<Operation *> reached(roots.begin(), roots.end()), needed;
  auto usesReached = [&](Operation *op) {
    return llvm::any_of(op->getOperands(),
                        [&](Value v) { return v.getDefiningOp() && reached.contains(v.getDefiningOp()); });
  };
  for (Operation *op : group)
    if (usesReached(op))
      reached.insert(op);
  for (Operation *op : llvm::reverse(group))
    if (reached.contains(op) || needed.contains(op))
      for (Value operand : op->getOperands())
        if (operand.getDefiningOp())
          needed.insert(operand.getDefiningOp());
  return llvm::all_of(group, [&](Operation *op) { return reached.contains(op) || needed.contains(op); });
}

// The elementwise ops that use a linear's result, with it and the linears that are there already.
static void fuseEpilogue(Groups &groups, LinearOp linear) {
  for (Operation *user : linear.getResult().getUsers()) {
    if (!isElementwise(user) || !groups.has(user) || groups.same(linear, user))
      continue;
    const Group &group = groups.of(user);
    auto others = opsOf<LinearOp>(group);
    bool only = llvm::all_of(group, [](Operation *op) { return isElementwise(op) || isa<LinearOp>(op); });
    bool alike = llvm::all_of(others, [&](LinearOp other) {
      return other.getInput() == linear.getInput() && other.getWeight().getType() == linear.getWeight().getType();
    });
    Group elementwise;
    for (Operation *op : group)
      if (isElementwise(op))
        elementwise.push_back(op);
    SmallVector<Operation *> roots(others.begin(), others.end());
    roots.push_back(linear);
    if (only && alike && hangsOn(elementwise, roots))
      groups.merge(linear, user);
  }
}

// An activation that the library has, where nothing else reads the linear.
static void fuseActivation(Groups &groups, LinearOp linear) {
  if (!linear->hasOneUse())
    return;
  auto activation = dyn_cast<ActivationOp>(*linear->user_begin());
  if (activation && isGemmActivation(activation.getKind()) && groups.of(activation).size() == 1)
    groups.merge(linear, activation);
}

static void fuseSameInput(Groups &groups, LinearOp linear) {
  for (Operation *user : linear.getInput().getUsers()) {
    auto other = dyn_cast<LinearOp>(user);
    if (!other || other.getInput() != linear.getInput() || groups.same(linear, other))
      continue;
    Type mine = getElementTypeOrSelf(linear.getWeight()), its = getElementTypeOrSelf(other.getWeight());
    if (mine == its)
      groups.merge(linear, other);
  }
}

static void fuseNorm(Groups &groups, Operation *norm, int64_t normRows) {
  // The sum that is normalised, where it is a sum of whole values and not the end of a linear.
  Operation *before = norm->getOperand(0).getDefiningOp();
  if (before && isElementwise(before) && llvm::all_of(groups.of(before), isElementwise))
    groups.merge(before, norm);
  auto type = cast<RankedTensorType>(norm->getResult(0).getType());
  if (type.getNumElements() / type.getShape().back() > normRows)
    return;
  Operation *first = nullptr;
  for (Operation *user : norm->getUsers()) {
    auto linear = dyn_cast<LinearOp>(user);
    if (!linear || linear.getInput() != norm->getResult(0) || (first && !groups.same(first, linear)))
      return;
    first = linear;
  }
  // An elementwise op that stands before the norm must be the norm's, not the linears'.
  auto stray = [&](Operation *op) { return isElementwise(op) && op->isBeforeInBlock(norm); };
  if (first && !hasNorm(groups.of(first)) && llvm::none_of(groups.of(first), stray))
    groups.merge(norm, first);
}

static void fuseCache(Groups &groups, KvUpdateOp update, KvUpdateOp &last) {
  auto rope = update.getRows().getDefiningOp<RopeOp>();
  if (rope && rope->hasOneUse() && rope.getPosition() == update.getPosition() && groups.of(rope).size() == 1)
    groups.merge(rope, update);
  auto chained = [&](KvUpdateOp other) {
    return other.getCache() == update.getCache() || update.getCache().getDefiningOp() == other;
  };
  if (last && !llvm::any_of(opsOf<KvUpdateOp>(groups.of(last)), chained))
    groups.merge(last, update);
  last = update;
}

static int64_t rowsOf(LinearOp op) {
  RankedTensorType type = op.getInput().getType();
  return type.getNumElements() / type.getShape().back();
}

void fuseKernels(Groups &groups, Block &block, const Fusion &fusion) {
  SmallVector<Operation *> ops;
  for (Operation &op : block)
    ops.push_back(&op);
  auto each = [&](auto tag, auto rule) {
    for (Operation *op : ops)
      if (auto typed = dyn_cast<decltype(tag)>(op))
        rule(typed);
  };
  auto eachLinear = [&](auto rule) {
    each(LinearOp(), [&](LinearOp op) {
      if (rowsOf(op) <= fusion.linearRows)
        rule(groups, op);
      else if (fusion.library)
        fuseActivation(groups, op);
    });
  };
  eachLinear(fuseEpilogue);
  eachLinear(fuseSameInput);
  for (Operation *op : ops)
    if (isNorm(op))
      fuseNorm(groups, op, fusion.normRows);
  KvUpdateOp last;
  each(KvUpdateOp(), [&](KvUpdateOp op) { fuseCache(groups, op, last); });
  each(SdpaOp(), [&](SdpaOp op) {
    auto rope = op.getQuery().getDefiningOp<RopeOp>();
    if (rope && rope->hasOneUse() && groups.of(rope).size() == 1)
      groups.merge(rope, op);
  });
}

} // namespace tp::cpu
