// Kernels and program on memory to the LLVM dialect: upstream's conversions in order.
#include "tp/Conversion/Passes.h"

#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;

namespace {

// exp and erf as polynomials, so that the program needs no mathematics library.
struct ApproximateMath : PassWrapper<ApproximateMath, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(ApproximateMath)
  StringRef getArgument() const override { return "tp-approximate-math"; }
  StringRef getDescription() const override { return "exp and erf as polynomials"; }
  void getDependentDialects(DialectRegistry &registry) const override {
    registry.insert<math::MathDialect, vector::VectorDialect, arith::ArithDialect>();
  }
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    populateMathPolynomialApproximationPatterns(
        patterns, [](StringRef name) { return name == "math.exp" || name == "math.erf"; });
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

// Masked loads and stores of bf16 as i16: without AVX-512 the code generator takes them apart, and would convert each
// element by a library call.
struct MaskBf16AsInteger : PassWrapper<MaskBf16AsInteger, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(MaskBf16AsInteger)
  StringRef getArgument() const override { return "tp-mask-bf16-as-integer"; }
  StringRef getDescription() const override { return "masked loads and stores of bf16 as i16"; }
  void runOnOperation() override {
    getOperation().walk([](Operation *op) {
      OpBuilder b(op);
      auto integers = [&](Type type) { return cast<VectorType>(type).clone(b.getI16Type()); };
      auto isBf16 = [](Type type) { return cast<VectorType>(type).getElementType().isBF16(); };
      if (auto load = dyn_cast<LLVM::MaskedLoadOp>(op); load && isBf16(load.getType())) {
        Value zero = LLVM::ZeroOp::create(b, load.getLoc(), integers(load.getType()));
        Value loaded = LLVM::MaskedLoadOp::create(b, load.getLoc(), zero.getType(), load.getData(), load.getMask(),
                                                  zero, load.getAlignmentAttr());
        load.getRes().replaceAllUsesWith(LLVM::BitcastOp::create(b, load.getLoc(), load.getType(), loaded));
        load.erase();
      } else if (auto store = dyn_cast<LLVM::MaskedStoreOp>(op); store && isBf16(store.getValue().getType())) {
        store.getValueMutable().assign(
            LLVM::BitcastOp::create(b, store.getLoc(), integers(store.getValue().getType()), store.getValue()));
      }
    });
  }
};

} // namespace

namespace tp {

void addCpuKernelPasses(OpPassManager &manager, const LowerKernelsOptions &options, bool fuse) {
  manager.addPass(createAssignLayouts());
  manager.addPass(createOutlineKernels({fuse, "cpu"}));
  manager.addPass(createPlanMemory());
  manager.addPass(createLowerKernels(options));
  manager.addPass(createLowerProgram());
  manager.addPass(createCanonicalizerPass());
  manager.addPass(createCSEPass());
}

void addCpuToLlvmPasses(OpPassManager &manager, bool nativeBf16) {
  manager.addPass(std::make_unique<ApproximateMath>());
  if (!nativeBf16)
    manager.addPass(arith::createArithExpandOpsPass({/*includeBf16=*/true}));
  manager.addPass(createSCFToControlFlowPass());
  ConvertVectorToLLVMPassOptions vector;
  vector.reassociateFPReductions = true;
  vector.x86Vector = true;
  manager.addPass(createConvertVectorToLLVMPass(vector));
  manager.addPass(createFinalizeMemRefToLLVMConversionPass());
  manager.addPass(createConvertMathToLLVMPass());
  manager.addPass(createArithToLLVMConversionPass());
  manager.addPass(createConvertControlFlowToLLVMPass());
  ConvertFuncToLLVMPassOptions function;
  function.useBarePtrCallConv = true;
  manager.addPass(createConvertFuncToLLVMPass(function));
  manager.addPass(createReconcileUnrealizedCastsPass());
  manager.addPass(std::make_unique<MaskBf16AsInteger>());
  manager.addPass(createCanonicalizerPass());
}

} // namespace tp
