#include "Kernels.h"

#include "Instrument.h"
#include "Intrinsics.h"

#include "llvm/AsmParser/AsmParserContext.h"
#include "llvm/ExecutionEngine/Orc/LLJIT.h"
#include "llvm/IR/Module.h"
#include "llvm/IR/Verifier.h"
#include "llvm/IRReader/IRReader.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/TargetSelect.h"

#include <filesystem>
#include <map>
#include <mutex>
#include <stdexcept>

using namespace llvm;

namespace tp::emu {
namespace {

template <typename T> T unwrap(Expected<T> value) {
  if (!value)
    throw std::runtime_error(toString(value.takeError()));
  return static_cast<T &&>(*value);
}

orc::LLJIT &jit() {
  static orc::LLJIT *instance = [] {
    InitializeNativeTarget();
    InitializeNativeTargetAsmPrinter();
    auto machine = unwrap(orc::JITTargetMachineBuilder::detectHost());
    machine.setCPU("x86-64-v3"); // AVX-512's conversion to bf16 would flush denormals
    machine.getFeatures() = SubtargetFeatures();
    auto made = unwrap(orc::LLJITBuilder().setJITTargetMachineBuilder(std::move(machine)).create());
    orc::SymbolMap symbols;
    for (auto [name, address] : runtimeSymbols())
      symbols[made->mangleAndIntern(name)] = {orc::ExecutorAddr::fromPtr(address), JITSymbolFlags::Exported};
    if (auto error = made->getMainJITDylib().define(orc::absoluteSymbols(std::move(symbols))))
      throw std::runtime_error(toString(std::move(error)));
    return made.release(); // compiled kernels live as long as the process
  }();
  return *instance;
}

void optimize(Module &module) {
  LoopAnalysisManager loops;
  FunctionAnalysisManager functions;
  CGSCCAnalysisManager graph;
  ModuleAnalysisManager modules;
  PassBuilder builder;
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(graph);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, graph, modules);
  builder.buildPerModuleDefaultPipeline(OptimizationLevel::O1).run(module, modules);
}

std::shared_ptr<const KernelModule> build(const std::string &file) {
  static int number = 0;
  auto context = std::make_unique<LLVMContext>();
  SMDiagnostic problem;
  AsmParserContext lines;
  auto buffer = MemoryBuffer::getFile(file);
  if (!buffer)
    throw std::runtime_error(file + ": " + buffer.getError().message());
  std::unique_ptr<Module> module = parseIR(**buffer, problem, *context, {}, &lines);
  if (!module)
    throw std::runtime_error(file + ": line " + std::to_string(problem.getLineNo()) + ": " +
                             problem.getMessage().str());
  auto result = std::make_shared<KernelModule>();
  try {
    module->setTargetTriple(jit().getTargetTriple());
    module->setDataLayout(jit().getDataLayout());
    *result = instrument(*module, lines);
  } catch (const std::exception &e) {
    throw std::runtime_error(file + ": " + e.what());
  }
  std::string bad;
  raw_string_ostream stream(bad);
  if (verifyModule(*module, &stream))
    throw std::runtime_error(file + ": the instrumented module is invalid: " + bad);
  optimize(*module);
  auto &library = unwrap(jit().createJITDylib("kernels" + std::to_string(number++)));
  library.addToLinkOrder(jit().getMainJITDylib());
  if (auto error = jit().addIRModule(library, {std::move(module), std::move(context)}))
    throw std::runtime_error(toString(std::move(error)));
  for (Kernel &kernel : result->kernels)
    kernel.code = unwrap(jit().lookup(library, "emu." + kernel.name)).toPtr<void (*)(void **)>();
  return result;
}

} // namespace

void Kernel::run(const std::vector<uint64_t> &arguments) const {
  std::vector<uint64_t> copy = arguments;
  void *pointers[64];
  for (size_t i = 0; i < copy.size(); ++i)
    pointers[i] = &copy[i];
  code(pointers);
}

const Kernel *KernelModule::find(const std::string &name) const {
  for (const Kernel &kernel : kernels)
    if (kernel.name == name)
      return &kernel;
  return nullptr;
}

std::shared_ptr<const KernelModule> loadKernels(const std::string &file) {
  static std::mutex mutex;
  static std::map<std::string, std::shared_ptr<const KernelModule>> known;
  std::lock_guard<std::mutex> lock(mutex);
  std::error_code error;
  const auto changed = std::filesystem::last_write_time(file, error).time_since_epoch().count();
  auto &entry = known[file + "@" + std::to_string(changed)];
  if (!entry)
    entry = build(file);
  return entry;
}

} // namespace tp::emu
