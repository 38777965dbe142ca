// Kernels of arith ops, elementwise on tensors and on scalars.
#include "Elementwise.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include <cmath>

using namespace mlir;
using namespace tp;

//===-- integers
//-----------------------------------------------------------------------------------------------------------------------===//

// Integers are kept sign-extended, but i1 as 0 and 1. These read an element as signed or unsigned of its own width.
static int64_t asSigned(ElementKind kind, int64_t value) { return kind == ElementKind::I1 ? -value : value; }
static uint64_t asUnsigned(ElementKind kind, int64_t value) {
  switch (kind) {
  case ElementKind::I8:
    return static_cast<uint8_t>(value);
  case ElementKind::I32:
    return static_cast<uint32_t>(value);
  default:
    return value;
  }
}

template <auto Function> static void runInt2(Operation *, ArrayRef<Lanes> in, OutLanes out, int64_t n) {
  for (int64_t i = 0; i < n; ++i)
    out.ints[i] = wrapTo(out.kind, Function(in[0].ints[i], in[1].ints[i]));
}
template <auto Function> static void runUnsigned2(Operation *, ArrayRef<Lanes> in, OutLanes out, int64_t n) {
  for (int64_t i = 0; i < n; ++i)
    out.ints[i] = wrapTo(out.kind, Function(asUnsigned(out.kind, in[0].ints[i]), asUnsigned(out.kind, in[1].ints[i])));
}
static void runSignedConversion(Operation *, ArrayRef<Lanes> in, OutLanes out, int64_t n) {
  for (int64_t i = 0; i < n; ++i)
    out.ints[i] = wrapTo(out.kind, asSigned(in[0].kind, in[0].ints[i]));
}
static void runUnsignedConversion(Operation *, ArrayRef<Lanes> in, OutLanes out, int64_t n) {
  for (int64_t i = 0; i < n; ++i)
    out.ints[i] = wrapTo(out.kind, asUnsigned(in[0].kind, in[0].ints[i]));
}

// Divisions: a zero divisor and the one that overflows give 0, undefined as they are.
template <auto Function> static int64_t guarded(int64_t a, int64_t b) {
  return b == 0 || (b == -1 && a == std::numeric_limits<int64_t>::min()) ? 0 : Function(a, b);
}
template <auto Function> static int64_t guardedUnsigned(uint64_t a, uint64_t b) { return b == 0 ? 0 : Function(a, b); }
template <auto Function> static int64_t guardedShift(int64_t a, int64_t b) {
  return b < 0 || b > 63 ? 0 : Function(a, b);
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

static bool compare(arith::CmpIPredicate predicate, ElementKind kind, int64_t a, int64_t b) {
  int64_t sa = asSigned(kind, a), sb = asSigned(kind, b);
  uint64_t ua = asUnsigned(kind, a), ub = asUnsigned(kind, b);
  switch (predicate) {
  case arith::CmpIPredicate::eq:
    return a == b;
  case arith::CmpIPredicate::ne:
    return a != b;
  case arith::CmpIPredicate::slt:
    return sa < sb;
  case arith::CmpIPredicate::sle:
    return sa <= sb;
  case arith::CmpIPredicate::sgt:
    return sa > sb;
  case arith::CmpIPredicate::sge:
    return sa >= sb;
  case arith::CmpIPredicate::ult:
    return ua < ub;
  case arith::CmpIPredicate::ule:
    return ua <= ub;
  case arith::CmpIPredicate::ugt:
    return ua > ub;
  case arith::CmpIPredicate::uge:
    return ua >= ub;
  }
  llvm_unreachable("all predicates are handled");
}

static void runCmpI(Operation *op, ArrayRef<Lanes> in, OutLanes out, int64_t n) {
  arith::CmpIPredicate predicate = cast<arith::CmpIOp>(op).getPredicate();
  for (int64_t i = 0; i < n; ++i)
    out.ints[i] = compare(predicate, in[0].kind, in[0].ints[i], in[1].ints[i]);
}

static void addIntKernels(KernelRegistry &registry) {
  registry.add("arith.addi", runInt2<add>);
  registry.add("arith.subi", runInt2<subtract>);
  registry.add("arith.muli", runInt2<multiply>);
  registry.add("arith.divsi", runInt2<guarded<[](int64_t a, int64_t b) { return a / b; }>>);
  registry.add("arith.remsi", runInt2<guarded<[](int64_t a, int64_t b) { return a % b; }>>);
  registry.add("arith.floordivsi", runInt2<guarded<llvm::divideFloorSigned<int64_t, int64_t, int64_t>>>);
  registry.add("arith.ceildivsi", runInt2<guarded<llvm::divideCeilSigned<int64_t, int64_t, int64_t>>>);
  registry.add("arith.divui", runUnsigned2<guardedUnsigned<[](uint64_t a, uint64_t b) { return a / b; }>>);
  registry.add("arith.remui", runUnsigned2<guardedUnsigned<[](uint64_t a, uint64_t b) { return a % b; }>>);
  registry.add("arith.maxsi", runInt2<[](int64_t a, int64_t b) { return std::max(a, b); }>);
  registry.add("arith.minsi", runInt2<[](int64_t a, int64_t b) { return std::min(a, b); }>);
  registry.add("arith.maxui", runUnsigned2<[](uint64_t a, uint64_t b) { return std::max(a, b); }>);
  registry.add("arith.minui", runUnsigned2<[](uint64_t a, uint64_t b) { return std::min(a, b); }>);
  registry.add("arith.andi", runInt2<[](int64_t a, int64_t b) { return a & b; }>);
  registry.add("arith.ori", runInt2<[](int64_t a, int64_t b) { return a | b; }>);
  registry.add("arith.xori", runInt2<[](int64_t a, int64_t b) { return a ^ b; }>);
  registry.add("arith.shli", runInt2<guardedShift<[](int64_t a, int64_t b) { return int64_t(uint64_t(a) << b); }>>);
  registry.add("arith.shrsi", runInt2<guardedShift<[](int64_t a, int64_t b) { return a >> b; }>>);
  for (StringRef conversion : {"arith.trunci", "arith.extsi", "arith.index_cast"})
    registry.add(conversion, runSignedConversion);
  for (StringRef conversion : {"arith.extui", "arith.index_castui"})
    registry.add(conversion, runUnsignedConversion);
  registry.add("arith.cmpi", runCmpI);
}

//===-- floats
//-------------------------------------------------------------------------------------------------------------------------===//

static float maximum(float a, float b) { return a != a || b != b ? NAN : std::max(a, b); }
static float minimum(float a, float b) { return a != a || b != b ? NAN : std::min(a, b); }

static void runSignedToFloat(Operation *, ArrayRef<Lanes> in, OutLanes out, int64_t n) {
  for (int64_t i = 0; i < n; ++i)
    out.floats[i] = static_cast<float>(asSigned(in[0].kind, in[0].ints[i]));
}
static void runUnsignedToFloat(Operation *, ArrayRef<Lanes> in, OutLanes out, int64_t n) {
  for (int64_t i = 0; i < n; ++i)
    out.floats[i] = static_cast<float>(asUnsigned(in[0].kind, in[0].ints[i]));
}
static void runToInt(Operation *, ArrayRef<Lanes> in, OutLanes out, int64_t n) {
  // Saturating conversions would hide a program's mistake, and an out-of-range cast is undefined: such values become 0.
  for (int64_t i = 0; i < n; ++i)
    out.ints[i] = wrapTo(out.kind, std::abs(in[0].floats[i]) < 0x1p62f ? static_cast<int64_t>(in[0].floats[i]) : 0);
}

static void runCmpF(Operation *op, ArrayRef<Lanes> in, OutLanes out, int64_t n) {
  arith::CmpFPredicate predicate = cast<arith::CmpFOp>(op).getPredicate();
  for (int64_t i = 0; i < n; ++i)
    out.ints[i] = arith::applyCmpPredicate(predicate, APFloat(in[0].floats[i]), APFloat(in[1].floats[i]));
}

static void addFloatKernels(KernelRegistry &registry) {
  registry.add("arith.addf", runFloat2<[](float a, float b) { return a + b; }>);
  registry.add("arith.subf", runFloat2<[](float a, float b) { return a - b; }>);
  registry.add("arith.mulf", runFloat2<[](float a, float b) { return a * b; }>);
  registry.add("arith.divf", runFloat2<[](float a, float b) { return a / b; }>);
  registry.add("arith.remf", runFloat2<[](float a, float b) { return std::fmod(a, b); }>);
  registry.add("arith.maximumf", runFloat2<maximum>);
  registry.add("arith.minimumf", runFloat2<minimum>);
  registry.add("arith.maxnumf", runFloat2<[](float a, float b) { return std::fmax(a, b); }>);
  registry.add("arith.minnumf", runFloat2<[](float a, float b) { return std::fmin(a, b); }>);
  registry.add("arith.negf", runFloat1<[](float a) { return -a; }>);
  for (StringRef conversion : {"arith.truncf", "arith.extf"})
    registry.add(conversion, runFloat1<[](float a) { return a; }>);
  registry.add("arith.sitofp", runSignedToFloat);
  registry.add("arith.uitofp", runUnsignedToFloat);
  for (StringRef conversion : {"arith.fptosi", "arith.fptoui"})
    registry.add(conversion, runToInt);
  registry.add("arith.cmpf", runCmpF);
}

//===-- both
//---------------------------------------------------------------------------------------------------------------------------===//

static void runSelect(Operation *, ArrayRef<Lanes> in, OutLanes out, int64_t n) {
  for (int64_t i = 0; i < n; ++i) {
    const Lanes &from = in[in[0].ints[i] ? 1 : 2];
    if (isFloat(out.kind))
      out.floats[i] = from.floats[i];
    else
      out.ints[i] = from.ints[i];
  }
}

static void runAffineApply(Operation *op, ArrayRef<Lanes> in, OutLanes out, int64_t n) {
  AffineMap map = cast<affine::AffineApplyOp>(op).getAffineMap();
  SmallVector<Attribute> point(in.size());
  SmallVector<int64_t> value;
  for (int64_t i = 0; i < n; ++i) {
    for (auto [x, lanes] : llvm::zip(point, in))
      x = IntegerAttr::get(IndexType::get(op->getContext()), lanes.ints[i]);
    value.clear();
    map.partialConstantFold(point, &value);
    out.ints[i] = value.empty() ? 0 : value[0];
  }
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

void tp::addArithKernels(KernelRegistry &registry) {
  addFloatKernels(registry);
  addIntKernels(registry);
  registry.add("arith.select", runSelect);
  registry.add("affine.apply", runAffineApply);
  registry.add("arith.constant", runConstant);
}

//===-- on tensors
//---------------------------------------------------------------------------------------------------------------------===//

Lanes tp::lanesOf(const Tensor &tensor) {
  return tensor.isFloat() ? Lanes{tensor.kind(), tensor.floats(), nullptr}
                          : Lanes{tensor.kind(), nullptr, tensor.ints()};
}

OutLanes tp::outLanesOf(Tensor &tensor) {
  return tensor.isFloat() ? OutLanes{tensor.kind(), tensor.writeFloats(), nullptr}
                          : OutLanes{tensor.kind(), nullptr, tensor.writeInts()};
}

Tensor tp::splat(const Tensor &scalar, ArrayRef<int64_t> shape) {
  Tensor result(shape, scalar.kind());
  if (result.isFloat())
    std::fill_n(result.writeFloats(), result.size(), scalar.floats()[0]);
  else
    std::fill_n(result.writeInts(), result.size(), scalar.ints()[0]);
  return result;
}

static LogicalResult runElementwise(RankCall &call) {
  Tensor &result = call.makeResult();
  SmallVector<Lanes> in;
  for (Tensor &operand : call.operands) {
    // arith.select takes one condition for all elements.
    if (operand.rank() == 0 && result.rank() > 0)
      operand = splat(operand, result.shape());
    in.push_back(lanesOf(operand));
  }
  KernelRegistry::builtin().elementwiseKernel(call.op->getName().getStringRef())(call.op, in, outLanesOf(result),
                                                                                 result.size());
  if (result.isFloat())
    result.round();
  return success();
}

void KernelRegistry::add(StringRef op, ElementwiseKernel kernel) {
  elementwiseKernels[op] = kernel;
  rankKernels[op] = runElementwise;
}
