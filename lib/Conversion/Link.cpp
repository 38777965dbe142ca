#include "Link.h"

#include "lld/Common/Driver.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

LLD_HAS_DRIVER(elf)

namespace tp::cpu {

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

static llvm::Error write(llvm::StringRef path, llvm::function_ref<void(llvm::raw_pwrite_stream &)> body) {
  std::error_code code;
  llvm::raw_fd_ostream out(path, code);
  if (code)
    return llvm::createStringError("cannot write '" + path + "': " + code.message());
  body(out);
  out.close();
  return out.has_error() ? llvm::createStringError("cannot write '" + path + "': " + out.error().message())
                         : llvm::Error::success();
}

static llvm::Error emitObject(llvm::Module &module, llvm::TargetMachine &target, llvm::StringRef path) {
  bool impossible = false;
  llvm::Error error = write(path, [&](llvm::raw_pwrite_stream &out) {
    llvm::legacy::PassManager emitter;
    impossible = target.addPassesToEmitFile(emitter, out, nullptr, llvm::CodeGenFileType::ObjectFile);
    if (!impossible)
      emitter.run(module);
  });
  if (!error && impossible)
    return llvm::createStringError("the code generator cannot write object files");
  return error;
}

static llvm::Expected<std::string> link(const std::string &object, const std::string &shared) {
  std::string messages;
  llvm::raw_string_ostream log(messages);
  const char *arguments[] = {"ld.lld",     "-shared", "--build-id=none", "-O2",         "-z", "noexecstack", "-soname",
                             "program.so", "-o",      shared.c_str(),    object.c_str()};
  if (lld::lldMain(arguments, log, log, {{lld::Gnu, &lld::elf::link}}).retCode)
    return llvm::createStringError("cannot link the program: " + messages);
  auto buffer = llvm::MemoryBuffer::getFile(shared);
  if (!buffer)
    return llvm::createStringError("cannot read '" + shared + "': " + buffer.getError().message());
  return (*buffer)->getBuffer().str();
}

static void prepare(llvm::Module &module, const Machine &machine, const llvm::TargetMachine &target) {
  module.setDataLayout(target.createDataLayout());
  module.setTargetTriple(target.getTargetTriple());
  for (llvm::Function &function : module) {
    if (function.isDeclaration())
      continue;
    function.addFnAttr("target-cpu", machine.cpu);
    function.addFnAttr("tune-cpu", machine.tune);
    function.addFnAttr("target-features", machine.features);
    function.addFnAttr("prefer-vector-width", machine.target.avx512 ? "512" : "256");
    function.addFnAttr(llvm::Attribute::NoUnwind);
  }
}

llvm::Expected<std::string> makeSharedObject(llvm::Module &module, const Machine &machine, llvm::StringRef saveTemps) {
  auto target = makeTargetMachine(machine.cpu, machine.features);
  if (!target)
    return target.takeError();
  prepare(module, machine, **target);
  optimize(module, **target);
  llvm::SmallString<128> folder(saveTemps);
  bool temporary = saveTemps.empty();
  if (std::error_code code = temporary ? llvm::sys::fs::createUniqueDirectory("tp-program", folder)
                                       : llvm::sys::fs::create_directories(folder))
    return llvm::createStringError("cannot make a folder for the program: " + code.message());
  llvm::scope_exit cleanup([&] {
    if (temporary)
      llvm::sys::fs::remove_directories(folder);
  });
  std::string base = folder.str().str();
  if (!temporary)
    if (llvm::Error error =
            write(base + "/program.ll", [&](llvm::raw_pwrite_stream &out) { module.print(out, nullptr); }))
      return error;
  if (llvm::Error error = emitObject(module, **target, base + "/program.o"))
    return error;
  return link(base + "/program.o", base + "/program.so");
}

} // namespace tp::cpu
