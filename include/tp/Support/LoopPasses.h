// How often a loop's body runs.
#ifndef TP_SUPPORT_LOOPPASSES_H
#define TP_SUPPORT_LOOPPASSES_H

#include "llvm/Support/MathExtras.h"
#include <cstdint>
#include <limits>

namespace tp {

// Of a loop from `lower` up to below `upper`; `step` is above 0. Where the bounds are further apart than a number
// reaches, as for the largest distance.
inline int64_t countPasses(int64_t lower, int64_t upper, int64_t step) {
  if (upper <= lower)
    return 0;
  int64_t span = 0;
  if (llvm::SubOverflow(upper, lower, span))
    span = std::numeric_limits<int64_t>::max();
  return llvm::divideCeilSigned(span, step);
}

} // namespace tp

#endif
