#include "GpuBuilder.h"

#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;

namespace tp::cuda {

GpuBuilder::GpuBuilder(gpu::GPUFuncOp function, int64_t threads)
    : KernelBuilder(function.getLoc()), threads(threads), function(function) {
  setInsertionPointToStart(&function.front());
  rank = function.getArgument(0);
  tid = gpu::ThreadIdOp::create(*this, gpu::Dimension::x);
  lane = rem(tid, kWarp);
  warp = div(tid, kWarp);
}

Value GpuBuilder::block(gpu::Dimension dimension) { return gpu::BlockIdOp::create(*this, dimension); }

Value GpuBuilder::number(double value) { return arith::ConstantOp::create(*this, getF32FloatAttr(float(value))); }
Value GpuBuilder::select(Value condition, Value a, Value b) { return arith::SelectOp::create(*this, condition, a, b); }
Value GpuBuilder::equal(Value a, Value b) { return arith::CmpIOp::create(*this, arith::CmpIPredicate::eq, a, b); }
Value GpuBuilder::lessEqual(Value a, Value b) { return arith::CmpIOp::create(*this, arith::CmpIPredicate::sle, a, b); }

Value GpuBuilder::guarded(Value condition, Type type, llvm::function_ref<Value()> make) {
  auto op = scf::IfOp::create(*this, TypeRange{type}, condition, /*addThen=*/true, /*addElse=*/true);
  OpBuilder::InsertionGuard guard(*this);
  setInsertionPointToStart(&op.getThenRegion().front());
  scf::YieldOp::create(*this, make());
  setInsertionPointToStart(&op.getElseRegion().front());
  Value zero = arith::ConstantOp::create(*this, getZeroAttr(type));
  scf::YieldOp::create(*this, zero);
  return op.getResult(0);
}

static int64_t alignment(VectorType type) {
  return std::min(type.getNumElements() * type.getElementTypeBitWidth() / 8, kVectorBytes);
}

Value GpuBuilder::loadVector(Value memory, ValueRange at, int64_t lanes) {
  Type element = cast<MemRefType>(memory.getType()).getElementType();
  auto type = VectorType::get({lanes}, element);
  Value loaded = vector::LoadOp::create(*this, type, memory, at, false, llvm::MaybeAlign(alignment(type)));
  return element.isBF16() ? Value(arith::ExtFOp::create(*this, floats(lanes), loaded)) : loaded;
}

void GpuBuilder::storeVector(Value vector, Value memory, ValueRange at) {
  auto type = cast<VectorType>(vector.getType());
  if (cpu::isBf16(memory)) {
    type = VectorType::get(type.getShape(), getBF16Type());
    vector = arith::TruncFOp::create(*this, type, vector);
  }
  vector::StoreOp::create(*this, vector, memory, at, false, llvm::MaybeAlign(alignment(type)));
}

Value GpuBuilder::extract(Value vector, int64_t lane) {
  return vector::ExtractOp::create(*this, vector, ArrayRef<int64_t>(lane));
}

Value GpuBuilder::narrowed(Value x) {
  Value narrow = arith::TruncFOp::create(*this, getBF16Type(), x);
  return arith::ExtFOp::create(*this, getF32Type(), narrow);
}

Value GpuBuilder::exp2(Value x) { return math::Exp2Op::create(*this, x); }

Value GpuBuilder::squareRoot(Value x) { return math::SqrtOp::create(*this, x); }

Value GpuBuilder::shuffleXor(Value scalar, int64_t mask) {
  return gpu::ShuffleOp::create(*this, scalar, int32_t(mask), int32_t(kWarp), gpu::ShuffleMode::XOR).getShuffleResult();
}

Value GpuBuilder::warpReduce(Value scalar, Combine combine, int64_t width) {
  for (int64_t mask = width / 2; mask > 0; mask /= 2)
    scalar = combine(scalar, shuffleXor(scalar, mask));
  return scalar;
}

Value GpuBuilder::warpSum(Value scalar, int64_t width) {
  return warpReduce(scalar, [&](Value x, Value y) { return addf(x, y); }, width);
}

Value GpuBuilder::warpMaximum(Value scalar, int64_t width) {
  return warpReduce(scalar, [&](Value x, Value y) { return maximum(x, y); }, width);
}

Value GpuBuilder::blockReduce(Value scalar, Combine combine, Value memory) {
  scalar = warpReduce(scalar, combine);
  int64_t warps = threads / kWarp;
  if (warps == 1)
    return scalar;
  if (!memory)
    memory = shared({warps}, scalar.getType());
  when(equal(lane, index(0)), [&] { memref::StoreOp::create(*this, scalar, memory, warp); });
  barrier();
  Value all = memref::LoadOp::create(*this, memory, index(0));
  for (int64_t i = 1; i < warps; ++i)
    all = combine(all, memref::LoadOp::create(*this, memory, index(i)));
  return all;
}

Value GpuBuilder::asFloat(Value bits) { return arith::BitcastOp::create(*this, getF32Type(), bits); }
Value GpuBuilder::asBits(Value number) { return arith::BitcastOp::create(*this, getI32Type(), number); }

Value GpuBuilder::shared(ArrayRef<int64_t> shape, Type element) {
  auto space = gpu::AddressSpaceAttr::get(getContext(), gpu::AddressSpace::Workgroup);
  auto type = MemRefType::get(shape, element ? element : getF32Type(), MemRefLayoutAttrInterface(), space);
  Value memory = function.addWorkgroupAttribution(type, getLoc());
  // Vectors are stored there whole.
  function.setWorkgroupAttributionAttr(int(function.getNumWorkgroupAttributions()) - 1, "llvm.align",
                                       getI64IntegerAttr(kVectorBytes));
  return memory;
}

void GpuBuilder::barrier() { gpu::BarrierOp::create(*this); }

Value GpuBuilder::tableElement(ArrayRef<double> values, Value i) {
  auto module = function->getParentOfType<gpu::GPUModuleOp>();
  int64_t size = int64_t(values.size()), count = 0;
  auto type = MemRefType::get({size}, getF64Type());
  Attribute table = DenseElementsAttr::get(RankedTensorType::get({size}, getF64Type()), values);
  memref::GlobalOp found;
  for (auto global : module.getOps<memref::GlobalOp>()) {
    ++count;
    if (global.getInitialValue() == table)
      found = global;
  }
  if (!found) {
    OpBuilder top = OpBuilder::atBlockBegin(module.getBody());
    found = memref::GlobalOp::create(top, getLoc(), "table_" + std::to_string(count), top.getStringAttr("private"),
                                     type, table, /*constant=*/true, IntegerAttr());
  }
  Value memory = memref::GetGlobalOp::create(*this, type, found.getSymName());
  return memref::LoadOp::create(*this, memory, i);
}

int64_t vectorLanes(int64_t size, Type element) {
  int64_t lanes = kVectorBytes * 8 / element.getIntOrFloatBitWidth();
  while (size % lanes)
    lanes /= 2;
  return lanes;
}

} // namespace tp::cuda
