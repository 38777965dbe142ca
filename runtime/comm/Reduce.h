// Element-wise sum or max over the ranks of a group, always in the order 0 to n-1, so that every rank and every
// communicator gets the same bits however the elements are shared out.
#ifndef TP_RT_REDUCE_H
#define TP_RT_REDUCE_H

#include "core/Manifest.h"

#include <span>

namespace tp::rt {

// dsts[k][i] = reduction over q of srcs[q][i], for begin <= i < end, every k. bf16 is summed in f32 and rounded once,
// to nearest even. A dst may be one of the srcs. max keeps the earlier of two equal values and ignores a later NaN.
void reduce(ElementType type, Reduction reduction, std::span<const void *const> srcs, std::span<void *const> dsts,
            int64_t begin, int64_t end);

} // namespace tp::rt

#endif
