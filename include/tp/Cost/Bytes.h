// Bytes that one device sends in a collective of `n` devices, by the ring model.
#ifndef TP_COST_BYTES_H
#define TP_COST_BYTES_H

#include <cstdint>

namespace tp {

// `bytes`: the reduced value.
inline double allReduceBytes(int64_t n, double bytes) { return 2.0 * (n - 1) / n * bytes; }
// `bytes`: the value when whole; also reduce-scatter.
inline double allGatherBytes(int64_t n, double bytes) { return 1.0 * (n - 1) / n * bytes; }
// `bytes`: one device's part.
inline double allToAllBytes(int64_t n, double bytes) { return 1.0 * (n - 1) / n * bytes; }

} // namespace tp

#endif
