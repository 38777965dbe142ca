// tp-lower-kernels-to-gpu, see Passes.td.
#include "../Rows.h"
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

// The epilogue that computes the ops of a kernel behind its one linear; none where the library has none.
static std::optional<StringRef> epilogueOf(const Kernel &kernel) {
  if (kernel.ops.size() == 1)
    return "none";
  if (kernel.ops.size() != 2)
    return std::nullopt;
  auto activation = dyn_cast<ActivationOp>(kernel.ops.back());
  if (!activation || !cpu::isGemmActivation(activation.getKind()))
    return std::nullopt;
  return stringifyActivationKind(activation.getKind());
}

// A linear of many rows, with the activation behind it, is a call of the GEMM library, where its operands are of one
// type.
bool LowerKernelsToGpu::lowerGemm(func::FuncOp source) {
  Kernel kernel = opsOf(source);
  auto linears = kernel.all<LinearOp>();
  std::optional<StringRef> epilogue = epilogueOf(kernel);
  if (linears.size() != 1 || !epilogue)
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
                           text("output", typeName(kernel.results().front())),
                           text("bias", op.getBias() ? typeName(op.getBias()) : ""), text("epilogue", *epilogue)});
  auto *it = llvm::find(gemms, gemm);
  source->setAttr(kGemm, b.getI64IntegerAttr(it - gemms.begin()));
  if (it == gemms.end())
    gemms.push_back(gemm);
  return true;
}

// Kernels that pass over the padding of a chunk of `rows` rows. Others compute it: their time is that of the weights'
// bytes.
static void markRowsInUse(func::FuncOp source, int64_t rows) {
  if (rows <= 1)
    return;
  for (Operation *op : opsOf(source).ops)
    if (isa<SdpaOp, RouteOp>(op))
      if (ArrayRef<int64_t> shape = cpu::shapeOf(op->getResult(0)); shape.size() > 2 && shape[1] == rows)
        source->setAttr(kRowsInUse, Builder(source.getContext()).getI64IntegerAttr(shape[0]));
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
  else if (any(SampleOp()))
    emitSample(launches);
  else if (any(RouteOp()))
    emitRoute(launches);
  else if (any(ExpertUpOp()))
    emitExpertUp(launches);
  else if (any(ExpertDownOp()))
    emitExpertDown(launches);
  else if (any(RelativeBiasOp()))
    emitRelativeBias(launches);
  else if (any(RelativeScoresOp()))
    emitRelativeScores(launches);
  else if (any(SinusoidOp()))
    emitSinusoid(launches);
  else if (any(AllSliceOp(), AsPartialOp(), ShiftIndexOp(), MaskPaddingOp(), tensor::ExtractSliceOp(),
               tensor::ConcatOp()))
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
  DenseMap<Operation *, int64_t> rows = cpu::rowsOfEntries(module);
  for (func::FuncOp function : functions) {
    if (!cpu::isKernel(function))
      continue;
    markRowsInUse(function, rows.lookup(function));
    if (failed(lower(kernels, function)))
      return signalPassFailure();
  }
  module->setAttr(gpu::GPUDialect::getContainerModuleAttrName(), b.getUnitAttr());
  module->setAttr(kGemms, b.getArrayAttr(gemms));
  module->setAttr(kScratchBytes, b.getI64IntegerAttr(scratchBytes));
}
