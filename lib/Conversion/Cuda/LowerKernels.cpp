// tp-lower-kernels-to-gpu, see Passes.td.
#include "GpuKernels.h"
#include "tp/Conversion/Passes.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/NVGPU/IR/NVGPUDialect.h"

namespace tp {
#define GEN_PASS_DEF_LOWERKERNELSTOGPU
#include "tp/Conversion/Passes.h.inc"
} // namespace tp

using namespace mlir;
using namespace tp;
using namespace tp::cuda;

namespace {

struct LowerKernelsToGpu : tp::impl::LowerKernelsToGpuBase<LowerKernelsToGpu> {
  using LowerKernelsToGpuBase::LowerKernelsToGpuBase;
  void runOnOperation() override;

private:
  LogicalResult lower(gpu::GPUModuleOp module, func::FuncOp source);
  bool lowerGemm(func::FuncOp source);

  SmallVector<Attribute> gemms; // equal ones once
  int64_t scratchBytes = 0;
};

} // namespace

static StringRef typeName(Value tensor) { return cpu::elementOf(tensor).isBF16() ? "bf16" : "f32"; }

// A linear of many rows is a call of the GEMM library, where its operands are of one type.
bool LowerKernelsToGpu::lowerGemm(func::FuncOp source) {
  Kernel kernel = opsOf(source);
  auto linears = kernel.all<LinearOp>();
  if (linears.size() != 1 || kernel.ops.size() != 1)
    return false;
  LinearOp op = linears.front();
  int64_t k = cpu::shapeOf(op.getInput()).back(), m = cpu::elementsOf(op.getInput()) / k;
  if (m <= cpu::kGemvRows || typeName(op.getInput()) != typeName(op.getWeight()))
    return false;
  Builder b(&getContext());
  auto number = [&](StringRef name, int64_t value) { return b.getNamedAttr(name, b.getI64IntegerAttr(value)); };
  auto text = [&](StringRef name, StringRef value) { return b.getNamedAttr(name, b.getStringAttr(value)); };
  Attribute gemm =
      b.getDictionaryAttr({number("m", m), number("n", cpu::shapeOf(op.getResult()).back()), number("k", k),
                           text("input", typeName(op.getInput())), text("weight", typeName(op.getWeight())),
                           text("output", typeName(op.getResult())),
                           text("bias", op.getBias() ? typeName(op.getBias()) : ""), text("epilogue", "none")});
  auto *it = llvm::find(gemms, gemm);
  source->setAttr(kGemm, b.getI64IntegerAttr(it - gemms.begin()));
  if (it == gemms.end())
    gemms.push_back(gemm);
  return true;
}

static LogicalResult emit(Launches &launches) {
  Kernel kernel = opsOf(launches.function());
  auto any = [&](auto... tags) { return (!kernel.all<decltype(tags)>().empty() || ...); };
  if (any(SdpaOp()))
    emitSdpa(launches);
  else if (any(KvUpdateOp()))
    emitKvUpdate(launches);
  else if (any(LinearOp()))
    emitGemv(launches);
  else if (any(RmsNormOp(), LayerNormOp()))
    emitNorm(launches);
  else if (any(RopeOp()))
    emitRope(launches);
  else if (any(EmbeddingOp()))
    emitEmbedding(launches);
  else if (any(TakeRowOp()))
    emitTakeRow(launches);
  else if (any(TopPairsOp()))
    emitTopPairs(launches);
  else if (any(BestIndexOp()))
    emitBestIndex(launches);
  else if (any(AllSliceOp(), AsPartialOp(), ShiftIndexOp(), MaskPaddingOp()))
    emitLocal(launches);
  else if (llvm::all_of(kernel.ops, [](Operation *op) { return cpu::isElementwise(op) || cpu::isSplat(op); }))
    emitElementwise(launches);
  else
    return kernel.ops.front()->emitError() << "no CUDA lowering for op '" << kernel.ops.front()->getName() << "'";
  return success();
}

LogicalResult LowerKernelsToGpu::lower(gpu::GPUModuleOp module, func::FuncOp source) {
  if (lowerGemm(source))
    return success();
  Launches launches(module, source);
  if (failed(emit(launches)))
    return failure();
  launches.finish();
  int64_t bytes = 0;
  if (auto scratch = source->getAttrOfType<DenseI64ArrayAttr>(kScratch))
    for (int64_t each : scratch.asArrayRef())
      bytes += roundUp(each, kDeviceAlign);
  scratchBytes = std::max(scratchBytes, bytes);
  return success();
}

void LowerKernelsToGpu::runOnOperation() {
  ModuleOp module = getOperation();
  OpBuilder b = OpBuilder::atBlockEnd(module.getBody());
  auto kernels = gpu::GPUModuleOp::create(b, module.getLoc(), kKernelModule);
  SmallVector<func::FuncOp> functions(module.getOps<func::FuncOp>());
  for (func::FuncOp function : functions)
    if (cpu::isKernel(function) && failed(lower(kernels, function)))
      return signalPassFailure();
  module->setAttr(gpu::GPUDialect::getContainerModuleAttrName(), b.getUnitAttr());
  module->setAttr(kGemms, b.getArrayAttr(gemms));
  module->setAttr(kScratchBytes, b.getI64IntegerAttr(scratchBytes));
}
