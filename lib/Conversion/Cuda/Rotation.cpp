#include "Rotation.h"

#include "../RopeRow.h"

using namespace mlir;

namespace tp::cuda {

Rotation::Rotation(RotaryAttr rotary, int64_t headSize)
    : rotary(rotary), headSize(headSize), half(rotary ? rotary.rotating(headSize) / 2 : 0) {}

static SmallVector<Value> extend(ArrayRef<Value> at, Value last) {
  SmallVector<Value> result(at);
  result.push_back(last);
  return result;
}

void Rotation::rotate(GpuBuilder &b, Value i, Value position, Value source, ArrayRef<Value> at,
                      llvm::function_ref<void(Value, Value)> store) const {
  Value p = arith::SIToFPOp::create(b, b.getF64Type(), arith::IndexCastOp::create(b, b.getI64Type(), position));
  auto [cosine, sine] = cpu::sincos(b, b.broadcast(b.mulf(p, b.tableElement(rotary.frequencies(headSize), i)), 1), 1);
  Value c = b.extract(cosine, 0), s = b.extract(sine, 0);
  Value first = rotary.getInterleaved() ? b.mul(i, 2) : i, second = b.add(first, rotary.getInterleaved() ? 1 : half);
  Value x = b.loadScalar(source, extend(at, first)), y = b.loadScalar(source, extend(at, second));
  store(first, b.subf(b.mulf(x, c), b.mulf(y, s)));
  store(second, b.addf(b.mulf(y, c), b.mulf(x, s)));
}

void Rotation::apply(GpuBuilder &b, Value i, Value position, Value source, ArrayRef<Value> at,
                     llvm::function_ref<void(Value, Value)> store) const {
  auto copy = [&] {
    Value column = b.add(i, half);
    store(column, b.loadScalar(source, extend(at, column)));
  };
  if (half == 0)
    return copy();
  if (2 * half == headSize)
    return rotate(b, i, position, source, at, store);
  b.when(b.less(i, b.index(half)), [&] { rotate(b, i, position, source, at, store); }, copy);
}

Value positionOf(GpuBuilder &b, Value positions, Value batch, Value s) {
  return positions ? b.add(b.toIndex(b.loadScalar(positions, batch)), s) : s;
}

} // namespace tp::cuda
