#include "GpuKernels.h"

using namespace mlir;

namespace tp::cuda {

Kernel opsOf(func::FuncOp source) {
  Kernel kernel;
  kernel.source = source;
  for (Operation &op : source.front().without_terminator())
    kernel.ops.push_back(&op);
  return kernel;
}

static gpu::GPUFuncOp declare(gpu::GPUModuleOp module, func::FuncOp source, StringRef name, ArrayRef<int64_t> scratch,
                              int64_t threads) {
  OpBuilder b = OpBuilder::atBlockEnd(module.getBody());
  SmallVector<Type> types = {b.getIndexType()};
  for (Type type : source.getArgumentTypes())
    types.push_back(cpu::physicalType(cast<RankedTensorType>(type), "plain"));
  for (auto [i, type] : llvm::enumerate(source.getResultTypes()))
    if (!cpu::aliasOf(source, i))
      types.push_back(cpu::physicalType(cast<RankedTensorType>(type), "plain"));
  for (int64_t elements : scratch)
    types.push_back(MemRefType::get({elements}, b.getF32Type()));
  if (auto sequences = source->getAttrOfType<IntegerAttr>(kRowsInUse))
    types.push_back(MemRefType::get({sequences.getInt()}, b.getI32Type()));
  auto function = gpu::GPUFuncOp::create(b, source.getLoc(), name, b.getFunctionType(types, {}));
  function->setAttr(gpu::GPUDialect::getKernelFuncAttrName(), b.getUnitAttr());
  function.setKnownBlockSizeAttr(b.getDenseI32ArrayAttr({int32_t(threads), 1, 1}));
  OpBuilder end = OpBuilder::atBlockEnd(&function.front());
  gpu::ReturnOp::create(end, source.getLoc());
  return function;
}

GpuKernel Launches::begin(StringRef suffix, Grid grid, int64_t threads) {
  std::string name = (source.getName() + (suffix.empty() ? "" : "_") + suffix).str();
  gpu::GPUFuncOp function = declare(module, source, name, scratch, threads);
  Builder b(module.getContext());
  launches.push_back(b.getDictionaryAttr({
      b.getNamedAttr("kernel", FlatSymbolRefAttr::get(b.getContext(), name)),
      b.getNamedAttr("grid", b.getDenseI32ArrayAttr({int32_t(grid.x), int32_t(grid.y), int32_t(grid.z)})),
      b.getNamedAttr("block", b.getDenseI32ArrayAttr({int32_t(threads), 1, 1})),
  }));
  GpuKernel result{GpuBuilder(function, threads), opsOf(source), {}, {}};
  unsigned next = 1;
  for (unsigned i = 0; i < source.getNumArguments(); ++i)
    result.kernel.inputs.push_back(function.getArgument(next++));
  for (unsigned i = 0; i < source.getNumResults(); ++i) {
    std::optional<unsigned> alias = cpu::aliasOf(source, i);
    result.kernel.outputs.push_back(alias ? result.kernel.inputs[*alias] : Value(function.getArgument(next++)));
  }
  for (size_t i = 0; i < scratch.size(); ++i)
    result.scratch.push_back(function.getArgument(next++));
  if (source->hasAttr(kRowsInUse))
    result.last = function.getArgument(next);
  return result;
}

Value GpuKernel::rowsInUse(Value sequence, int64_t rows) {
  if (!last)
    return nullptr;
  Value address = memref::ExtractAlignedPointerAsIndexOp::create(b, last);
  Value known = arith::CmpIOp::create(b, arith::CmpIPredicate::ne, address, b.index(0));
  Value row = b.guarded(known, b.getI32Type(), [&] { return b.loadScalar(last, sequence); });
  return b.select(known, b.add(b.toIndex(row), 1), b.index(rows));
}

void Launches::finish() {
  Builder b(module.getContext());
  source->setAttr(kLaunches, b.getArrayAttr(launches));
  SmallVector<int64_t> bytes;
  for (int64_t elements : scratch)
    bytes.push_back(elements * 4);
  if (!bytes.empty())
    source->setAttr(kScratch, b.getDenseI64ArrayAttr(bytes));
}

} // namespace tp::cuda
