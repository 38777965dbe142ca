#include "KernelBuilder.h"

#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;

namespace tp::cpu {

KernelBuilder::KernelBuilder(func::FuncOp function, Target target, int64_t rows)
    : ImplicitLocOpBuilder(function.getLoc(), function.getContext()), target(target), function(function), rows(rows) {
  setInsertionPointToStart(&function.front());
  thread = function.getArgument(0);
  threads = function.getArgument(1);
  rank = function.getArgument(2);
  rowsInUse = function.getArgument(3);
}

Value KernelBuilder::index(int64_t value) { return arith::ConstantIndexOp::create(*this, value); }
Value KernelBuilder::add(Value a, Value b) { return createOrFold<arith::AddIOp>(a, b); }
Value KernelBuilder::sub(Value a, Value b) { return createOrFold<arith::SubIOp>(a, b); }
Value KernelBuilder::mul(Value a, Value b) { return createOrFold<arith::MulIOp>(a, b); }
Value KernelBuilder::div(Value a, Value b) { return createOrFold<arith::DivUIOp>(a, b); }
Value KernelBuilder::div(Value a, int64_t b) { return b == 1 ? a : div(a, index(b)); }
Value KernelBuilder::rem(Value a, int64_t b) { return b == 1 ? index(0) : createOrFold<arith::RemUIOp>(a, index(b)); }
Value KernelBuilder::min(Value a, Value b) { return createOrFold<arith::MinSIOp>(a, b); }
Value KernelBuilder::max(Value a, Value b) { return createOrFold<arith::MaxSIOp>(a, b); }
Value KernelBuilder::less(Value a, Value b) { return createOrFold<arith::CmpIOp>(arith::CmpIPredicate::slt, a, b); }
Value KernelBuilder::both(Value a, Value b) { return createOrFold<arith::AndIOp>(a, b); }
Value KernelBuilder::toI32(Value index) { return arith::IndexCastOp::create(*this, getI32Type(), index); }
Value KernelBuilder::toIndex(Value i32) { return arith::IndexCastOp::create(*this, getIndexType(), i32); }

void KernelBuilder::loop(Value begin, Value end, Value step, llvm::function_ref<void(Value)> body) {
  scf::ForOp::create(*this, begin, end, step, ValueRange(), [&](OpBuilder &b, Location loc, Value i, ValueRange) {
    OpBuilder::InsertPoint outer = saveInsertionPoint();
    restoreInsertionPoint(b.saveInsertionPoint());
    body(i);
    scf::YieldOp::create(*this);
    restoreInsertionPoint(outer);
  });
}

void KernelBuilder::loop(Value begin, Value end, int64_t step, llvm::function_ref<void(Value)> body) {
  loop(begin, end, index(step), body);
}

SmallVector<Value> KernelBuilder::loop(Value begin, Value end, int64_t step, ValueRange init, Carried body) {
  auto op = scf::ForOp::create(*this, begin, end, index(step), init,
                               [&](OpBuilder &b, Location loc, Value i, ValueRange carried) {
                                 OpBuilder::InsertPoint outer = saveInsertionPoint();
                                 restoreInsertionPoint(b.saveInsertionPoint());
                                 SmallVector<Value> next = body(i, carried);
                                 scf::YieldOp::create(*this, next);
                                 restoreInsertionPoint(outer);
                               });
  return SmallVector<Value>(op.getResults());
}

void KernelBuilder::when(Value condition, llvm::function_ref<void()> then, llvm::function_ref<void()> otherwise) {
  auto op = scf::IfOp::create(*this, condition, bool(otherwise));
  OpBuilder::InsertionGuard guard(*this);
  setInsertionPointToStart(&op.getThenRegion().front());
  then();
  if (!otherwise)
    return;
  setInsertionPointToStart(&op.getElseRegion().front());
  otherwise();
}

Value KernelBuilder::inUse(RankedTensorType type, Value first, int64_t count) {
  if (rows <= 1 || type.getRank() < 3 || type.getDimSize(1) != rows)
    return nullptr;
  int64_t perRow = 1;
  for (int64_t size : type.getShape().drop_front(2).drop_back())
    perRow *= size;
  auto rowOf = [&](Value vector) { return rem(div(vector, perRow), rows); };
  Value begin = rowOf(first), condition = less(begin, rowsInUse);
  if (count == 1 || type.getDimSize(0) == 1)
    return condition;
  // Or it runs into the next sequence.
  return arith::OrIOp::create(*this, condition, less(rowOf(add(first, count - 1)), begin));
}

void KernelBuilder::ifInUse(RankedTensorType type, Value first, int64_t count, llvm::function_ref<void()> body) {
  if (Value condition = inUse(type, first, count))
    when(condition, body);
  else
    body();
}

std::pair<Value, Value> KernelBuilder::share(int64_t count) {
  Value n = index(count);
  return {div(mul(thread, n), threads), div(mul(add(thread, 1), n), threads)};
}

void KernelBuilder::forVectors(int64_t size, llvm::function_ref<void(Value, Value)> body) {
  int64_t whole = size / kLanes * kLanes;
  if (whole)
    loop(index(0), index(whole), kLanes, [&](Value i) { body(i, nullptr); });
  if (size > whole)
    body(index(whole), mask(index(size - whole)));
}

VectorType KernelBuilder::floats(int64_t lanes) { return VectorType::get({lanes}, getF32Type()); }

Value KernelBuilder::splat(double value, int64_t lanes) {
  return arith::ConstantOp::create(*this,
                                   DenseElementsAttr::get(floats(lanes), getF32FloatAttr(float(value)).getValue()));
}

Value KernelBuilder::splatInt(int64_t value, int64_t lanes) {
  auto type = VectorType::get({lanes}, getI32Type());
  return arith::ConstantOp::create(*this, DenseElementsAttr::get(type, APInt(32, uint64_t(value), true, true)));
}

Value KernelBuilder::broadcast(Value scalar, int64_t lanes) {
  return vector::BroadcastOp::create(*this, VectorType::get({lanes}, scalar.getType()), scalar);
}

Value KernelBuilder::mask(Value count) {
  return vector::CreateMaskOp::create(*this, VectorType::get({kLanes}, getI1Type()), ValueRange{count});
}

static VectorType withElement(Value vector, Type element) {
  return VectorType::get(cast<VectorType>(vector.getType()).getShape(), element);
}

Value KernelBuilder::load(Value memory, ValueRange at, int64_t lanes, Value mask) {
  Type element = cast<MemRefType>(memory.getType()).getElementType();
  auto type = VectorType::get({lanes}, element);
  Value loaded;
  if (mask) {
    Value zero = arith::ConstantOp::create(*this, getZeroAttr(type));
    loaded = vector::MaskedLoadOp::create(*this, type, memory, at, mask, zero);
  } else {
    loaded = vector::LoadOp::create(*this, type, memory, at);
  }
  return element.isBF16() ? Value(arith::ExtFOp::create(*this, floats(lanes), loaded)) : loaded;
}

Value KernelBuilder::loadScalar(Value memory, ValueRange at) {
  Value loaded = memref::LoadOp::create(*this, memory, at);
  return loaded.getType().isBF16() ? Value(arith::ExtFOp::create(*this, getF32Type(), loaded)) : loaded;
}

std::pair<Value, Value> KernelBuilder::loadPair(Value memory, ValueRange at, int64_t lanes) {
  auto ints = VectorType::get({lanes}, getI32Type());
  Value loaded = vector::LoadOp::create(*this, VectorType::get({lanes * 2}, getBF16Type()), memory, at);
  Value bits = vector::BitCastOp::create(*this, ints, loaded);
  Value even = arith::ShLIOp::create(*this, bits, splatInt(16, lanes));
  Value odd = arith::AndIOp::create(*this, bits, splatInt(int64_t(int32_t(0xffff0000)), lanes));
  return {vector::BitCastOp::create(*this, floats(lanes), even), vector::BitCastOp::create(*this, floats(lanes), odd)};
}

void KernelBuilder::store(Value vector, Value memory, ValueRange at, Value mask) {
  if (isBf16(memory))
    vector = arith::TruncFOp::create(*this, withElement(vector, getBF16Type()), vector);
  if (mask)
    vector::MaskedStoreOp::create(*this, memory, at, mask, vector);
  else
    vector::StoreOp::create(*this, vector, memory, at);
}

void KernelBuilder::storeScalar(Value scalar, Value memory, ValueRange at) {
  if (isBf16(memory))
    scalar = arith::TruncFOp::create(*this, getBF16Type(), scalar);
  memref::StoreOp::create(*this, scalar, memory, at);
}

Value KernelBuilder::round(Value vector, Type element) {
  if (!element.isBF16())
    return vector;
  Value narrow = arith::TruncFOp::create(*this, withElement(vector, element), vector);
  return arith::ExtFOp::create(*this, vector.getType(), narrow);
}

Value KernelBuilder::fma(Value a, Value b, Value c) { return vector::FMAOp::create(*this, a, b, c); }
Value KernelBuilder::addf(Value a, Value b) { return arith::AddFOp::create(*this, a, b); }
Value KernelBuilder::subf(Value a, Value b) { return arith::SubFOp::create(*this, a, b); }
Value KernelBuilder::mulf(Value a, Value b) { return arith::MulFOp::create(*this, a, b); }
Value KernelBuilder::divf(Value a, Value b) { return arith::DivFOp::create(*this, a, b); }
Value KernelBuilder::sum(Value vector) {
  return vector::ReductionOp::create(*this, vector::CombiningKind::ADD, vector);
}
Value KernelBuilder::maximum(Value vector) {
  return vector::ReductionOp::create(*this, vector::CombiningKind::MAXNUMF, vector);
}
Value KernelBuilder::maximum(Value a, Value b) { return arith::MaxNumFOp::create(*this, a, b); }

Value KernelBuilder::reshape(Value memory, ArrayRef<int64_t> shape) {
  auto type = MemRefType::get(shape, cast<MemRefType>(memory.getType()).getElementType());
  if (type == memory.getType())
    return memory;
  SmallVector<int64_t> strides(shape.size(), 1);
  for (int64_t i = int64_t(shape.size()) - 2; i >= 0; --i)
    strides[i] = strides[i + 1] * shape[i + 1];
  return memref::ReinterpretCastOp::create(*this, type, memory, 0, shape, strides);
}

Value KernelBuilder::scratch(ArrayRef<int64_t> shape, Type element) {
  OpBuilder::InsertionGuard guard(*this);
  setInsertionPointToStart(&function.front());
  auto type = MemRefType::get(shape, element ? element : getF32Type());
  return memref::AllocaOp::create(*this, type, getI64IntegerAttr(kAlign));
}

Value KernelBuilder::groupPosition(MeshAttr mesh, ArrayRef<StringAttr> axes) {
  Value position = index(0);
  for (StringAttr axis : axes) {
    int64_t stride = 1, size = *mesh.sizeOf(axis);
    for (int64_t i = int64_t(mesh.getAxes().size()) - 1; i >= 0 && mesh.getAxes()[i] != axis; --i)
      stride *= mesh.getSizes()[i];
    position = add(mul(position, size), rem(div(rank, stride), size));
  }
  return position;
}

} // namespace tp::cpu
