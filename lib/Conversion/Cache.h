// Where an element of a cache lies; see physicalType.
#ifndef TP_LIB_CONVERSION_CACHE_H
#define TP_LIB_CONVERSION_CACHE_H

#include "Kernels.h"

namespace tp::cpu {

// Stores `scalar` as element `e` of position `t`.
void storeInCache(KernelBuilder &b, Value scalar, Value cache, llvm::StringRef layout, Value batch, Value t, Value head,
                  Value e);

} // namespace tp::cpu

#endif
