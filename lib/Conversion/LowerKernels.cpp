// tp-lower-kernels, see Passes.td.
#include "HostTarget.h"
#include "Kernels.h"
#include "Rows.h"
#include "tp/Conversion/Passes.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/X86Vector/X86VectorDialect.h"

namespace tp {
#define GEN_PASS_DEF_LOWERKERNELS
#include "tp/Conversion/Passes.h.inc"
} // namespace tp

using namespace mlir;
using namespace tp;
using namespace tp::cpu;

namespace {

struct LowerKernels : tp::impl::LowerKernelsBase<LowerKernels> {
  using LowerKernelsBase::LowerKernelsBase;
  void runOnOperation() override;

private:
  LogicalResult lower(func::FuncOp source, Target target, int64_t rows);
};

} // namespace

// The kernel on memory: (thread, threads, rank, rows in use, arguments..., results that are not held in an
// argument...).
static func::FuncOp declare(func::FuncOp source) {
  Builder b(source.getContext());
  SmallVector<Type> types(KernelBuilder::kOwnArguments, b.getIndexType());
  for (auto [i, type] : llvm::enumerate(source.getArgumentTypes()))
    types.push_back(physicalType(cast<RankedTensorType>(type), argLayout(source, i)));
  for (auto [i, type] : llvm::enumerate(source.getResultTypes()))
    if (!aliasOf(source, i))
      types.push_back(physicalType(cast<RankedTensorType>(type), resultLayout(source, i)));
  auto function = func::FuncOp::create(source.getLoc(), loweredName(source), b.getFunctionType(types, {}));
  function.setPrivate();
  function->setAttr("llvm.linkage", LLVM::LinkageAttr::get(source.getContext(), LLVM::Linkage::Internal));
  function->setAttr("passthrough", b.getStrArrayAttr({"noinline"}));
  return function;
}

// The layout that a kernel without ops copies its argument into, where it is another.
static StringRef packLayout(func::FuncOp source) {
  if (source.getNumArguments() != 1 || source.getNumResults() != 1 || argLayout(source, 0) == resultLayout(source, 0))
    return "";
  return resultLayout(source, 0);
}

static LogicalResult emit(KernelBuilder &b, Kernel &kernel) {
  auto any = [&](auto tag) { return !kernel.all<decltype(tag)>().empty(); };
  StringRef pack = packLayout(kernel.source);
  if (!pack.empty() && kernel.ops.empty()) {
    if (argLayout(kernel.source, 0) != "plain")
      return kernel.source.emitError() << "no CPU lowering for a value with layout " << argLayout(kernel.source, 0)
                                       << " that is needed as " << pack;
    emitPack(b, kernel, pack);
  } else if (any(SdpaOp())) {
    emitSdpa(b, kernel);
  } else if (any(KvUpdateOp())) {
    emitKvUpdate(b, kernel);
  } else if (any(LinearOp())) {
    emitLinear(b, kernel);
  } else if (any(RmsNormOp()) || any(LayerNormOp())) {
    emitNorm(b, kernel);
  } else if (any(RopeOp())) {
    emitRope(b, kernel);
  } else if (any(EmbeddingOp())) {
    emitEmbedding(b, kernel);
  } else if (any(RelativeBiasOp())) {
    emitRelativeBias(b, kernel);
  } else if (any(RelativeScoresOp())) {
    emitRelativeScores(b, kernel);
  } else if (any(SinusoidOp())) {
    emitSinusoid(b, kernel);
  } else if (any(RouteOp())) {
    emitRoute(b, kernel);
  } else if (any(ExpertUpOp())) {
    emitExpertUp(b, kernel);
  } else if (any(ExpertDownOp())) {
    emitExpertDown(b, kernel);
  } else if (any(TakeRowOp())) {
    emitTakeRow(b, kernel);
  } else if (any(AllSliceOp()) || any(AsPartialOp()) || any(ShiftIndexOp()) || any(MaskPaddingOp()) ||
             any(tensor::ExtractSliceOp()) || any(tensor::ConcatOp())) {
    emitLocal(b, kernel);
  } else if (llvm::all_of(kernel.ops, [](Operation *op) { return isElementwise(op) || isSplat(op); })) {
    emitElementwise(b, kernel);
  } else {
    return kernel.ops.front()->emitError() << "no CPU lowering for op '" << kernel.ops.front()->getName() << "'";
  }
  return success();
}

LogicalResult LowerKernels::lower(func::FuncOp source, Target target, int64_t rows) {
  func::FuncOp function = declare(source);
  SymbolTable(getOperation()).insert(function, Block::iterator(source));
  function.addEntryBlock();
  OpBuilder end = OpBuilder::atBlockEnd(&function.front());
  func::ReturnOp::create(end, source.getLoc());
  Kernel kernel{source, {}, {}, {}};
  unsigned next = KernelBuilder::kOwnArguments;
  for (unsigned i = 0; i < source.getNumArguments(); ++i)
    kernel.inputs.push_back(function.getArgument(next++));
  for (unsigned i = 0; i < source.getNumResults(); ++i)
    kernel.outputs.push_back(aliasOf(source, i) ? kernel.inputs[*aliasOf(source, i)]
                                                : Value(function.getArgument(next++)));
  for (Operation &op : source.front().without_terminator())
    kernel.ops.push_back(&op);
  KernelBuilder b(function, target, rows);
  return emit(b, kernel);
}

void LowerKernels::runOnOperation() {
  auto machine = resolveMachine(cpu, features);
  if (!machine) {
    getOperation().emitError() << llvm::toString(machine.takeError());
    return signalPassFailure();
  }
  SmallVector<func::FuncOp> functions(getOperation().getOps<func::FuncOp>());
  DenseMap<Operation *, int64_t> rows = rowsOfEntries(getOperation());
  for (func::FuncOp function : functions)
    if (isKernel(function) && failed(lower(function, machine->target, rows.lookup(function))))
      return signalPassFailure();
}
