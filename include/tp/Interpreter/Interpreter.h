// Runs a tp module on the host: a global program on one rank, or a partitioned program on N simulated ranks that meet
// at collectives.
#ifndef TP_INTERPRETER_INTERPRETER_H
#define TP_INTERPRETER_INTERPRETER_H

#include "tp/Dialect/Tp.h"
#include "tp/Interpreter/Kernels.h"
#include "tp/Interpreter/Tensor.h"

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include <functional>

namespace tp {

// Collectives that ran. Bytes are what a device sends, the mean of all devices, counted where values move: in rings for
// all_reduce (reduce_scatter, then all_gather), all_gather and reduce_scatter, straight for all_to_all and permute.
// Padding does not count.
struct CollectiveStatistics {
  std::string kind; // "all_reduce", ...
  int64_t count = 0;
  double bytes = 0;
};

// Prints a line per kind and, if there is any, one with the sum of their bytes.
void printCollectives(llvm::raw_ostream &os, llvm::ArrayRef<CollectiveStatistics> collectives);

// A call, or a pass of a loop, on the way to an op.
struct CallStep {
  mlir::Operation *op;
  int64_t number; // the op's tp.value; without one, it counts from -1 down among the ops of its kind in a body's run
  int64_t pass;   // of a loop
};

class Interpreter {
public:
  // A module with tp.partitioned runs on the mesh that this attribute names, or else on its first tp.mesh. All ranks
  // run in lockstep, op by op. The module must outlive the interpreter.
  explicit Interpreter(mlir::ModuleOp module, const KernelRegistry &registry = KernelRegistry::builtin());

  // 1 for a global program, else the devices of the mesh.
  int64_t ranks() const { return numRanks; }
  // The mesh of a partitioned program; null for a global one.
  MeshAttr mesh() const { return deviceMesh; }

  // Runs a function; one RankValue per argument, one per result. Emits a diagnostic at the op that failed.
  mlir::FailureOr<llvm::SmallVector<RankValue>> run(mlir::FunctionOpInterface function,
                                                    llvm::ArrayRef<RankValue> arguments);
  mlir::FailureOr<llvm::SmallVector<RankValue>> run(llvm::StringRef function, llvm::ArrayRef<RankValue> arguments);

  // The calls and passes of loops on the way to the present op, outermost first.
  llvm::ArrayRef<CallStep> callStack() const { return calls; }
  // Called after each op with its results; a failure ends the run.
  using Observer = std::function<mlir::LogicalResult(mlir::Operation *op, llvm::ArrayRef<RankValue> results)>;
  void setObserver(Observer observe) { observer = std::move(observe); }

  // Values keep f32's precision instead of being rounded to bf16 or f16: programs that differ in the order of sums
  // alone stay close.
  void setUnrounded(bool on) { unrounded = on; }

  llvm::ArrayRef<CollectiveStatistics> collectives() const { return statistics; }
  void countCollective(llvm::StringRef kind, double bytes);
  void clearCollectives() { statistics.clear(); }

private:
  struct Frame;
  struct Inputs;
  mlir::FailureOr<llvm::SmallVector<RankValue>> runBody(mlir::FunctionOpInterface function,
                                                        llvm::ArrayRef<RankValue> arguments);
  mlir::FailureOr<llvm::SmallVector<RankValue>> runBlock(Frame &frame);
  mlir::LogicalResult runOp(mlir::Operation *op, Frame &frame);
  mlir::LogicalResult runCall(mlir::Operation *op, llvm::ArrayRef<RankValue> operands, Frame &frame,
                              llvm::SmallVectorImpl<RankValue> &results);
  mlir::LogicalResult runLoop(mlir::scf::ForOp loop, Inputs &inputs, Frame &frame,
                              llvm::SmallVectorImpl<RankValue> &results);
  mlir::LogicalResult runOnEachRank(mlir::Operation *op, RankKernel kernel, Inputs &inputs,
                                    llvm::SmallVectorImpl<RankValue> &results);

  mlir::ModuleOp module;
  mlir::SymbolTableCollection symbols;
  const KernelRegistry &registry;
  int64_t numRanks = 1;
  MeshAttr deviceMesh;
  llvm::SmallVector<CallStep> calls;
  Observer observer;
  bool unrounded = false;
  std::vector<CollectiveStatistics> statistics;
};

} // namespace tp

#endif
