// Raising: a lookup of rows, as other front ends write it in linalg, becomes tp.embedding.
//
// A linalg.generic over ids whose body extracts table[id, d] reads a value that is no operand: indexing maps say
// nothing of it, and the table would be whole on every device. tp.embedding says that ids are indices into the table's
// rows.
#include "Propagate.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"

using namespace mlir;
using namespace tp;

// %e = tensor.extract %table[index_cast of the id, linalg.index of the last dimension]; yield %e. The table, or null.
static Value tableOf(linalg::GenericOp op) {
  Block &body = *op.getBody();
  auto extract = op.getBody()->getTerminator()->getOperand(0).getDefiningOp<tensor::ExtractOp>();
  if (!extract || extract.getIndices().size() != 2 || extract->getBlock() != &body)
    return {};
  auto row = extract.getIndices()[0].getDefiningOp<arith::IndexCastOp>();
  auto column = extract.getIndices()[1].getDefiningOp<linalg::IndexOp>();
  bool looksUp = row && row.getIn() == body.getArgument(0) && column && column.getDim() == op.getNumLoops() - 1;
  // The body does nothing else.
  if (!looksUp || body.getOperations().size() != 4)
    return {};
  return extract.getTensor().getParentBlock() == &body ? Value() : extract.getTensor();
}

// Ids [...] and a result [..., D], both in the order of the loops.
static bool isOverIds(linalg::GenericOp op) {
  if (op.getNumDpsInputs() != 1 || op.getNumDpsInits() != 1 || op.getNumLoops() != op.getNumParallelLoops())
    return false;
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  unsigned loops = op.getNumLoops();
  return loops > 0 && maps[1].isIdentity() &&
         maps[0] == AffineMap::getMultiDimIdentityMap(loops, op.getContext()).getMajorSubMap(loops - 1);
}

static void raise(linalg::GenericOp op) {
  if (!isOverIds(op))
    return;
  Value table = tableOf(op), ids = op.getDpsInputs()[0];
  auto type = dyn_cast<RankedTensorType>(op.getResult(0).getType());
  auto idsType = dyn_cast<RankedTensorType>(ids.getType());
  if (!table || !type || !idsType ||
      !(idsType.getElementType().isInteger(32) || idsType.getElementType().isInteger(64)))
    return;
  auto tableType = cast<RankedTensorType>(table.getType());
  bool isFloat = tableType.getElementType().isF32() || tableType.getElementType().isBF16();
  if (!isFloat || tableType.getDimSize(1) != type.getShape().back())
    return;
  OpBuilder builder(op);
  auto lookup = EmbeddingOp::create(builder, op.getLoc(), type, ids, table);
  if (Attribute stated = op->getAttr(kShardings))
    lookup->setAttr(kShardings, stated);
  op.getResult(0).replaceAllUsesWith(lookup);
  op.erase();
}

void tp::raiseLookups(ModuleOp module) {
  module.walk([](linalg::GenericOp op) { raise(op); });
}
