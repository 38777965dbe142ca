#ifndef TP_LIB_CONVERSION_INPLACE_H
#define TP_LIB_CONVERSION_INPLACE_H

#include "Layouts.h"

namespace tp::cpu {

// Arguments of a kernel whose memory a result may take if nothing else needs them afterwards.
llvm::SmallVector<unsigned> inPlaceOperands(mlir::func::FuncOp kernel, unsigned result);

} // namespace tp::cpu

#endif
