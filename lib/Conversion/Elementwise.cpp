#include "Kernels.h"

#include "mlir/Dialect/Math/IR/Math.h"

#include <cmath>

using namespace mlir;

namespace tp::cpu {

// tanh(z) = 1 - 2 / (1 + e^2z), exact at both ends.
Value tanh(KernelBuilder &b, Value z, int64_t n) {
  Value one = b.splat(1, n), two = b.splat(2, n);
  return b.subf(one, b.divf(two, b.addf(one, math::ExpOp::create(b, b.mulf(two, z)))));
}

Value activate(KernelBuilder &b, ActivationKind kind, Value x, int64_t n) {
  Value one = b.splat(1, n);
  auto half = [&](Value y) { return b.mulf(b.mulf(b.splat(0.5, n), x), b.addf(one, y)); };
  switch (kind) {
  case ActivationKind::Silu: {
    Value e = math::ExpOp::create(b, arith::NegFOp::create(b, x));
    return b.divf(x, b.addf(one, e));
  }
  case ActivationKind::Gelu:
    return half(math::ErfOp::create(b, b.mulf(x, b.splat(M_SQRT1_2, n))));
  case ActivationKind::GeluTanh: {
    Value cube = b.mulf(b.mulf(x, x), x);
    Value inner = b.mulf(b.splat(std::sqrt(M_2_PI), n), b.fma(b.splat(0.044715, n), cube, x));
    return half(tanh(b, inner, n));
  }
  case ActivationKind::Relu:
    return b.maximum(x, b.splat(0, n));
  }
  llvm_unreachable("all kinds are handled");
}

static Value constantVector(KernelBuilder &b, arith::ConstantOp op, int64_t lanes) {
  auto value = cast<SplatElementsAttr>(op.getValue());
  if (value.getElementType().isInteger())
    return b.splatInt(value.getSplatValue<APInt>().getSExtValue(), lanes);
  return b.splat(value.getSplatValue<APFloat>().convertToDouble(), lanes);
}

void evaluate(KernelBuilder &b, Operation *op, Vectors &vectors, int64_t lanes) {
  auto in = [&](unsigned i) { return vectors.lookup(op->getOperand(i)); };
  Value result;
  if (auto constant = dyn_cast<arith::ConstantOp>(op))
    result = constantVector(b, constant, lanes);
  else if (auto activation = dyn_cast<ActivationOp>(op))
    result = activate(b, activation.getKind(), in(0), lanes);
  else if (isa<math::TanhOp>(op))
    result = tanh(b, in(0), lanes);
  else if (isa<arith::AddFOp>(op))
    result = b.addf(in(0), in(1));
  else if (isa<arith::SubFOp>(op))
    result = b.subf(in(0), in(1));
  else if (isa<arith::MulFOp>(op))
    result = b.mulf(in(0), in(1));
  else if (isa<arith::DivFOp>(op))
    result = b.divf(in(0), in(1));
  else if (isa<arith::AddIOp>(op))
    result = arith::AddIOp::create(b, in(0), in(1));
  else if (isa<arith::SubIOp>(op))
    result = arith::SubIOp::create(b, in(0), in(1));
  else if (isa<arith::MulIOp>(op))
    result = arith::MulIOp::create(b, in(0), in(1));
  else
    result = in(0); // extf, truncf: rounded below
  vectors[op->getResult(0)] = b.round(result, elementOf(op->getResult(0)));
}

void emitElementwise(KernelBuilder &b, Kernel &kernel) {
  int64_t size = elementsOf(kernel.results().front());
  SmallVector<Value> inputs, outputs;
  for (Value memory : kernel.inputs)
    inputs.push_back(b.reshape(memory, {size}));
  for (Value memory : kernel.outputs)
    outputs.push_back(b.reshape(memory, {size}));
  auto block = [&](Value at, Value mask) {
    Vectors vectors;
    for (auto [arg, input] : llvm::zip_equal(kernel.source.getArguments(), inputs))
      vectors[arg] = b.load(input, at, kLanes, mask);
    for (Operation *op : kernel.ops)
      evaluate(b, op, vectors);
    for (auto [result, output] : llvm::zip_equal(kernel.results(), outputs))
      b.store(vectors.lookup(result), output, at, mask);
  };
  int64_t whole = size / kLanes, blocks = ceilDiv(size, kLanes);
  auto [begin, end] = b.share(blocks);
  b.loop(begin, b.min(end, b.index(whole)), 1, [&](Value i) { block(b.mul(i, kLanes), nullptr); });
  if (whole < blocks)
    b.when(b.both(b.less(b.index(whole), end), b.less(begin, end)),
           [&] { block(b.index(whole * kLanes), b.mask(b.index(size - whole * kLanes))); });
}

} // namespace tp::cpu
