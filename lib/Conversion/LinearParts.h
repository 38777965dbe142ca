// A kernel of linears has parts, each one linear, or several of equal shape whose results meet in elementwise ops (gate
// and up, say), with the elementwise ops that follow.
#ifndef TP_LIB_CONVERSION_LINEARPARTS_H
#define TP_LIB_CONVERSION_LINEARPARTS_H

#include "Kernels.h"

namespace tp::cpu {

struct LinearPart {
  SmallVector<LinearOp> linears;
  SmallVector<mlir::Operation *> epilogue; // elementwise, with constants
  int64_t n = 0;                           // of each linear
};

std::vector<LinearPart> findParts(Kernel &kernel);

} // namespace tp::cpu

#endif
