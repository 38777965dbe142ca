#include "Link.h"

#include "lld/Common/Driver.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/TargetParser/Host.h"

LLD_HAS_DRIVER(elf)

using namespace tp::cpu;

static std::unique_ptr<llvm::TargetMachine> targetMachine(const Machine &machine, std::string &error) {
  llvm::InitializeNativeTarget();
  llvm::InitializeNativeTargetAsmPrinter();
  llvm::Triple triple(llvm::sys::getDefaultTargetTriple());
  const llvm::Target *target = llvm::TargetRegistry::lookupTarget(triple, error);
  if (!target)
    return nullptr;
  return std::unique_ptr<llvm::TargetMachine>(target->createTargetMachine(triple, machine.cpu, machine.features, llvm::TargetOptions(),
                                                                          llvm::Reloc::PIC_, std::nullopt, llvm::CodeGenOptLevel::Aggressive));
}

Machine tp::cpu::hostMachine(const CpuOptions &options) {
  Machine machine;
  machine.cpu = options.cpu.empty() ? llvm::sys::getHostCPUName().str() : options.cpu;
  machine.features = options.features;
  if (options.cpu.empty() && options.features.empty())
    for (const auto &[feature, on] : llvm::sys::getHostCPUFeatures())
      machine.features += (machine.features.empty() ? "" : ",") + std::string(on ? "+" : "-") + feature.str();
  std::string error;
  std::unique_ptr<llvm::TargetMachine> target = targetMachine(machine, error);
  if (!target)
    return machine;
  // What the code generator may use.
  const std::pair<const char *, const char *> names[] = {
      {"avx", "avx"},           {"avx2", "avx2"},         {"fma", "fma"},           {"f16c", "f16c"},         {"avx512f", "avx512f"},
      {"avx512bw", "avx512bw"}, {"avx512dq", "avx512dq"}, {"avx512vl", "avx512vl"}, {"bmi", "bmi"},          {"bmi2", "bmi2"},
      {"avx512bf16", "avx512bf16"}};
  for (auto [llvmName, name] : names)
    if (target->getMCSubtargetInfo()->checkFeatures(std::string("+") + llvmName))
      machine.required.push_back(name);
  machine.avx512bf16 = target->getMCSubtargetInfo()->checkFeatures("+avx512bf16");
  return machine;
}

bool tp::cpu::linkProgram(llvm::Module &module, const Machine &machine, const CpuOptions &options, std::string &sharedObject, std::string &error) {
  std::unique_ptr<llvm::TargetMachine> target = targetMachine(machine, error);
  if (!target)
    return false;
  module.setDataLayout(target->createDataLayout());
  module.setTargetTriple(target->getTargetTriple());
  for (llvm::Function &function : module) {
    if (function.isDeclaration())
      continue;
    function.addFnAttr("prefer-vector-width", "512");
    function.addFnAttr("target-cpu", machine.cpu);
    function.addFnAttr("target-features", machine.features);
  }
  llvm::PassBuilder builder(target.get());
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager sccs;
  llvm::ModuleAnalysisManager modules;
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(sccs);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, sccs, modules);
  builder.buildPerModuleDefaultPipeline(llvm::OptimizationLevel::O2).run(module, modules);

  llvm::SmallString<128> object, shared;
  if (llvm::sys::fs::createTemporaryFile("tp-program", "o", object) || llvm::sys::fs::createTemporaryFile("tp-program", "so", shared)) {
    error = "cannot make temporary files";
    return false;
  }
  llvm::scope_exit cleanup([&] {
    llvm::sys::fs::remove(object);
    llvm::sys::fs::remove(shared);
  });
  {
    std::error_code code;
    llvm::raw_fd_ostream out(object, code);
    llvm::legacy::PassManager emitter;
    if (code || target->addPassesToEmitFile(emitter, out, nullptr, llvm::CodeGenFileType::ObjectFile)) {
      error = "cannot write the object file";
      return false;
    }
    emitter.run(module);
  }
  const char *arguments[] = {"ld.lld", "-shared", "--build-id=none", "-o", shared.c_str(), object.c_str(), "-soname", "program.so"};
  std::string messages;
  llvm::raw_string_ostream log(messages);
  lld::Result result = lld::lldMain(arguments, log, log, {{lld::Gnu, &lld::elf::link}});
  if (result.retCode != 0) {
    error = "linking failed: " + messages;
    return false;
  }
  auto buffer = llvm::MemoryBuffer::getFile(shared);
  if (!buffer) {
    error = "cannot read the linked program";
    return false;
  }
  sharedObject = (*buffer)->getBuffer().str();
  return true;
}
