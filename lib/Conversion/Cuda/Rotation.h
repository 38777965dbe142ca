// Rotary position embedding of one pair of elements, used by rope kernels, cache updates and attention.
#ifndef TP_LIB_CONVERSION_CUDA_ROTATION_H
#define TP_LIB_CONVERSION_CUDA_ROTATION_H

#include "GpuKernels.h"

namespace tp::cuda {

// A head's elements in pieces that one thread handles: a pair that is rotated together, or one element that is copied.
class Rotation {
public:
  // No rotary: every element is copied.
  Rotation(RotaryAttr rotary, int64_t headSize);
  int64_t pieces() const { return half + (headSize - 2 * half); }

  // Piece `i` (index) of the head `source`[at..., :] at `position` (index), f32, handed to store(column, scalar).
  void apply(GpuBuilder &b, Value i, Value position, Value source, ArrayRef<Value> at,
             llvm::function_ref<void(Value, Value)> store) const;

private:
  void rotate(GpuBuilder &b, Value i, Value position, Value source, ArrayRef<Value> at,
              llvm::function_ref<void(Value, Value)> store) const;

  RotaryAttr rotary;
  int64_t headSize, half;
};

// position[batch] + s, or s where there are no positions.
Value positionOf(GpuBuilder &b, Value positions, Value batch, Value s);

} // namespace tp::cuda

#endif
