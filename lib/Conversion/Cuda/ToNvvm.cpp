// gpu.module @kernels to the NVVM and LLVM dialects: upstream's conversions in order.
#include "tp/Conversion/Passes.h"

#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/ControlFlowToLLVM/ControlFlowToLLVM.h"
#include "mlir/Conversion/GPUToNVVM/GPUToNVVMPass.h"
#include "mlir/Conversion/LLVMCommon/ConversionTarget.h"
#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/Conversion/MathToLLVM/MathToLLVM.h"
#include "mlir/Conversion/MemRefToLLVM/MemRefToLLVM.h"
#include "mlir/Conversion/NVGPUToNVVM/NVGPUToNVVM.h"
#include "mlir/Conversion/Passes.h"
#include "mlir/Conversion/VectorToLLVM/ConvertVectorToLLVM.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "mlir/Transforms/Passes.h"

#include <cmath>

using namespace mlir;

namespace {

// exp as a power of two, which the hardware has; erf as a polynomial: no device library is linked.
struct GpuMath : PassWrapper<GpuMath, OperationPass<gpu::GPUModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(GpuMath)
  StringRef getArgument() const override { return "tp-gpu-math"; }
  StringRef getDescription() const override { return "exp by exp2, erf as a polynomial"; }
  void getDependentDialects(DialectRegistry &registry) const override {
    registry.insert<math::MathDialect, vector::VectorDialect, arith::ArithDialect, LLVM::LLVMDialect>();
  }
  void runOnOperation() override {
    getOperation().walk([](math::ExpOp op) {
      OpBuilder b(op);
      auto type = op.getType();
      TypedAttr scale = b.getFloatAttr(getElementTypeOrSelf(type), M_LOG2E);
      if (auto shaped = dyn_cast<ShapedType>(type))
        scale = DenseElementsAttr::get(shaped, Attribute(scale));
      Value factor = arith::ConstantOp::create(b, op.getLoc(), scale);
      Value scaled = arith::MulFOp::create(b, op.getLoc(), op.getOperand(), factor);
      op.replaceAllUsesWith(Value(math::Exp2Op::create(b, op.getLoc(), scaled)));
      op.erase();
    });
    RewritePatternSet patterns(&getContext());
    populateMathPolynomialApproximationPatterns(patterns, [](StringRef name) { return name == "math.erf"; });
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

// Everything to LLVM and NVVM at once, with shared memory in its address space and mathematics as LLVM's own.
struct GpuToNvvm : PassWrapper<GpuToNvvm, OperationPass<gpu::GPUModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(GpuToNvvm)
  StringRef getArgument() const override { return "tp-gpu-to-nvvm"; }
  StringRef getDescription() const override { return "gpu, vector, memref, math to NVVM and LLVM"; }
  void getDependentDialects(DialectRegistry &registry) const override {
    registry.insert<LLVM::LLVMDialect, NVVM::NVVMDialect>();
  }
  void runOnOperation() override {
    LowerToLLVMOptions options(&getContext());
    options.useBarePtrCallConv = true;
    LLVMTypeConverter converter(&getContext(), options);
    configureGpuToNVVMTypeConverter(converter);
    RewritePatternSet patterns(&getContext());
    populateGpuToNVVMConversionPatterns(converter, patterns);
    populateNVGPUToNVVMConversionPatterns(converter, patterns);
    populateMathToLLVMConversionPatterns(converter, patterns, false);
    populateVectorToLLVMConversionPatterns(converter, patterns, /*reassociateFPReductions=*/true);
    populateFinalizeMemRefToLLVMConversionPatterns(converter, patterns);
    arith::populateArithToLLVMConversionPatterns(converter, patterns);
    cf::populateControlFlowToLLVMConversionPatterns(converter, patterns);
    LLVMConversionTarget target(getContext());
    target.addLegalDialect<NVVM::NVVMDialect>();
    target.addLegalOp<gpu::GPUModuleOp>();
    if (failed(applyPartialConversion(getOperation(), target, std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace

namespace tp {

void addGpuKernelPasses(OpPassManager &manager, bool fuse) {
  manager.addPass(createUnrollLayers());
  manager.addPass(createAddTokenEntries());
  manager.addPass(createAssignLayouts({"cuda"}));
  manager.addPass(createOutlineKernels({fuse, "cuda"}));
  manager.addPass(createPlanMemory({256}));
  manager.addPass(createLowerKernelsToGpu());
}

void addGpuToNvvmPasses(OpPassManager &manager) {
  OpPassManager &gpu = manager.nest<gpu::GPUModuleOp>();
  gpu.addPass(createCanonicalizerPass());
  gpu.addPass(createCSEPass());
  gpu.addPass(std::make_unique<GpuMath>());
  gpu.addPass(createLoopInvariantCodeMotionPass());
  gpu.addPass(createSCFToControlFlowPass());
  gpu.addPass(memref::createExpandStridedMetadataPass());
  gpu.addPass(std::make_unique<GpuToNvvm>());
  gpu.addPass(createReconcileUnrealizedCastsPass());
  gpu.addPass(createCanonicalizerPass());
  gpu.addPass(createCSEPass());
}

} // namespace tp
