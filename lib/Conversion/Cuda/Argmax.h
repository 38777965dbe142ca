// The larger of values that carry their index, over the lanes of a warp.
#ifndef TP_LIB_CONVERSION_CUDA_ARGMAX_H
#define TP_LIB_CONVERSION_CUDA_ARGMAX_H

#include "GpuKernels.h"

namespace tp::cuda {

// A value (f32) and its index (i32).
struct Pair {
  Value value, index;
};

// The larger; of equal ones that with the lower index.
Pair better(GpuBuilder &b, Pair x, Pair y);
// The best of `lanes` neighbouring lanes (a power of 2), in all of them.
Pair bestOfLanes(GpuBuilder &b, Pair mine, int64_t lanes = kWarp);

} // namespace tp::cuda

#endif
