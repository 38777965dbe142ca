// Which elements of one rank's `src` land where in another's `dst`: the collectives that move data, as strided boxes.
#ifndef TP_RT_TRANSFER_H
#define TP_RT_TRANSFER_H

#include "core/Manifest.h"

#include <array>

namespace tp::rt {

// Part `index` of `of` equal parts of some work.
struct Share {
  int64_t index = 0, of = 1;
  // [begin, end) of `count` items, cut at multiples of `grain`.
  std::pair<int64_t, int64_t> range(int64_t count, int64_t grain = 1) const;
};

// A box of up to five dimensions; strides and offsets in elements, the last dimension has stride 1 on both sides.
struct Transfer {
  std::array<int64_t, 5> extent{1, 1, 1, 1, 0};
  std::array<int64_t, 5> srcStride{0, 0, 0, 0, 1}, dstStride{0, 0, 0, 0, 1};
  int64_t srcOffset = 0, dstOffset = 0;

  int64_t elements() const;
  // The same box read from, or written to, a packed buffer.
  Transfer packedSource() const;
  Transfer packedDestination() const;
  // One run of memory on that side.
  bool contiguousSource() const { return contiguous(srcStride); }
  bool contiguousDestination() const { return contiguous(dstStride); }

private:
  bool contiguous(const std::array<int64_t, 5> &stride) const;
};

// What position `from` of the group sends to position `to`. For reduce_scatter, the addend of `from`; for all_reduce,
// all.
Transfer transferOf(const Collective &c, int64_t from, int64_t to);

// Copies this share of the box.
void copy(const Transfer &t, int64_t elementBytes, const void *src, void *dst, Share share);

// Zeroes this share of what no position sends to `me`: padding of a shard, a permute without a source.
void clearPadding(const Collective &c, int64_t me, void *dst, Share share);

} // namespace tp::rt

#endif
