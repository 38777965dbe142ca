// Kernels of arith and math ops, elementwise on tensors and on scalars.
#include "tp/Interpreter/Kernels.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include <cmath>

using namespace mlir;
using namespace tp;

// Elements of operand `i` as numbers of one kind; a float kernel reads integers as floats and the other way round for
// conversions.
static float floatAt(const Tensor &tensor, int64_t i) {
  return tensor.isFloat() ? tensor.floats()[i] : static_cast<float>(tensor.ints()[i]);
}
static int64_t intAt(const Tensor &tensor, int64_t i) {
  // Saturating conversions would hide a program's mistake, and an out-of-range cast is undefined: such values become 0.
  if (!tensor.isFloat())
    return tensor.ints()[i];
  float value = tensor.floats()[i];
  return std::abs(value) < 0x1p62f ? static_cast<int64_t>(value) : 0;
}

template <auto Function> static LogicalResult runFloat1(RankCall &call) {
  Tensor &result = call.makeResult();
  float *out = result.writeFloats();
  for (int64_t i = 0, n = result.size(); i < n; ++i)
    out[i] = Function(floatAt(call.operands[0], i));
  result.round();
  return success();
}

template <auto Function> static LogicalResult runFloat2(RankCall &call) {
  Tensor &result = call.makeResult();
  float *out = result.writeFloats();
  const float *a = call.operands[0].floats(), *b = call.operands[1].floats();
  for (int64_t i = 0, n = result.size(); i < n; ++i)
    out[i] = Function(a[i], b[i]);
  result.round();
  return success();
}

template <auto Function> static LogicalResult runInt1(RankCall &call) {
  Tensor &result = call.makeResult();
  int64_t *out = result.writeInts();
  for (int64_t i = 0, n = result.size(); i < n; ++i)
    out[i] = wrapTo(result.kind(), Function(intAt(call.operands[0], i)));
  return success();
}

template <auto Function> static LogicalResult runInt2(RankCall &call) {
  Tensor &result = call.makeResult();
  int64_t *out = result.writeInts();
  for (int64_t i = 0, n = result.size(); i < n; ++i)
    out[i] = wrapTo(result.kind(), Function(call.operands[0].ints()[i], call.operands[1].ints()[i]));
  return success();
}

// Divisions: a zero divisor and the one that overflows give 0, undefined as they are.
template <auto Function> static int64_t guarded(int64_t a, int64_t b) {
  return b == 0 || (b == -1 && a == std::numeric_limits<int64_t>::min()) ? 0 : Function(a, b);
}
// Sums wrap: they are computed unsigned.
static int64_t add(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
}
static int64_t subtract(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) - static_cast<uint64_t>(b));
}
static int64_t multiply(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
}

static float maximum(float a, float b) { return a != a || b != b ? NAN : std::max(a, b); }
static float minimum(float a, float b) { return a != a || b != b ? NAN : std::min(a, b); }

static LogicalResult runCmpI(RankCall &call) {
  auto op = cast<arith::CmpIOp>(call.op);
  Tensor &result = call.makeResult();
  int64_t *out = result.writeInts();
  const Tensor &a = call.operands[0], &b = call.operands[1];
  for (int64_t i = 0, n = result.size(); i < n; ++i)
    out[i] = arith::applyCmpPredicate(op.getPredicate(), APInt(64, a.ints()[i], true), APInt(64, b.ints()[i], true));
  return success();
}

static LogicalResult runCmpF(RankCall &call) {
  auto op = cast<arith::CmpFOp>(call.op);
  Tensor &result = call.makeResult();
  int64_t *out = result.writeInts();
  for (int64_t i = 0, n = result.size(); i < n; ++i)
    out[i] = arith::applyCmpPredicate(op.getPredicate(), APFloat(call.operands[0].floats()[i]),
                                      APFloat(call.operands[1].floats()[i]));
  return success();
}

static LogicalResult runSelect(RankCall &call) {
  const Tensor &condition = call.operands[0];
  Tensor &result = call.makeResult();
  for (int64_t i = 0, n = result.size(); i < n; ++i) {
    bool first = condition.ints()[condition.rank() == 0 ? 0 : i];
    const Tensor &from = call.operands[first ? 1 : 2];
    if (result.isFloat())
      result.writeFloats()[i] = from.floats()[i];
    else
      result.writeInts()[i] = from.ints()[i];
  }
  return success();
}

static float toFloat(APFloat value) {
  bool lost;
  value.convert(APFloat::IEEEsingle(), APFloat::rmNearestTiesToEven, &lost);
  return value.convertToFloat();
}

static LogicalResult fillFrom(DenseElementsAttr elements, Tensor &result) {
  if (result.isFloat()) {
    float *out = result.writeFloats();
    if (elements.isSplat())
      std::fill_n(out, result.size(), toFloat(elements.getSplatValue<APFloat>()));
    else
      for (const APFloat &value : elements.getValues<APFloat>())
        *out++ = toFloat(value);
    return success();
  }
  int64_t *out = result.writeInts();
  for (const APInt &value : elements.getValues<APInt>())
    *out++ = wrapTo(result.kind(), value.getSExtValue());
  return success();
}

static LogicalResult runConstant(RankCall &call) {
  auto op = cast<arith::ConstantOp>(call.op);
  Tensor &result = call.makeResult();
  if (auto elements = dyn_cast<DenseElementsAttr>(op.getValue()))
    return fillFrom(elements, result);
  if (auto value = dyn_cast<FloatAttr>(op.getValue())) {
    result.writeFloats()[0] = toFloat(value.getValue());
    return success();
  }
  if (auto value = dyn_cast<IntegerAttr>(op.getValue())) {
    result.writeInts()[0] = wrapTo(result.kind(), value.getValue().getSExtValue());
    return success();
  }
  auto resource = dyn_cast<DenseResourceElementsAttr>(op.getValue());
  AsmResourceBlob *blob = resource ? resource.getRawHandle().getBlob() : nullptr;
  if (!blob || result.kind() != ElementKind::F32 || static_cast<int64_t>(blob->getData().size()) != result.bytes())
    return op.emitError() << "the interpreter reads constants that are dense, scalar, or f32 resources with their data";
  std::memcpy(result.writeFloats(), blob->getData().data(), result.bytes());
  return success();
}

static void addFloatKernels(KernelRegistry &registry) {
  registry.add("arith.addf", runFloat2<[](float a, float b) { return a + b; }>);
  registry.add("arith.subf", runFloat2<[](float a, float b) { return a - b; }>);
  registry.add("arith.mulf", runFloat2<[](float a, float b) { return a * b; }>);
  registry.add("arith.divf", runFloat2<[](float a, float b) { return a / b; }>);
  registry.add("arith.maximumf", runFloat2<maximum>);
  registry.add("arith.minimumf", runFloat2<minimum>);
  registry.add("arith.maxnumf", runFloat2<[](float a, float b) { return std::fmax(a, b); }>);
  registry.add("arith.minnumf", runFloat2<[](float a, float b) { return std::fmin(a, b); }>);
  registry.add("arith.negf", runFloat1<[](float a) { return -a; }>);
  for (StringRef conversion : {"arith.truncf", "arith.extf", "arith.sitofp"})
    registry.add(conversion, runFloat1<[](float a) { return a; }>);
  registry.add("math.powf", runFloat2<[](float a, float b) { return std::pow(a, b); }>);
  registry.add("math.exp", runFloat1<[](float a) { return std::exp(a); }>);
  registry.add("math.log", runFloat1<[](float a) { return std::log(a); }>);
  registry.add("math.sqrt", runFloat1<[](float a) { return std::sqrt(a); }>);
  registry.add("math.rsqrt", runFloat1<[](float a) { return 1.0f / std::sqrt(a); }>);
  registry.add("math.tanh", runFloat1<[](float a) { return std::tanh(a); }>);
  registry.add("math.erf", runFloat1<[](float a) { return std::erf(a); }>);
  registry.add("math.sin", runFloat1<[](float a) { return std::sin(a); }>);
  registry.add("math.cos", runFloat1<[](float a) { return std::cos(a); }>);
  registry.add("math.absf", runFloat1<[](float a) { return std::abs(a); }>);
}

static void addIntKernels(KernelRegistry &registry) {
  registry.add("arith.addi", runInt2<add>);
  registry.add("arith.subi", runInt2<subtract>);
  registry.add("arith.muli", runInt2<multiply>);
  registry.add("arith.divsi", runInt2<guarded<[](int64_t a, int64_t b) { return a / b; }>>);
  registry.add("arith.remsi", runInt2<guarded<[](int64_t a, int64_t b) { return a % b; }>>);
  registry.add("arith.maxsi", runInt2<[](int64_t a, int64_t b) { return std::max(a, b); }>);
  registry.add("arith.minsi", runInt2<[](int64_t a, int64_t b) { return std::min(a, b); }>);
  registry.add("arith.andi", runInt2<[](int64_t a, int64_t b) { return a & b; }>);
  registry.add("arith.ori", runInt2<[](int64_t a, int64_t b) { return a | b; }>);
  registry.add("arith.xori", runInt2<[](int64_t a, int64_t b) { return a ^ b; }>);
  for (StringRef conversion : {"arith.trunci", "arith.extui", "arith.index_cast", "arith.fptosi"})
    registry.add(conversion, runInt1<[](int64_t a) { return a; }>);
}

void tp::addArithKernels(KernelRegistry &registry) {
  addFloatKernels(registry);
  addIntKernels(registry);
  registry.add("arith.cmpi", runCmpI);
  registry.add("arith.cmpf", runCmpF);
  registry.add("arith.select", runSelect);
  registry.add("arith.constant", runConstant);
}
