// Which elements of a dimension each device holds.
#ifndef TP_SHARDING_GEOMETRY_H
#define TP_SHARDING_GEOMETRY_H

#include "llvm/ADT/SmallVector.h"
#include <cstdint>

namespace tp {

// A dimension of `size` elements, in blocks of `unit`, each read `repeat` times, over `parts` devices. See #tp.split.
struct Geometry {
  int64_t size, parts, unit = 1, repeat = 1;

  // Virtual blocks of one device.
  int64_t chunk() const;
  // Elements of every device's (padded) shard.
  int64_t local() const;
  // First element of a device's shard; may lie at or beyond `size`.
  int64_t start(int64_t part) const;
  // Elements of the shard within the dimension: [start, start + valid); the rest of `local` is padding.
  int64_t valid(int64_t part) const;
  // Number of the first virtual element: start in units of the dimension that this one follows.
  int64_t virtualStart(int64_t part) const { return part * chunk() * unit; }
  // Shards of different devices share elements.
  bool overlaps() const { return repeat > 1 && chunk() % repeat != 0; }
  // Some shard has padding.
  bool padded() const;
  // The windows that partition the dimension: `overlaps` removed, in order of the devices.
  void disjointWindows(llvm::SmallVectorImpl<int64_t> &starts, llvm::SmallVectorImpl<int64_t> &lengths) const;
  // The same windows with the smallest unit and repeat.
  Geometry canonical() const;
  bool sameAs(const Geometry &other) const;
};

} // namespace tp

#endif
