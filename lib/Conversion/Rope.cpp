#include "RopeRow.h"

#include "mlir/Dialect/Math/IR/Math.h"

#include <cmath>

using namespace mlir;

namespace tp::cpu {

RopeRow::RopeRow(RotaryAttr rotary, int64_t headSize)
    : rotary(rotary), headSize(headSize), half(rotary.rotating(headSize) / 2), lanes(kLanes) {
  while (half % lanes)
    lanes /= 2;
}

// The angle of a far position needs more bits than an f32 has.
std::pair<Value, Value> sincos(KernelBuilder &b, Value x, int64_t lanes) {
  auto type = VectorType::get({lanes}, b.getF64Type());
  auto constant = [&](double v) -> Value { return arith::ConstantOp::create(b, DenseElementsAttr::get(type, v)); };
  Value n = math::RoundEvenOp::create(b, b.mulf(x, constant(M_2_PI)));
  Value minusN = arith::NegFOp::create(b, n);
  Value r = b.fma(minusN, constant(6.123233995736766e-17), b.fma(minusN, constant(M_PI_2), x));
  Value r2 = b.mulf(r, r);
  auto series = [&](ArrayRef<double> coefficients) {
    Value sum = constant(coefficients.front());
    for (double c : coefficients.drop_front())
      sum = b.fma(sum, r2, constant(c));
    return sum;
  };
  Value sine =
      b.mulf(r, series({1.0 / 6227020800, -1.0 / 39916800, 1.0 / 362880, -1.0 / 5040, 1.0 / 120, -1.0 / 6, 1}));
  Value cosine = series({1.0 / 479001600, -1.0 / 3628800, 1.0 / 40320, -1.0 / 720, 1.0 / 24, -0.5, 1});
  auto ints = VectorType::get({lanes}, b.getI32Type());
  Value quadrant = arith::FPToSIOp::create(b, ints, n);
  auto bit = [&](Value q, int64_t which) {
    Value masked = arith::AndIOp::create(b, q, b.splatInt(which, lanes));
    return Value(arith::CmpIOp::create(b, arith::CmpIPredicate::ne, masked, b.splatInt(0, lanes)));
  };
  Value swap = bit(quadrant, 1);
  auto choose = [&](Value condition, Value a, Value c) -> Value { return arith::SelectOp::create(b, condition, a, c); };
  auto negate = [&](Value condition, Value v) { return choose(condition, arith::NegFOp::create(b, v), v); };
  Value s = negate(bit(quadrant, 2), choose(swap, cosine, sine));
  Value c = negate(bit(arith::AddIOp::create(b, quadrant, b.splatInt(1, lanes)), 2), choose(swap, sine, cosine));
  return {arith::TruncFOp::create(b, b.floats(lanes), c), arith::TruncFOp::create(b, b.floats(lanes), s)};
}

SmallVector<std::pair<Value, Value>> RopeRow::angles(KernelBuilder &b, Value position) const {
  SmallVector<double> frequencies = rotary.frequencies(headSize);
  auto type = VectorType::get({lanes}, b.getF64Type());
  Value p = arith::SIToFPOp::create(b, b.getF64Type(), arith::IndexCastOp::create(b, b.getI64Type(), position));
  Value positions = b.broadcast(p, lanes);
  SmallVector<std::pair<Value, Value>> result;
  for (int64_t i = 0; i < half; i += lanes) {
    auto values = DenseElementsAttr::get(type, ArrayRef<double>(frequencies).slice(i, lanes));
    result.push_back(sincos(b, b.mulf(positions, arith::ConstantOp::create(b, values)), lanes));
  }
  return result;
}

static SmallVector<Value> extend(ArrayRef<Value> at, Value last) {
  SmallVector<Value> result(at);
  result.push_back(last);
  return result;
}

static void copyColumns(KernelBuilder &b, int64_t from, int64_t to, Value source, ArrayRef<Value> at,
                        llvm::function_ref<void(Value, Value)> store) {
  int64_t lanes = kLanes;
  while ((to - from) % lanes)
    lanes /= 2;
  for (int64_t i = from; i < to; i += lanes)
    store(b.index(i), b.load(source, extend(at, b.index(i)), lanes));
}

void copyHead(KernelBuilder &b, int64_t headSize, Value source, ArrayRef<Value> at,
              llvm::function_ref<void(Value, Value)> store) {
  copyColumns(b, 0, headSize, source, at, store);
}

void RopeRow::rotate(KernelBuilder &b, ArrayRef<std::pair<Value, Value>> angles, Value source, ArrayRef<Value> at,
                     llvm::function_ref<void(Value, Value)> store) const {
  for (auto [j, angle] : llvm::enumerate(angles)) {
    int64_t i = int64_t(j) * lanes;
    auto [c, s] = angle;
    auto rotated = [&, c = c, s = s](Value x, Value y) {
      return std::make_pair(b.subf(b.mulf(x, c), b.mulf(y, s)), b.addf(b.mulf(y, c), b.mulf(x, s)));
    };
    if (rotary.getInterleaved()) {
      Value both = b.load(source, extend(at, b.index(2 * i)), 2 * lanes);
      auto split = vector::DeinterleaveOp::create(b, both);
      auto [x, y] = rotated(split.getRes1(), split.getRes2());
      store(b.index(2 * i), vector::InterleaveOp::create(b, x, y));
      continue;
    }
    auto [x, y] =
        rotated(b.load(source, extend(at, b.index(i)), lanes), b.load(source, extend(at, b.index(half + i)), lanes));
    store(b.index(i), x);
    store(b.index(half + i), y);
  }
  if (2 * half < headSize)
    copyColumns(b, 2 * half, headSize, source, at, store);
}

Value positionOf(KernelBuilder &b, Value positions, Value batch, Value s) {
  return positions ? b.add(b.toIndex(b.loadScalar(positions, batch)), s) : s;
}

// Items are heads; the angles of a row are made once for all its heads that the thread has.
void emitRope(KernelBuilder &b, Kernel &kernel) {
  auto op = kernel.all<RopeOp>().front();
  ArrayRef<int64_t> shape = shapeOf(op.getInput());
  int64_t rows = shape[1], heads = shape[2];
  RopeRow rope(op.getRotary(), shape[3]);
  Value source = kernel.input(op.getInput()), target = kernel.output(op.getResult());
  Value positions = op.getPosition() ? kernel.input(op.getPosition()) : Value();
  auto [begin, end] = b.share(shape[0] * rows * heads);
  Value lastRow = b.div(b.add(end, heads - 1), heads);
  b.loop(b.div(begin, heads), lastRow, 1, [&, begin = begin, end = end](Value row) {
    Value batch = b.div(row, rows), s = b.rem(row, rows), base = b.mul(row, heads);
    auto angles = rope.angles(b, positionOf(b, positions, batch, s));
    Value from = b.max(b.sub(begin, base), b.index(0)), to = b.min(b.sub(end, base), b.index(heads));
    b.loop(from, to, 1, [&](Value head) {
      rope.rotate(b, angles, source, {batch, s, head},
                  [&](Value column, Value v) { b.store(v, target, {batch, s, head, column}); });
    });
  });
}

} // namespace tp::cpu
