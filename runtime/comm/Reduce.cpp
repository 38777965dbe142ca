#include "comm/Reduce.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace tp::rt {
namespace {

struct Bf16 {
  uint16_t bits;
};

float widen(float x) { return x; }
int32_t widen(int32_t x) { return x; }
float widen(Bf16 x) { return std::bit_cast<float>(uint32_t(x.bits) << 16); }

void narrow(float x, float &out) { out = x; }
void narrow(int32_t x, int32_t &out) { out = x; }
void narrow(float x, Bf16 &out) {
  uint32_t bits = std::bit_cast<uint32_t>(x);
  bool nan = (bits & 0x7fffffff) > 0x7f800000;
  uint32_t rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
  out.bits = uint16_t(nan ? (bits >> 16) | 0x40 : rounded);
}

float add(float a, float b) { return a + b; }
int32_t add(int32_t a, int32_t b) { return int32_t(uint32_t(a) + uint32_t(b)); } // wraps

template <Reduction reduction, typename T> T combine(T a, T b) {
  if constexpr (reduction == Reduction::sum)
    return add(a, b);
  else
    return a < b ? b : a;
}

// A block stays in the first-level cache, or in registers, while the ranks are added to it.
constexpr int64_t block = 256;

template <Reduction reduction, typename T>
void reduceAs(std::span<const void *const> srcs, std::span<void *const> dsts, int64_t begin, int64_t end) {
  using Wide = decltype(widen(T()));
  Wide sum[block];
  for (int64_t at = begin; at < end; at += block) {
    int64_t n = std::min(block, end - at);
    const T *first = static_cast<const T *>(srcs[0]) + at;
    for (int64_t i = 0; i < n; ++i)
      sum[i] = widen(first[i]);
    for (size_t q = 1; q < srcs.size(); ++q) {
      const T *src = static_cast<const T *>(srcs[q]) + at;
      for (int64_t i = 0; i < n; ++i)
        sum[i] = combine<reduction>(sum[i], widen(src[i]));
    }
    for (void *dst : dsts) {
      T *to = static_cast<T *>(dst) + at;
      for (int64_t i = 0; i < n; ++i)
        narrow(sum[i], to[i]);
    }
  }
}

template <Reduction reduction>
void reduceWith(ElementType type, std::span<const void *const> srcs, std::span<void *const> dsts, int64_t begin,
                int64_t end) {
  switch (type) {
  case ElementType::f32:
    return reduceAs<reduction, float>(srcs, dsts, begin, end);
  case ElementType::bf16:
    return reduceAs<reduction, Bf16>(srcs, dsts, begin, end);
  case ElementType::i32:
    return reduceAs<reduction, int32_t>(srcs, dsts, begin, end);
  }
}

} // namespace

void reduce(ElementType type, Reduction reduction, std::span<const void *const> srcs, std::span<void *const> dsts,
            int64_t begin, int64_t end) {
  if (reduction == Reduction::sum)
    reduceWith<Reduction::sum>(type, srcs, dsts, begin, end);
  else
    reduceWith<Reduction::max>(type, srcs, dsts, begin, end);
}

} // namespace tp::rt
