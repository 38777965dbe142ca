// The rows of a chunk that functions work on.
#ifndef TP_LIB_CONVERSION_ROWS_H
#define TP_LIB_CONVERSION_ROWS_H

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace tp::cpu {

// Of each function that entries call, the rows of these entries; 0 where they differ or are not known.
llvm::DenseMap<mlir::Operation *, int64_t> rowsOfEntries(mlir::ModuleOp module);

} // namespace tp::cpu

#endif
