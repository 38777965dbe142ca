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

// A CPU without bf16 only moves it: as i16. Where the code generator takes a vector of bf16 apart (masked loads and
// stores, shuffles), it would convert each element by a library call.
struct Bf16AsInteger : PassWrapper<Bf16AsInteger, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(Bf16AsInteger)
  StringRef getArgument() const override { return "tp-bf16-as-integer"; }
  StringRef getDescription() const override { return "bf16 as i16"; }
  void runOnOperation() override {
    AttrTypeReplacer replacer;
    replacer.addReplacement([](BFloat16Type type) -> Type { return IntegerType::get(type.getContext(), 16); });
    replacer.addReplacement([](FloatAttr attribute) -> Attribute {
      if (!attribute.getType().isBF16())
        return attribute;
      return IntegerAttr::get(IntegerType::get(attribute.getContext(), 16), attribute.getValue().bitcastToAPInt());
    });
    replacer.addReplacement([](DenseFPElementsAttr attribute) -> Attribute {
      if (!attribute.getElementType().isBF16())
        return attribute;
      return attribute.bitcast(IntegerType::get(attribute.getContext(), 16));
    });
    replacer.recursivelyReplaceElementsIn(getOperation(), /*replaceAttrs=*/true, /*replaceLocs=*/false,
                                          /*replaceTypes=*/true);
  }
};

} // namespace

namespace tp {

void addCpuKernelPasses(OpPassManager &manager, const LowerKernelsOptions &options, bool fuse) {
  manager.addPass(createUnrollLayers());
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
  if (!nativeBf16)
    manager.addPass(std::make_unique<Bf16AsInteger>());
  manager.addPass(createCanonicalizerPass());
}

} // namespace tp
