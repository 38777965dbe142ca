// compileForCuda: the passes of this folder, upstream's conversions, LLVM, the assembler, the linker.
#include "tp/Conversion/CudaProgram.h"
#include "../Description.h"
#include "../Link.h"
#include "GpuKernels.h"
#include "Ptx.h"
#include "tp/Conversion/Passes.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/GPU/GPUToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/NVVM/NVVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"

#include <set>

using namespace mlir;

namespace tp::cuda {

static constexpr int64_t kWorkspaceBytes = int64_t(32) << 20; // what cuBLASLt asks for on the newest GPUs

// Set aside for each communicator of NCCL, which allocates on its own: channels, buffers for each peer. An allowance;
// NCCL does not say what it will take.
static constexpr int64_t kNcclBytes = int64_t(512) << 20;

static int64_t ncclBytes(const cpu::CpuProgram &program) {
  std::set<std::vector<std::string>> communicators;
  for (const cpu::Collective &collective : program.collectives)
    communicators.insert(collective.axes);
  return int64_t(communicators.size()) * kNcclBytes;
}

static LogicalResult runPasses(ModuleOp module, llvm::function_ref<void(OpPassManager &)> add) {
  PassManager manager(module.getContext());
  add(manager);
  return manager.run(module);
}

static int64_t bytesOf(MemRefType type) { return roundUp(cpu::bytesOf(type), kVectorBytes); }

static std::vector<GpuKernelInfo> describeKernels(ModuleOp module) {
  std::vector<GpuKernelInfo> kernels;
  for (auto function : module.lookupSymbol<gpu::GPUModuleOp>(kKernelModule).getOps<gpu::GPUFuncOp>()) {
    GpuKernelInfo info{function.getName().str(), int64_t(function.getNumArguments())};
    for (auto [to, size] : llvm::zip_equal(info.block, *function.getKnownBlockSize()))
      to = size;
    for (BlockArgument shared : function.getWorkgroupAttributions())
      info.staticShared += bytesOf(cast<MemRefType>(shared.getType()));
    for (Type type : function.getArgumentTypes())
      if (auto memory = dyn_cast<MemRefType>(type))
        info.memoryBytes += cpu::bytesOf(memory);
    kernels.push_back(info);
  }
  return kernels;
}

static std::vector<Gemm> describeGemms(ModuleOp module) {
  std::vector<Gemm> gemms;
  for (auto entry : module->getAttrOfType<ArrayAttr>(kGemms).getAsRange<DictionaryAttr>()) {
    auto number = [&](StringRef name) { return entry.getAs<IntegerAttr>(name).getInt(); };
    auto text = [&](StringRef name) { return entry.getAs<StringAttr>(name).str(); };
    gemms.push_back({number("m"), number("n"), number("k"), text("input"), text("weight"), text("output"), text("bias"),
                     text("epilogue")});
  }
  return gemms;
}

namespace {

// The last steps, which report by llvm::Error.
class CodeGeneration {
public:
  CodeGeneration(ModuleOp module, const CudaOptions &options, CudaProgram &program)
      : module(module), options(options), program(program) {}
  llvm::Error run() {
    if (llvm::Error error = makeKernels())
      return error;
    return makeHost();
  }

private:
  llvm::Error makeKernels();
  llvm::Error makeHost();

  ModuleOp module;
  const CudaOptions &options;
  CudaProgram &program;
};

} // namespace

llvm::Error CodeGeneration::makeKernels() {
  auto ptxas = findPtxas(options.ptxas);
  if (!ptxas)
    return ptxas.takeError();
  program.ptxas = *ptxas;
  program.ptxVersion = kPtxVersion.str();
  auto kernels = module.lookupSymbol<gpu::GPUModuleOp>(kKernelModule);
  for (const std::string &arch : options.archs) {
    llvm::LLVMContext context;
    std::unique_ptr<llvm::Module> code = translateModuleToLLVMIR(kernels, context, "kernels");
    if (!code)
      return llvm::createStringError("no LLVM IR for the kernels");
    GpuModule result;
    result.arch = arch;
    auto ptx = makePtx(*code, arch);
    if (!ptx)
      return ptx.takeError();
    result.ptx = std::move(*ptx);
    if (options.kernelIr)
      llvm::raw_string_ostream(result.ir) << *code;
    if (!program.ptxas.empty()) {
      auto cubin = assemble(program.ptxas, result.ptx, arch);
      if (!cubin)
        return cubin.takeError();
      result.cubin = std::move(*cubin);
    }
    program.modules.push_back(std::move(result));
  }
  kernels.erase();
  return llvm::Error::success();
}

llvm::Error CodeGeneration::makeHost() {
  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> code = translateModuleToLLVMIR(module, context, "program");
  if (!code)
    return llvm::createStringError("no LLVM IR for the program");
  cpu::Machine machine;
  machine.cpu = machine.tune = "x86-64"; // it only launches
  auto shared = cpu::makeSharedObject(*code, machine, "");
  if (!shared)
    return shared.takeError();
  program.host.sharedObject = std::move(*shared);
  return llvm::Error::success();
}

static void loadDialects(MLIRContext &context) {
  registerBuiltinDialectTranslation(context);
  registerLLVMDialectTranslation(context);
  registerGPUDialectTranslation(context);
  registerNVVMDialectTranslation(context);
}

llvm::FailureOr<CudaProgram> compileForCuda(ModuleOp partitioned, const CudaOptions &options) {
  for (const std::string &arch : options.archs)
    if (llvm::Error error = checkArch(arch))
      return partitioned.emitError() << llvm::toString(std::move(error));
  loadDialects(*partitioned.getContext());
  OwningOpRef<ModuleOp> module = partitioned.clone();
  if (failed(runPasses(*module, [](OpPassManager &manager) { addGpuKernelPasses(manager); })))
    return failure();
  CudaProgram program;
  program.host = cpu::describeProgram(*module);
  program.host.arenaBytes += (*module)->getAttrOfType<IntegerAttr>(kScratchBytes).getInt();
  program.kernels = describeKernels(*module);
  program.gemms = describeGemms(*module);
  program.workspaceBytes = program.gemms.empty() ? 0 : kWorkspaceBytes;
  program.ncclBytes = ncclBytes(program.host);
  auto lower = [](OpPassManager &manager) {
    manager.addPass(createLowerProgramToCuda());
    addGpuToNvvmPasses(manager);
  };
  if (failed(runPasses(*module, lower)))
    return failure();
  program.events = (*module)->getAttrOfType<IntegerAttr>(kEvents).getInt();
  if (llvm::Error error = CodeGeneration(*module, options, program).run())
    return partitioned.emitError() << llvm::toString(std::move(error));
  return program;
}

} // namespace tp::cuda
