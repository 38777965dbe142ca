#include "comm/Reference.h"

#include <bit>
#include <cstring>

namespace tp::rt::test {
namespace {

using Index = std::vector<int64_t>;

// A tensor of any number of dimensions in the bytes of a buffer.
struct View {
  Index shape;
  int64_t elementBytes;
  char *data;
  char *at(const Index &index) const {
    int64_t linear = 0;
    for (size_t i = 0; i < shape.size(); ++i)
      linear = linear * shape[i] + index[i];
    return data + linear * elementBytes;
  }
};

int64_t product(const Index &shape) {
  int64_t n = 1;
  for (int64_t size : shape)
    n *= size;
  return n;
}

template <typename Visit> void forEach(const Index &shape, Visit visit) {
  Index index(shape.size());
  for (int64_t n = product(shape); n > 0; --n) {
    visit(index);
    for (size_t i = shape.size(); i-- > 0;) {
      if (++index[i] < shape[i])
        break;
      index[i] = 0;
    }
  }
}

Index sourceShape(const Collective &c) {
  if (c.kind == CollectiveKind::allGather)
    return {c.outer, c.windows.local, c.inner};
  if (c.kind == CollectiveKind::reduceScatter)
    return {c.outer, c.windows.global, c.inner};
  return c.kind == CollectiveKind::allToAll ? c.shape : Index{c.count};
}

Index resultShape(const Collective &c) {
  if (c.kind == CollectiveKind::allGather)
    return {c.outer, c.windows.global, c.inner};
  if (c.kind == CollectiveKind::reduceScatter)
    return {c.outer, c.windows.local, c.inner};
  Index shape = sourceShape(c);
  if (c.kind == CollectiveKind::allToAll) {
    shape[size_t(c.splitDim)] = c.split.local;
    shape[size_t(c.concatDim)] = c.concat.global;
  }
  return shape;
}

float bf16(const char *at) {
  uint16_t bits;
  std::memcpy(&bits, at, 2);
  return std::bit_cast<float>(uint32_t(bits) << 16);
}

uint16_t toBf16(float value) {
  uint32_t bits = std::bit_cast<uint32_t>(value);
  uint32_t half = bits & 0xffff, kept = bits >> 16;
  if (half > 0x8000 || (half == 0x8000 && (kept & 1)))
    ++kept;
  return uint16_t(kept);
}

template <typename T> T combine(Reduction reduction, T a, T b) {
  return reduction == Reduction::sum ? T(a + b) : std::max(a, b);
}

void reduceElement(const Collective &c, const std::vector<char *> &from, char *to) {
  if (c.type == ElementType::i32) {
    int32_t sum = 0, value = 0;
    for (size_t q = 0; q < from.size(); ++q) {
      std::memcpy(&value, from[q], 4);
      sum = q == 0 ? value : combine(c.reduction, sum, value);
    }
    std::memcpy(to, &sum, 4);
    return;
  }
  float sum = 0, value = 0;
  for (size_t q = 0; q < from.size(); ++q) {
    if (c.type == ElementType::bf16)
      value = bf16(from[q]);
    else
      std::memcpy(&value, from[q], 4);
    sum = q == 0 ? value : combine(c.reduction, sum, value);
  }
  if (c.type == ElementType::bf16) {
    uint16_t rounded = toBf16(sum);
    std::memcpy(to, &rounded, 2);
  } else {
    std::memcpy(to, &sum, 4);
  }
}

} // namespace

int64_t sourceElements(const Collective &c) { return product(sourceShape(c)); }
int64_t resultElements(const Collective &c) { return product(resultShape(c)); }

Bytes reference(const Collective &c, const std::vector<Bytes> &sources, int64_t me) {
  const int64_t bytes = bytesOf(c.type), n = int64_t(sources.size());
  Bytes result(size_t(resultElements(c) * bytes)); // zeros
  View to{resultShape(c), bytes, result.data()};
  std::vector<View> from;
  for (const Bytes &source : sources)
    from.push_back({sourceShape(c), bytes, const_cast<char *>(source.data())});
  forEach(to.shape, [&](const Index &index) {
    std::vector<char *> parts;
    Index at = index;
    if (c.kind == CollectiveKind::allReduce || c.kind == CollectiveKind::reduceScatter) {
      if (c.kind == CollectiveKind::reduceScatter) {
        if (index[1] >= c.windows.lengths[size_t(me)])
          return;
        at[1] += c.windows.starts[size_t(me)];
      }
      for (const View &view : from)
        parts.push_back(view.at(at));
      return reduceElement(c, parts, to.at(index));
    }
    for (int64_t p = 0; p < n; ++p) {
      at = index;
      if (c.kind == CollectiveKind::permute && c.source[size_t(me)] != p)
        continue;
      if (c.kind != CollectiveKind::permute) {
        const Windows &whole = c.kind == CollectiveKind::allGather ? c.windows : c.concat;
        int64_t &k = at[c.kind == CollectiveKind::allGather ? 1 : size_t(c.concatDim)];
        k -= whole.starts[size_t(p)];
        if (k < 0 || k >= whole.lengths[size_t(p)])
          continue;
      }
      if (c.kind == CollectiveKind::allToAll) {
        int64_t &k = at[size_t(c.splitDim)];
        if (k >= c.split.lengths[size_t(me)])
          continue;
        k += c.split.starts[size_t(me)];
      }
      std::memcpy(to.at(index), from[size_t(p)].at(at), size_t(bytes));
    }
  });
  return result;
}

} // namespace tp::rt::test
