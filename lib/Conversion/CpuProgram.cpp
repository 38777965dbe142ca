// compileForCpu: the passes of this folder, upstream's conversions, LLVM, the linker.
#include "tp/Conversion/CpuProgram.h"
#include "Description.h"
#include "Link.h"
#include "tp/Conversion/Passes.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;

namespace tp {
namespace generated {
#define GEN_PASS_REGISTRATION
#include "tp/Conversion/Passes.h.inc"
} // namespace generated

namespace {
struct ToCpuOptions : PassPipelineOptions<ToCpuOptions> {
  Option<std::string> cpu{*this, "cpu", llvm::cl::desc("LLVM's name of the CPU; empty: this machine")};
  Option<std::string> features{*this, "features", llvm::cl::desc("as in llc -mattr")};
  Option<bool> fuse{*this, "fuse", llvm::cl::desc("fuse more than elementwise chains"), llvm::cl::init(true)};
};
struct ToCudaOptions : PassPipelineOptions<ToCudaOptions> {
  Option<bool> fuse{*this, "fuse", llvm::cl::desc("fuse more than elementwise chains"), llvm::cl::init(true)};
  Option<std::string> until{*this, "until", llvm::cl::desc("gpu: stop at gpu.func; empty: host code and NVVM"),
                            llvm::cl::init("")};
};
} // namespace

void registerConversionPasses() {
  generated::registerConversionPasses();
  PassPipelineRegistration<ToCpuOptions>("tp-lower-to-cpu",
                                         "partitioned program to loops and vectors on planned memory",
                                         [](OpPassManager &manager, const ToCpuOptions &options) {
                                           addCpuKernelPasses(manager, {options.cpu, options.features}, options.fuse);
                                         });
  PassPipelineRegistration<ToCudaOptions>(
      "tp-lower-to-cuda", "partitioned program to GPU kernels in NVVM, and host code that launches them",
      [](OpPassManager &manager, const ToCudaOptions &options) {
        addGpuKernelPasses(manager, options.fuse);
        if (options.until == "gpu")
          return;
        manager.addPass(createLowerProgramToCuda());
        addGpuToNvvmPasses(manager);
      });
}

} // namespace tp

namespace tp::cpu {

static LogicalResult runPasses(ModuleOp module, llvm::function_ref<void(OpPassManager &)> add) {
  PassManager manager(module.getContext());
  add(manager);
  return manager.run(module);
}

static LogicalResult saveModule(ModuleOp module, const std::string &folder) {
  if (folder.empty())
    return success();
  std::error_code code = llvm::sys::fs::create_directories(folder);
  llvm::raw_fd_ostream out(folder + "/program.mlir", code);
  if (code)
    return module.emitError() << "cannot write '" << folder << "/program.mlir': " << code.message();
  module.print(out);
  return success();
}

llvm::FailureOr<CpuProgram> compileForCpu(ModuleOp partitioned, const CpuOptions &options) {
  auto machine = resolveMachine(options.cpu, options.features);
  if (!machine)
    return partitioned.emitError() << llvm::toString(machine.takeError());
  MLIRContext *context = partitioned.getContext();
  registerBuiltinDialectTranslation(*context);
  registerLLVMDialectTranslation(*context);
  OwningOpRef<ModuleOp> module = partitioned.clone();
  auto plan = [](OpPassManager &manager) {
    manager.addPass(createAssignLayouts());
    manager.addPass(createOutlineKernels());
    manager.addPass(createPlanMemory());
  };
  if (failed(runPasses(*module, plan)))
    return failure();
  CpuProgram program = describeProgram(*module);
  program.features = machine->required;
  auto lower = [&](OpPassManager &manager) {
    manager.addPass(createLowerKernels({options.cpu, options.features}));
    manager.addPass(createLowerProgram());
  };
  if (failed(runPasses(*module, lower)) || failed(saveModule(*module, options.saveTemps)))
    return failure();
  if (failed(runPasses(*module, [&](OpPassManager &manager) { addCpuToLlvmPasses(manager, machine->target.bf16Dot); })))
    return failure();
  llvm::LLVMContext llvmContext;
  std::unique_ptr<llvm::Module> code = translateModuleToLLVMIR(*module, llvmContext, "program");
  if (!code)
    return partitioned.emitError() << "no LLVM IR for the program";
  auto shared = makeSharedObject(*code, *machine, options.saveTemps);
  if (!shared)
    return partitioned.emitError() << llvm::toString(shared.takeError());
  program.sharedObject = std::move(*shared);
  return program;
}

} // namespace tp::cpu
