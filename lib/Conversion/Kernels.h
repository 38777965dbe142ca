// One function for each sort of kernel: writes the body of a kernel on memory from its body on tensors.
#ifndef TP_LIB_CONVERSION_KERNELS_H
#define TP_LIB_CONVERSION_KERNELS_H

#include "KernelBuilder.h"

namespace tp::cpu {

// A kernel being written.
struct Kernel {
  mlir::func::FuncOp source;          // on tensors
  SmallVector<Value> inputs, outputs; // memory of its arguments and results
  SmallVector<mlir::Operation *> ops; // of `source`, without the return
  SmallVector<Value> results() const {
    mlir::func::FuncOp function = source;
    return SmallVector<Value>(function.front().getTerminator()->getOperands());
  }
  // Memory of an argument (null for what the kernel computes), or that a value is returned in (null if it is not).
  Value input(Value value) const {
    auto arg = mlir::dyn_cast<mlir::BlockArgument>(value);
    return arg ? inputs[arg.getArgNumber()] : Value();
  }
  Value output(Value value) const {
    for (auto [result, memory] : llvm::zip_equal(results(), outputs))
      if (result == value)
        return memory;
    return Value();
  }
  template <typename Op> SmallVector<Op> all() const {
    SmallVector<Op> found;
    for (mlir::Operation *op : ops)
      if (auto typed = mlir::dyn_cast<Op>(op))
        found.push_back(typed);
    return found;
  }
};

inline ArrayRef<int64_t> shapeOf(Value tensor) {
  return mlir::cast<mlir::RankedTensorType>(tensor.getType()).getShape();
}
inline mlir::Type elementOf(Value tensor) {
  return mlir::cast<mlir::RankedTensorType>(tensor.getType()).getElementType();
}
inline int64_t elementsOf(Value tensor) {
  return mlir::cast<mlir::RankedTensorType>(tensor.getType()).getNumElements();
}

// Vectors that hold the present elements of tensors.
using Vectors = llvm::DenseMap<Value, Value>;
// Evaluates an elementwise op or a splat constant on the vectors of its operands, into `vectors`.
void evaluate(KernelBuilder &b, mlir::Operation *op, Vectors &vectors, int64_t lanes = kLanes);

// The hyperbolic tangent of a vector.
Value tanh(KernelBuilder &b, Value z, int64_t lanes = kLanes);
// An activation of f32 values.
Value activate(KernelBuilder &b, ActivationKind kind, Value x, int64_t lanes);

// Elementwise ops, constants, copies.
void emitElementwise(KernelBuilder &b, Kernel &kernel);
// A copy into another layout.
void emitPack(KernelBuilder &b, Kernel &kernel, llvm::StringRef layout);
void emitNorm(KernelBuilder &b, Kernel &kernel);
void emitLinear(KernelBuilder &b, Kernel &kernel);
void emitRope(KernelBuilder &b, Kernel &kernel);
void emitKvUpdate(KernelBuilder &b, Kernel &kernel);
void emitSdpa(KernelBuilder &b, Kernel &kernel);
void emitEmbedding(KernelBuilder &b, Kernel &kernel);
void emitTakeRow(KernelBuilder &b, Kernel &kernel);
void emitRelativeBias(KernelBuilder &b, Kernel &kernel);
void emitRelativeScores(KernelBuilder &b, Kernel &kernel);
void emitSinusoid(KernelBuilder &b, Kernel &kernel);
void emitRoute(KernelBuilder &b, Kernel &kernel);
void emitExpertUp(KernelBuilder &b, Kernel &kernel);
void emitExpertDown(KernelBuilder &b, Kernel &kernel);
// all_slice, as_partial, shift_index, mask_padding, extract_slice, concat.
void emitLocal(KernelBuilder &b, Kernel &kernel);

} // namespace tp::cpu

#endif
