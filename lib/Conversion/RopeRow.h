// Rotation of one head, used by rope kernels, cache updates and attention.
#ifndef TP_LIB_CONVERSION_ROPEROW_H
#define TP_LIB_CONVERSION_ROPEROW_H

#include "Kernels.h"

namespace tp::cpu {

class RopeRow {
public:
  RopeRow(RotaryAttr rotary, int64_t headSize);
  // Cosines and sines of a position (index), to be made once for all heads of a row.
  SmallVector<std::pair<Value, Value>> angles(KernelBuilder &b, Value position) const;
  // The rotated head from `source` at [sourceAt..., :], f32, handed to `store(column, vector)` in pieces.
  void rotate(KernelBuilder &b, ArrayRef<std::pair<Value, Value>> angles, Value source, ArrayRef<Value> sourceAt,
              llvm::function_ref<void(Value, Value)> store) const;

private:
  RotaryAttr rotary;
  int64_t headSize, half, lanes; // `half` pairs in vectors of `lanes`
};

// Copies a head in pieces, as rotate() without rotation does.
void copyHead(KernelBuilder &b, int64_t headSize, Value source, ArrayRef<Value> sourceAt,
              llvm::function_ref<void(Value, Value)> store);

// Cosine and sine of a vector of f64, as f32.
std::pair<Value, Value> sincos(KernelBuilder &b, Value x, int64_t lanes);

// The angles of tp.sinusoid are those of a rotation.
RotaryAttr sinusoidRotary(mlir::MLIRContext *context);
// Distances from which on a bucket is one more, in order.
SmallVector<int64_t> bucketBounds(RelativeBiasOp op);

// position[b] + s, or s where there is no position.
Value positionOf(KernelBuilder &b, Value positions, Value batch, Value s);

} // namespace tp::cpu

#endif
