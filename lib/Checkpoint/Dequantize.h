//===- Dequantize.h - Element types and their conversion to float32 ------------------------------------------===//
#ifndef TP_LIB_CHECKPOINT_DEQUANTIZE_H
#define TP_LIB_CHECKPOINT_DEQUANTIZE_H

#include "tp/Checkpoint/Checkpoint.h"
#include <cstdint>

namespace tp::checkpoint {

/// Elements are stored in blocks of `elements`, `bytes` each (1 element for plain types).
struct BlockSize {
  int64_t elements;
  int64_t bytes;
};

/// Block size of a type that can be read; {0, 0} for Other.
BlockSize blockSizeOf(ElementType type);

/// Converts elements [first, first + count) of a tensor stored at `data` to float32. `data` need not be aligned.
void dequantize(ElementType type, const uint8_t *data, int64_t first, int64_t count, float *out);

} // namespace tp::checkpoint

#endif // TP_LIB_CHECKPOINT_DEQUANTIZE_H
