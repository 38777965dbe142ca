// A norm of one row, used by norm kernels and by linears that compute their input's norm themselves.
#ifndef TP_LIB_CONVERSION_ROWNORM_H
#define TP_LIB_CONVERSION_ROWNORM_H

#include "Kernels.h"

namespace tp::cpu {

// Ops of a kernel: elementwise ones, then one norm, on rows [D].
struct NormChain {
  mlir::Operation *norm = nullptr;
  SmallVector<mlir::Operation *> before; // elementwise ops that the norm's input needs
};

// Computes row `row` of the chain. `target` is [rows, D] memory that gets the norm at `targetRow`; `storeBefore`: also
// stores those results of `before` that the kernel returns.
void emitNormRow(KernelBuilder &b, Kernel &kernel, const NormChain &chain, Value row, Value target, Value targetRow,
                 bool storeBefore);

NormChain normChain(Kernel &kernel);

} // namespace tp::cpu

#endif
