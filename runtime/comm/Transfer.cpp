#include "comm/Transfer.h"

#include <algorithm>
#include <cstring>

namespace tp::rt {
namespace {

// The all_to_all tensor around its two moving dimensions: [outer, a, middle, b, inner].
struct Around {
  int64_t outer = 1, middle = 1, inner = 1;
  int first, second; // where split and concat stand in the box: dimensions 1 and 3
};

Around aroundOf(const Collective &c) {
  Around around;
  int64_t a = std::min(c.splitDim, c.concatDim), b = std::max(c.splitDim, c.concatDim);
  for (int64_t i = 0; i < int64_t(c.shape.size()); ++i) {
    if (i < a)
      around.outer *= c.shape[i];
    else if (i > a && i < b)
      around.middle *= c.shape[i];
    else if (i > b)
      around.inner *= c.shape[i];
  }
  around.first = c.splitDim < c.concatDim ? 1 : 3;
  around.second = 4 - around.first;
  return around;
}

std::array<int64_t, 5> stridesOf(const std::array<int64_t, 5> &shape) {
  std::array<int64_t, 5> stride;
  int64_t next = 1;
  for (int i = 4; i >= 0; --i) {
    stride[i] = next;
    next *= shape[i];
  }
  return stride;
}

Transfer allToAll(const Collective &c, int64_t from, int64_t to) {
  Around around = aroundOf(c);
  int split = around.first, concat = around.second;
  std::array<int64_t, 5> src{around.outer, 0, around.middle, 0, around.inner}, dst = src, extent = src;
  src[split] = c.split.global;
  src[concat] = c.concat.local;
  dst[split] = c.split.local;
  dst[concat] = c.concat.global;
  extent[split] = c.split.lengths[to];
  extent[concat] = c.concat.lengths[from];
  Transfer t{extent, stridesOf(src), stridesOf(dst), 0, 0};
  t.srcOffset = c.split.starts[to] * t.srcStride[split];
  t.dstOffset = c.concat.starts[from] * t.dstStride[concat];
  return t;
}

Transfer lines(int64_t outer, int64_t length, int64_t inner, int64_t srcSize, int64_t dstSize) {
  Transfer t;
  t.extent = {1, 1, outer, length, inner};
  t.srcStride = {0, 0, srcSize * inner, inner, 1};
  t.dstStride = {0, 0, dstSize * inner, inner, 1};
  return t;
}

// Copies or, without src, clears rows of `run` bytes; the share takes whole rows where there are enough of them.
template <typename Row> void forRows(int64_t rows, int64_t run, Share share, Row row) {
  if (rows >= 4 * share.of) {
    auto [begin, end] = share.range(rows);
    for (int64_t i = begin; i < end; ++i)
      row(i, 0, run);
    return;
  }
  auto [begin, end] = share.range(run, 64);
  if (begin < end)
    for (int64_t i = 0; i < rows; ++i)
      row(i, begin, end);
}

// Merges dimensions that follow each other in memory on both sides, so that runs are as long as they can be.
Transfer merged(Transfer t) {
  while (t.extent[0] * t.extent[1] * t.extent[2] * t.extent[3] > 1) {
    int64_t run = t.extent[4];
    if (t.extent[3] != 1 && (t.srcStride[3] != run || t.dstStride[3] != run))
      break;
    t.extent[4] *= t.extent[3];
    for (int i = 3; i > 0; --i) {
      t.extent[i] = t.extent[i - 1];
      t.srcStride[i] = t.srcStride[i - 1];
      t.dstStride[i] = t.dstStride[i - 1];
    }
    t.extent[0] = 1;
  }
  return t;
}

} // namespace

std::pair<int64_t, int64_t> Share::range(int64_t count, int64_t grain) const {
  int64_t grains = (count + grain - 1) / grain;
  return {std::min(grains * index / of * grain, count), std::min(grains * (index + 1) / of * grain, count)};
}

int64_t Transfer::elements() const {
  int64_t n = 1;
  for (int64_t size : extent)
    n *= size;
  return n;
}

Transfer Transfer::packedSource() const {
  Transfer t = *this;
  t.srcStride = stridesOf(extent);
  t.srcOffset = 0;
  return t;
}

Transfer Transfer::packedDestination() const {
  Transfer t = *this;
  t.dstStride = stridesOf(extent);
  t.dstOffset = 0;
  return t;
}

bool Transfer::contiguous(const std::array<int64_t, 5> &stride) const {
  int64_t next = 1;
  for (int i = 4; i >= 0; --i) {
    if (extent[i] != 1 && stride[i] != next)
      return false;
    next *= extent[i];
  }
  return true;
}

Transfer transferOf(const Collective &c, int64_t from, int64_t to) {
  Transfer t;
  switch (c.kind) {
  case CollectiveKind::allReduce:
    t.extent[4] = c.count;
    return t;
  case CollectiveKind::permute:
    t.extent[4] = c.source[to] == from ? c.count : 0;
    return t;
  case CollectiveKind::allGather:
    t = lines(c.outer, c.windows.lengths[from], c.inner, c.windows.local, c.windows.global);
    t.dstOffset = c.windows.starts[from] * c.inner;
    return t;
  case CollectiveKind::reduceScatter:
    t = lines(c.outer, c.windows.lengths[to], c.inner, c.windows.global, c.windows.local);
    t.srcOffset = c.windows.starts[to] * c.inner;
    return t;
  case CollectiveKind::allToAll:
    return allToAll(c, from, to);
  }
  return t;
}

void copy(const Transfer &transfer, int64_t elementBytes, const void *src, void *dst, Share share) {
  if (transfer.elements() == 0)
    return;
  Transfer t = merged(transfer);
  const char *from = static_cast<const char *>(src) + t.srcOffset * elementBytes;
  char *to = static_cast<char *>(dst) + t.dstOffset * elementBytes;
  int64_t rows = t.extent[0] * t.extent[1] * t.extent[2] * t.extent[3];
  forRows(rows, t.extent[4] * elementBytes, share, [&](int64_t row, int64_t begin, int64_t end) {
    int64_t srcAt = 0, dstAt = 0;
    for (int i = 3; i >= 0; --i) {
      int64_t k = row % t.extent[i];
      row /= t.extent[i];
      srcAt += k * t.srcStride[i];
      dstAt += k * t.dstStride[i];
    }
    std::memcpy(to + dstAt * elementBytes + begin, from + srcAt * elementBytes + begin, size_t(end - begin));
  });
}

void clearPadding(const Collective &c, int64_t me, void *dst, Share share) {
  int64_t elementBytes = bytesOf(c.type);
  int64_t rows = 0, row = 0, used = 0; // the padded dimension and all within it is one row
  if (c.kind == CollectiveKind::permute) {
    rows = 1;
    row = c.count;
    used = c.source[me] < 0 ? 0 : row;
  } else if (c.kind == CollectiveKind::reduceScatter) {
    rows = c.outer;
    row = c.windows.local * c.inner;
    used = c.windows.lengths[me] * c.inner;
  } else if (c.kind == CollectiveKind::allToAll) {
    Around around = aroundOf(c);
    bool splitFirst = around.first == 1;
    int64_t within = splitFirst ? around.middle * c.concat.global * around.inner : around.inner;
    rows = splitFirst ? around.outer : around.outer * c.concat.global * around.middle;
    row = c.split.local * within;
    used = c.split.lengths[me] * within;
  }
  if (rows == 0 || used == row)
    return;
  forRows(rows, (row - used) * elementBytes, share, [&](int64_t i, int64_t begin, int64_t end) {
    std::memset(static_cast<char *>(dst) + (i * row + used) * elementBytes + begin, 0, size_t(end - begin));
  });
}

} // namespace tp::rt
