// Helpers of the verifiers: shapes and shardings that are as expected, with one wording.
#ifndef TP_LIB_DIALECT_VERIFY_H
#define TP_LIB_DIALECT_VERIFY_H

#include "tp/Dialect/Tp.h"

namespace tp {

// Says in a note of `error` where a mesh is declared.
void noteMesh(mlir::InFlightDiagnostic &error, mlir::Operation *from, mlir::FlatSymbolRefAttr mesh);

// A sharding on `op` against its mesh and a value's type; `where` begins the message.
mlir::LogicalResult verifySharding(mlir::Operation *op, ShardingAttr sharding, mlir::Type type,
                                   const llvm::Twine &where = "");

inline llvm::ArrayRef<int64_t> shapeOf(mlir::Value value) {
  return llvm::cast<mlir::RankedTensorType>(value.getType()).getShape();
}

inline mlir::LogicalResult expectRank(mlir::Operation *op, mlir::Value value, int64_t rank, llvm::StringRef what) {
  if ((int64_t)shapeOf(value).size() == rank)
    return mlir::success();
  return op->emitOpError() << what << ": expected " << rank << " dimensions, found " << value.getType();
}

// An absent (null) value is as expected.
inline mlir::LogicalResult expectShape(mlir::Operation *op, mlir::Value value, llvm::ArrayRef<int64_t> shape,
                                       llvm::StringRef what) {
  if (!value || shapeOf(value) == shape)
    return mlir::success();
  mlir::InFlightDiagnostic error = op->emitOpError() << what << ": expected shape [";
  llvm::interleaveComma(shape, error);
  return error << "], found " << value.getType();
}

// (C1) and (C2) of tp.linear.
inline mlir::LogicalResult verifyLinear(mlir::Operation *op, mlir::Value input, mlir::Value weight,
                                        mlir::Value result) {
  if (shapeOf(input).empty() || failed(expectRank(op, weight, 2, "(C1) weight")))
    return op->emitOpError() << "(C1) expected an input [..., K] and a weight [N, K]";
  if (shapeOf(input).back() != shapeOf(weight)[1])
    return op->emitOpError() << "(C1) expected the input's last dimension to be the weight's second, found "
                             << input.getType() << " and " << weight.getType();
  llvm::SmallVector<int64_t> shape(shapeOf(input));
  shape.back() = shapeOf(weight)[0];
  return expectShape(op, result, shape, "(C2) result");
}

} // namespace tp

#endif
