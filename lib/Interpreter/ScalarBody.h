// The body of a structured op, a block on scalars, run on many points at once.
#ifndef TP_LIB_INTERPRETER_SCALARBODY_H
#define TP_LIB_INTERPRETER_SCALARBODY_H

#include "tp/Interpreter/Kernels.h"

#include "llvm/ADT/DenseMap.h"
#include <deque>
#include <functional>

namespace tp {

// A register holds one element for each of up to `lanes` points. Before each run the caller fills those of the block's
// arguments and of the indices.
class ScalarBody {
public:
  // Compiles `block`; `indices` is how many dimensions linalg.index may ask for. What the block uses from outside is
  // taken from `call`. Emits an error at an op that has no kernel for scalars.
  mlir::LogicalResult compile(mlir::Block &block, RankCall &call, int64_t lanes, unsigned indices);

  // The register of block argument i; for arguments that no op uses too.
  OutLanes argument(unsigned i) { return arguments[i]; }
  int64_t *index(unsigned dim) { return indexLanes[dim].ints; }
  // Computes the first `n` points.
  void run(int64_t n) {
    for (const std::function<void(int64_t)> &step : steps)
      step(n);
  }
  // What the terminator's operand i is, after a run.
  Lanes yielded(unsigned i) const { return results[i]; }

private:
  OutLanes makeRegister(ElementKind kind);
  void define(mlir::Value value, OutLanes lanes) { registers[value] = {lanes.kind, lanes.floats, lanes.ints}; }
  mlir::LogicalResult compileOp(mlir::Operation &op, RankCall &call);
  mlir::LogicalResult compileConstant(mlir::Operation &op, RankKernel kernel);
  void compileElementwise(mlir::Operation &op, ElementwiseKernel kernel);
  void compileExtract(mlir::Operation &op, const Tensor &from);
  void capture(mlir::Value value, const Tensor &scalar);

  int64_t lanes = 0;
  std::deque<std::vector<float>> floats;
  std::deque<std::vector<int64_t>> ints;
  std::vector<OutLanes> arguments, indexLanes;
  llvm::DenseMap<mlir::Value, Lanes> registers;
  std::vector<std::function<void(int64_t)>> steps;
  std::vector<Lanes> results;
};

} // namespace tp

#endif
