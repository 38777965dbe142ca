// Helpers of elementwise kernels.
#ifndef TP_LIB_INTERPRETER_ELEMENTWISE_H
#define TP_LIB_INTERPRETER_ELEMENTWISE_H

#include "tp/Interpreter/Kernels.h"

namespace tp {

template <auto Function> void runFloat1(mlir::Operation *, llvm::ArrayRef<Lanes> in, OutLanes out, int64_t n) {
  for (int64_t i = 0; i < n; ++i)
    out.floats[i] = Function(in[0].floats[i]);
}
template <auto Function> void runFloat2(mlir::Operation *, llvm::ArrayRef<Lanes> in, OutLanes out, int64_t n) {
  for (int64_t i = 0; i < n; ++i)
    out.floats[i] = Function(in[0].floats[i], in[1].floats[i]);
}

// All elements of a tensor.
Lanes lanesOf(const Tensor &tensor);
OutLanes outLanesOf(Tensor &tensor);
// A tensor whose elements are all `scalar`'s.
Tensor splat(const Tensor &scalar, llvm::ArrayRef<int64_t> shape);

} // namespace tp

#endif
