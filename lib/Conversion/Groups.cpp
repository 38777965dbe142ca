#include "Groups.h"

#include <map>
#include <set>

using namespace mlir;

namespace tp::cpu {

Groups::Groups(Block &block) {
  for (auto [i, op] : llvm::enumerate(block)) {
    order[&op] = int(i);
    if (isSplat(&op) || op.hasTrait<OpTrait::IsTerminator>())
      continue;
    groupOf[&op] = int(groups.size());
    groups.push_back({&op});
  }
}

// The operands whose memory `op` changes.
static SmallVector<OpOperand *> updatedOperands(Operation *op) {
  SmallVector<OpOperand *> updated;
  if (auto update = dyn_cast<KvUpdateOp>(op))
    updated.push_back(&update.getCacheMutable());
  if (auto call = dyn_cast<func::CallOp>(op))
    for (unsigned i = 0; i < call.getNumResults(); ++i)
      if (auto alias = aliasOf(calleeOf(call), i))
        updated.push_back(&call->getOpOperand(*alias));
  return updated;
}

LogicalResult Groups::orderStates(StringRef target) {
  for (const Group &group : groups)
    for (OpOperand *updated : updatedOperands(group.front()))
      for (OpOperand &use : updated->get().getUses()) {
        Operation *user = use.getOwner(), *op = updated->getOwner();
        if (user == op && &use == updated)
          continue;
        if (user == op || order.lookup(user) > order.lookup(op)) {
          InFlightDiagnostic diagnostic =
              user->emitError() << "no " << target << " lowering for a state that is used after it was updated";
          diagnostic.attachNote(op->getLoc()) << "updated in place here";
          return diagnostic;
        }
        extraEdges.push_back({user, op});
      }
  return success();
}

bool Groups::merge(Operation *a, Operation *b) {
  int x = groupOf.lookup(a), y = groupOf.lookup(b);
  if (x == y)
    return true;
  if (x > y)
    std::swap(x, y);
  Group before = groups[x], other = groups[y];
  groups[x].append(other);
  llvm::sort(groups[x], [&](Operation *p, Operation *q) { return order.lookup(p) < order.lookup(q); });
  groups[y].clear();
  for (Operation *op : other)
    groupOf[op] = x;
  if (!schedule().empty())
    return true;
  groups[x] = before;
  groups[y] = other;
  for (Operation *op : other)
    groupOf[op] = y;
  return false;
}

std::vector<Group> Groups::schedule() const {
  std::vector<std::set<int>> after(groups.size());
  std::vector<int> missing(groups.size(), 0);
  auto addEdge = [&](Operation *from, Operation *to) {
    if (!has(from) || !has(to) || same(from, to))
      return;
    int x = groupOf.lookup(from), y = groupOf.lookup(to);
    if (after[x].insert(y).second)
      ++missing[y];
  };
  for (const Group &group : groups)
    for (Operation *op : group)
      for (Value operand : op->getOperands())
        addEdge(operand.getDefiningOp(), op);
  for (auto [from, to] : extraEdges)
    addEdge(from, to);
  // Among those that can run, the one that stood first.
  std::map<int, int> ready;
  size_t count = 0;
  for (auto [i, group] : llvm::enumerate(groups)) {
    count += !group.empty();
    if (!group.empty() && !missing[i])
      ready[order.lookup(group.front())] = int(i);
  }
  std::vector<Group> result;
  while (!ready.empty()) {
    int next = ready.begin()->second;
    ready.erase(ready.begin());
    result.push_back(groups[next]);
    for (int successor : after[next])
      if (!--missing[successor])
        ready[order.lookup(groups[successor].front())] = successor;
  }
  return result.size() == count ? result : std::vector<Group>();
}

} // namespace tp::cpu
