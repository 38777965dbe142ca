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
  // A kernel may take an operand (move it) to write in place.
  llvm::MutableArrayRef<Tensor> operands;
  llvm::MutableArrayRef<Tensor> results;

  // The tensor of one of the op's operands; null for a null value, an absent optional operand.
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

class KernelRegistry {
public:
  void add(llvm::StringRef op, RankKernel kernel) { rankKernels[op] = kernel; }
  void add(llvm::StringRef op, GroupKernel kernel) { groupKernels[op] = kernel; }
  RankKernel rankKernel(llvm::StringRef op) const { return rankKernels.lookup(op); }
  GroupKernel groupKernel(llvm::StringRef op) const { return groupKernels.lookup(op); }

  // Kernels of the tp dialect and of the upstream ops that go with it.
  static const KernelRegistry &builtin();

private:
  llvm::StringMap<RankKernel> rankKernels;
  llvm::StringMap<GroupKernel> groupKernels;
};

// The parts of the built-in registry, one file each.
void addTensorOpKernels(KernelRegistry &registry);
void addLayerKernels(KernelRegistry &registry);
void addExpertKernels(KernelRegistry &registry);
void addCollectiveKernels(KernelRegistry &registry);
void addArithKernels(KernelRegistry &registry);
void addShapeKernels(KernelRegistry &registry);

// A zero tensor of a type (a tensor with a static shape, or a scalar); null if the interpreter has no values of the
// type.
Tensor zerosOf(mlir::Type type);

} // namespace tp

#endif
