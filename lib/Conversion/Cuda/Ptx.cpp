#include "Ptx.h"

#include "llvm/IR/LegacyPassManager.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/Transforms/Utils/Cloning.h"

namespace tp::cuda {

static llvm::Expected<std::unique_ptr<llvm::TargetMachine>> makeTarget(llvm::StringRef arch) {
  static const bool initialized = [] {
    LLVMInitializeNVPTXTargetInfo();
    LLVMInitializeNVPTXTarget();
    LLVMInitializeNVPTXTargetMC();
    LLVMInitializeNVPTXAsmPrinter();
    return true;
  }();
  (void)initialized;
  llvm::Triple triple("nvptx64-nvidia-cuda");
  std::string error;
  const llvm::Target *target = llvm::TargetRegistry::lookupTarget(triple, error);
  if (!target)
    return llvm::createStringError("no code generator for GPUs: " + error);
  std::unique_ptr<llvm::MCSubtargetInfo> known(target->createMCSubtargetInfo(triple, "", ""));
  llvm::StringRef digits = arch;
  unsigned version = 0;
  bool number = digits.consume_front("sm_") && !digits.getAsInteger(10, version);
  if (!number || !known->isCPUStringValid(arch))
    return llvm::createStringError("unknown GPU architecture '" + arch +
                                   "': expected sm_80, sm_90 or another that LLVM knows");
  if (version < 80)
    return llvm::createStringError("no kernels for '" + arch + "': expected sm_80 or later");
  std::string features = "+ptx80";
  llvm::TargetOptions options;
  options.AllowFPOpFusion = llvm::FPOpFusion::Fast;
  return std::unique_ptr<llvm::TargetMachine>(target->createTargetMachine(
      triple, arch, features, options, llvm::Reloc::PIC_, std::nullopt, llvm::CodeGenOptLevel::Aggressive));
}

llvm::Error checkArch(llvm::StringRef arch) {
  auto target = makeTarget(arch);
  return target ? llvm::Error::success() : target.takeError();
}

static void optimize(llvm::Module &module, llvm::TargetMachine &target) {
  llvm::PassBuilder builder(&target);
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager sccs;
  llvm::ModuleAnalysisManager modules;
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(sccs);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, sccs, modules);
  builder.buildPerModuleDefaultPipeline(llvm::OptimizationLevel::O3).run(module, modules);
}

llvm::Expected<std::string> makePtx(llvm::Module &module, llvm::StringRef arch) {
  auto target = makeTarget(arch);
  if (!target)
    return target.takeError();
  module.setDataLayout((*target)->createDataLayout());
  module.setTargetTriple((*target)->getTargetTriple());
  optimize(module, **target);
  llvm::SmallString<0> text;
  llvm::raw_svector_ostream out(text);
  llvm::legacy::PassManager emitter;
  // The emitter changes the module: a copy, so that what is left is what went in.
  std::unique_ptr<llvm::Module> copy = llvm::CloneModule(module);
  if ((*target)->addPassesToEmitFile(emitter, out, nullptr, llvm::CodeGenFileType::AssemblyFile))
    return llvm::createStringError("the code generator cannot write PTX");
  emitter.run(*copy);
  return text.str().str();
}

} // namespace tp::cuda
