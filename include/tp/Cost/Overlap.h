// Estimated times on a GPU, by which a collective is put under compute or not. Seconds. The model is coarse: it has to
// tell a gain from a loss, not to predict a run.
#ifndef TP_COST_OVERLAP_H
#define TP_COST_OVERLAP_H

#include "tp/Dialect/Tp.h"

namespace tp {

struct GpuModel {
  double flops = 600e12;    // of bf16 products that fill the GPU; f32 is taken as an eighth of it
  double memory = 2.8e12;   // bytes a second
  double link = 300e9;      // bytes a second that one device sends
  double latency = 15e-6;   // of a collective, whatever its size
  double launch = 3e-6;     // of a kernel
  int64_t processors = 132; // each does one tile of a product at a time
  int64_t tile = 128;       // rows and columns of a tile; one that is not full takes as long
};

// A collective, or any op, when `rows` of its `allRows` rows are computed.
double timeOf(mlir::Operation *op, int64_t rows, int64_t allRows, const GpuModel &gpu = {});

// Estimates for ops that are run in whole, one after another, and in two halves on two streams.
struct OverlapEstimate {
  double whole = 0, halves = 0;
};

// An op of the halves in the order of the compute stream: all of a stage of the first half, then of the second, then
// the next stage. An op of stage s may read what collectives of earlier stages bring.
struct StagedOp {
  mlir::Operation *op;
  int64_t stage;
};
OverlapEstimate estimateOverlap(mlir::ArrayRef<StagedOp> ops, int64_t firstRows, int64_t allRows,
                                const GpuModel &gpu = {});

} // namespace tp

#endif
