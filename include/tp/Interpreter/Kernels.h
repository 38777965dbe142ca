// What the interpreter does for each op: a registry from op names to kernels.
#ifndef TP_INTERPRETER_KERNELS_H
#define TP_INTERPRETER_KERNELS_H

#include "tp/Interpreter/Tensor.h"

#include "mlir/IR/Operation.h"
#include "llvm/ADT/StringMap.h"
#include <vector>

namespace tp {

class Interpreter;

// A value of a program: one tensor per rank.
using RankValue = std::vector<Tensor>;

// An op on one rank. Its operands' and results' types are known to be tensors with static shapes, or scalars.
struct RankCall {
  mlir::Operation *op;
  // The values that the op's regions use from outside.
  llvm::ArrayRef<mlir::Value> captured;
  // The op's operands, then what `captured` holds. A kernel may take an operand (move it) to write in place.
  llvm::MutableArrayRef<Tensor> operands;
  llvm::MutableArrayRef<Tensor> results;

  // The tensor of one of the op's operands or captured values; null for a null value, an absent optional operand.
  const Tensor &operator[](mlir::Value operand) const { return operands.empty() ? none : lookup(operand); }
  // Makes result `i`, zeros of the op's result type.
  Tensor &makeResult(unsigned i = 0);

private:
  const Tensor &lookup(mlir::Value operand) const;
  static const Tensor none;
};
using RankKernel = mlir::LogicalResult (*)(RankCall &call);

// An op on all ranks at once: a collective, or an op that depends on the rank.
struct GroupCall {
  mlir::Operation *op;
  Interpreter &interpreter;
  llvm::ArrayRef<RankValue> operands;
  llvm::SmallVectorImpl<RankValue> &results; // one per result, to be filled with a tensor per rank
};
using GroupKernel = mlir::LogicalResult (*)(GroupCall &call);

// Elements that lie side by side: floats or integers, as `kind` says.
struct Lanes {
  ElementKind kind;
  const float *floats = nullptr;
  const int64_t *ints = nullptr;
};
struct OutLanes {
  ElementKind kind;
  float *floats = nullptr;
  int64_t *ints = nullptr;
};

// `n` elements of an elementwise op's result from those of its operands. Floats are rounded by the caller. The op may
// be on tensors, or on scalars in the body of a structured op.
using ElementwiseKernel = void (*)(mlir::Operation *op, llvm::ArrayRef<Lanes> in, OutLanes out, int64_t n);

class KernelRegistry {
public:
  void add(llvm::StringRef op, RankKernel kernel) { rankKernels[op] = kernel; }
  void add(llvm::StringRef op, GroupKernel kernel) { groupKernels[op] = kernel; }
  // The op gets a rank kernel too, which applies `kernel` to whole tensors.
  void add(llvm::StringRef op, ElementwiseKernel kernel);
  RankKernel rankKernel(llvm::StringRef op) const { return rankKernels.lookup(op); }
  GroupKernel groupKernel(llvm::StringRef op) const { return groupKernels.lookup(op); }

  ElementwiseKernel elementwiseKernel(llvm::StringRef op) const { return elementwiseKernels.lookup(op); }

  // Kernels of the tp dialect and of the upstream ops that go with it.
  static const KernelRegistry &builtin();

private:
  llvm::StringMap<RankKernel> rankKernels;
  llvm::StringMap<GroupKernel> groupKernels;
  llvm::StringMap<ElementwiseKernel> elementwiseKernels;
};

// The parts of the built-in registry, one file each.
void addTensorOpKernels(KernelRegistry &registry);
void addLayerKernels(KernelRegistry &registry);
void addExpertKernels(KernelRegistry &registry);
void addRelativeKernels(KernelRegistry &registry);
void addCollectiveKernels(KernelRegistry &registry);
void addArithKernels(KernelRegistry &registry);
void addMathKernels(KernelRegistry &registry);
void addShapeKernels(KernelRegistry &registry);
void addLinalgKernels(KernelRegistry &registry);

// A zero tensor of a type (a tensor with a static shape, or a scalar); null if the interpreter has no values of the
// type.
Tensor zerosOf(mlir::Type type);

} // namespace tp

#endif
