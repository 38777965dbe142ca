// Each user of a value that is made of nothing but constants gets a copy of its own.
//
// Front ends share one tensor.empty, one fill or one mask between ops that have nothing else to do with each other.
// Shardings must not travel from one to the other over it, and such values are made where they are needed, never moved.
#include "Propagate.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

using namespace mlir;
using namespace tp;

// Made of constants alone: no argument and no carried value is behind it.
static bool isConstant(Operation *op, const llvm::DenseSet<Operation *> &constants) {
  if (op->getNumResults() != 1 || op->hasAttr(kShardings) || isa<ShardingConstraintOp>(op) || !isPure(op))
    return false;
  if (!isa<arith::ArithDialect, math::MathDialect, tensor::TensorDialect, linalg::LinalgDialect>(op->getDialect()))
    return false;
  return llvm::all_of(op->getOperands(), [&](Value operand) {
    Operation *def = operand.getDefiningOp();
    return def && constants.contains(def);
  });
}

// In the order of the program, whatever that of the use list is. `numbers`: of what stands in the block's regions.
static SmallVector<Operation *> usersInOrder(Operation *op, const llvm::DenseMap<Operation *, unsigned> &numbers) {
  SmallVector<Operation *> users;
  for (Operation *user : op->getUsers())
    if (!llvm::is_contained(users, user))
      users.push_back(user);
  llvm::sort(users, [&](Operation *a, Operation *b) {
    Operation *before = op->getBlock()->findAncestorOpInBlock(*a), *after = op->getBlock()->findAncestorOpInBlock(*b);
    return before == after ? numbers.lookup(a) < numbers.lookup(b) : before->isBeforeInBlock(after);
  });
  return users;
}

static void separate(Block &block) {
  llvm::DenseMap<Operation *, unsigned> numbers;
  block.walk([&](Operation *op) { numbers[op] = numbers.size(); });
  llvm::DenseSet<Operation *> constants;
  std::vector<Operation *> order;
  for (Operation &op : block)
    if (isConstant(&op, constants)) {
      constants.insert(&op);
      order.push_back(&op);
    }
  // Users first, so that a copy's operands are copied in turn; a graph whose copies would be many is left shared.
  int64_t budget = 8 * order.size() + 64;
  for (Operation *op : llvm::reverse(order)) {
    if (!isa<RankedTensorType>(op->getResult(0).getType()))
      continue;
    SmallVector<Operation *> users = usersInOrder(op, numbers);
    for (unsigned i = 1; i < users.size() && budget > 0; ++i, --budget) {
      OpBuilder builder(op);
      Operation *copy = builder.clone(*op);
      users[i]->replaceUsesOfWith(op->getResult(0), copy->getResult(0));
    }
  }
}

void tp::separateConstants(ModuleOp module) {
  module.walk([](Block *block) {
    if (isa<func::FuncOp, scf::ForOp>(block->getParentOp()))
      separate(*block);
  });
}
