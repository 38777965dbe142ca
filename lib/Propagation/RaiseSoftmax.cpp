// Raising: linalg.softmax becomes a maximum, the powers, their sum and the quotients.
//
// As one op its rows must be whole, so a split vocabulary, or split keys, would be gathered. Of the two reductions a
// device sends two numbers for each row.
#include "Propagate.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"

using namespace mlir;
using namespace tp;

// Types narrower than f32 are computed in f32, as the op is.
static void raise(linalg::SoftmaxOp op) {
  OpBuilder b(op);
  Location loc = op.getLoc();
  auto type = dyn_cast<RankedTensorType>(op.getInput().getType());
  if (!type || !type.hasStaticShape() || op->getNumResults() != 1)
    return;
  bool narrow = type.getElementTypeBitWidth() < 32;
  RankedTensorType wide = narrow ? type.clone(b.getF32Type()) : type;
  Value x = narrow ? arith::ExtFOp::create(b, loc, wide, op.getInput()).getResult() : op.getInput();
  Value out = tensor::EmptyOp::create(b, loc, wide.getShape(), wide.getElementType());
  auto softmax = linalg::SoftmaxOp::create(b, loc, TypeRange(wide), x, out, op.getDimension());
  FailureOr<SmallVector<Value>> parts = softmax.decomposeOperation(b);
  if (failed(parts))
    return softmax.erase();
  Value y = parts->front();
  if (narrow)
    y = arith::TruncFOp::create(b, loc, type, y);
  if (Attribute stated = op->getAttr(kShardings))
    y.getDefiningOp()->setAttr(kShardings, stated);
  op->replaceAllUsesWith(ValueRange(y));
  softmax.erase();
  op.erase();
}

void tp::raiseSoftmaxes(ModuleOp module) {
  module.walk([](linalg::SoftmaxOp op) { raise(op); });
}
