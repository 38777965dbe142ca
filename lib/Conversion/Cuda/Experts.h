// Products with the matrices of the experts that rows have chosen, expert by expert, the rows that chose it a tile at a
// time. An expert that nobody chose is passed over, so its weights are not read.
//
// A warp computes a column of the result, its lanes running through K together, as in Gemv.cpp. For many rows in bf16 a
// block computes kMmaColumns of them on tensor cores (ExpertsMma.cpp), and reads a matrix once for 64 rows, not 16.
//
// Which rows chose an expert is listed by a launch of its own, except where there is one row.
#ifndef TP_LIB_CONVERSION_CUDA_EXPERTS_H
#define TP_LIB_CONVERSION_CUDA_EXPERTS_H

#include "GpuKernels.h"

namespace tp::cuda {

class ExpertsKernel {
public:
  // `weights`: tensors [experts, n, k] each; `gates`: [..., experts].
  ExpertsKernel(Launches &launches, Value gates, ArrayRef<Value> weights, Value input);
  virtual ~ExpertsKernel() = default;
  void run();

protected:
  virtual Grid grid() const = 0;
  // All experts of this warp's column, or of this block's.
  virtual void computeColumns() = 0;
  // Row of the input that goes with row `row` of the result.
  virtual Value inputRow(Value row) = 0;
  // The element of `column` of a row; `sums`: of each of the weights. Behind the other experts' where it is a sum.
  virtual void finish(Value row, ArrayRef<Value> sums) = 0;

  void computeExpert();
  Value gate(Value row) { return b->loadScalar(gates, {row, expert}); }
  Value isChosen(Value row);
  // Each element of the columns, by one thread: its row, with `column` set.
  void forOwnElements(llvm::function_ref<void(Value)> body);
  int64_t columnBlocks() const { return cpu::ceilDiv(n, tensorCores ? kMmaColumns : kWarps); }

  static constexpr int64_t kWarps = 4, kTileRows = 16;
  static constexpr int64_t kMmaRows = 16 * kWarps, kMmaColumns = 32;

  int64_t experts, n, k, rows;
  GpuKernel *g = nullptr;
  GpuBuilder *b = nullptr;
  Value expert, column; // at hand; the first of the block's on tensor cores

private:
  void listRows();
  void begin(llvm::StringRef suffix, Grid grid, llvm::function_ref<void()> body);
  Value count();
  Value chosenRow(Value place);
  void warpTile(Value from, Value end);
  void step(Value at, ArrayRef<Value> sources, SmallVector<Value> &sums);
  SmallVector<Value> products(ArrayRef<Value> sources);

  bool fitsTensorCores() const;
  void beginTensorCores();
  void mmaTile(Value from, Value end);
  SmallVector<Value> mmaProducts(Value from, Value end);
  void mmaStep(SmallVector<Value> &sums);

  Launches &launches;
  Value gatesTensor, inputTensor;
  SmallVector<Value> weights; // tensors
  Value gates, input;         // memory: [rows, experts], [., k]
  int64_t lanes, tileRows;
  bool tensorCores;
  Value left, right; // in shared memory: a tile of the input; of the weights, one behind the other
};

} // namespace tp::cuda

#endif
