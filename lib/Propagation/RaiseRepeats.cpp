// Raising: keys and values that are repeated for their queries, as front ends write it, become one op on one dimension.
//
// A broadcast [K] -> [K, G] and a reshape [K, G] -> [K * G] say that head h reads key head h / G, but on the way the
// heads are two dimensions: 9 heads of 3 groups could only be split between groups, and 2 groups on 2 of 4 devices. A
// linalg.generic whose indexing map has `h floordiv G` has the factor h in one dimension, repeated in the other.
#include "Propagate.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

using namespace mlir;
using namespace tp;

// The dimension of the op's result that its operand has not; -1 where the op is no repetition along one dimension.
static int64_t repeatedDim(Operation *op) {
  auto repeats = dyn_cast_or_null<linalg::LinalgOp>(op);
  if (!repeats || repeats.getNumDpsInputs() != 1 || repeats.getNumReductionLoops() > 0 || op->hasAttr(kShardings))
    return -1;
  Block &body = *repeats.getBlock();
  if (body.getOperations().size() != 1 || body.getTerminator()->getOperand(0) != body.getArgument(0))
    return -1;
  SmallVector<AffineMap> maps = repeats.getIndexingMapsArray();
  unsigned loops = repeats.getNumLoops();
  if (!maps.back().isIdentity() || maps.front().getNumResults() + 1 != loops)
    return -1;
  for (unsigned dim = 0; dim < loops; ++dim)
    if (maps.front() == maps.back().dropResult(dim))
      return dim;
  return -1;
}

static void raise(tensor::CollapseShapeOp collapse) {
  Operation *repeats = collapse.getSrc().getDefiningOp();
  int64_t dim = repeatedDim(repeats);
  if (dim < 1 || collapse->hasAttr(kShardings))
    return;
  auto together = [&](const ReassociationIndices &group) {
    return llvm::is_contained(group, dim) && llvm::is_contained(group, dim - 1);
  };
  SmallVector<ReassociationIndices> groups = collapse.getReassociationIndices();
  int64_t repeat = collapse.getSrcType().getDimSize(dim);
  if (llvm::none_of(groups, together) || repeat < 2)
    return;
  OpBuilder b(collapse);
  Location loc = repeats->getLoc();
  Value x = repeats->getOperand(0);
  SmallVector<int64_t> shape(cast<RankedTensorType>(x.getType()).getShape());
  shape[dim - 1] *= repeat;
  SmallVector<AffineExpr> read;
  for (int64_t i = 0, e = shape.size(); i < e; ++i)
    read.push_back(i == dim - 1 ? b.getAffineDimExpr(i).floorDiv(repeat) : b.getAffineDimExpr(i));
  AffineMap identity = b.getMultiDimIdentityMap(shape.size());
  Value empty = tensor::EmptyOp::create(b, loc, shape, collapse.getType().getElementType());
  auto raised = linalg::GenericOp::create(
      b, loc, empty.getType(), x, empty,
      ArrayRef<AffineMap>{AffineMap::get(shape.size(), 0, read, b.getContext()), identity},
      SmallVector<utils::IteratorType>(shape.size(), utils::IteratorType::parallel),
      [](OpBuilder &inner, Location at, ValueRange in) { linalg::YieldOp::create(inner, at, in[0]); });
  Value result = raised.getResult(0);
  if (collapse.getType() != result.getType()) {
    for (ReassociationIndices &group : groups) {
      llvm::erase_if(group, [&](int64_t i) { return i == dim; });
      for (int64_t &i : group)
        i -= i > dim;
    }
    result = tensor::CollapseShapeOp::create(b, collapse.getLoc(), collapse.getType(), result, groups);
  }
  collapse.getResult().replaceAllUsesWith(result);
  collapse.erase();
  for (Operation *unused : {repeats, repeats->getOperand(1).getDefiningOp()})
    if (unused && isOpTriviallyDead(unused))
      unused->erase();
}

void tp::raiseRepeats(ModuleOp module) {
  SmallVector<tensor::CollapseShapeOp> all;
  module.walk([&](tensor::CollapseShapeOp op) { all.push_back(op); });
  for (tensor::CollapseShapeOp op : all)
    raise(op);
}
