// The inner loop of products with weight panels.
#ifndef TP_LIB_CONVERSION_PANELPRODUCT_H
#define TP_LIB_CONVERSION_PANELPRODUCT_H

#include "Kernels.h"

namespace tp::cpu {

// Rows of `input` [m, k] times panels of weights (memory in the layout panel, number of the panel), all held in
// registers while k is run through once: sums of 16 lanes, in the order [row][panel]. `unroll` steps of k are written
// out.
SmallVector<Value> panelProduct(KernelBuilder &b, Value input, int64_t k, ArrayRef<Value> rows,
                                ArrayRef<std::pair<Value, Value>> panels, int64_t unroll);

} // namespace tp::cpu

#endif
