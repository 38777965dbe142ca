// Bytes that one device sends in a collective of `n` devices, by the ring model.
#ifndef TP_COST_BYTES_H
#define TP_COST_BYTES_H

#include "tp/Dialect/Tp.h"

#include <numeric>

namespace tp {

// `bytes`: the reduced value.
inline double allReduceBytes(int64_t n, double bytes) { return 2.0 * (n - 1) / n * bytes; }
// `bytes`: the value when whole; also reduce-scatter.
inline double allGatherBytes(int64_t n, double bytes) { return 1.0 * (n - 1) / n * bytes; }
// `bytes`: one device's part.
inline double allToAllBytes(int64_t n, double bytes) { return 1.0 * (n - 1) / n * bytes; }

struct CollectiveCost {
  mlir::SmallVector<mlir::StringAttr> axes;
  int64_t groupSize = 1;
  mlir::SmallVector<int64_t> bytes; // that one device sends, for each value of the op
  int64_t total() const { return std::accumulate(bytes.begin(), bytes.end(), int64_t(0)); }
};

// Of an op that communicates; nothing for another. The op's mesh exists, as its verifier checks.
std::optional<CollectiveCost> costOf(mlir::Operation *op);

} // namespace tp

#endif
