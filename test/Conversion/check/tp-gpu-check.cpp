// tp-gpu-check FILE.mlir: compiles a local program for GPUs, runs its kernels on the host (HostKernels.h) and compares
// it with the interpreter; see Check.h. Options: --tolerance T (absolute plus relative, default 1e-5); --save FOLDER
// keeps it for a GPU (CaseWriter.h).
#include "CaseWriter.h"
#include "HostKernels.h"

#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/CommandLine.h"

using namespace mlir;
using namespace tp;

static llvm::cl::opt<std::string> path(llvm::cl::Positional, llvm::cl::Required);
static llvm::cl::opt<double> toleranceOption("tolerance", llvm::cl::init(1e-5));
static llvm::cl::opt<std::string> saveOption("save");

int main(int argc, char **argv) {
  llvm::cl::ParseCommandLineOptions(argc, argv, "compares programs for GPUs with the interpreter\n");
  // Out of reach of the linker, which resets all of LLVM's options.
  const double tolerance = toleranceOption;
  const std::string save = saveOption;
  DialectRegistry registry;
  registerAllDialects(registry);
  registerAllExtensions(registry);
  registry.insert<TpDialect>();
  MLIRContext context(registry);
  OwningOpRef<ModuleOp> module = parseSourceFile<ModuleOp>(path, &context);
  if (!module)
    return 1;
  cuda::CudaOptions options;
  options.kernelIr = true, options.ptxas = "none";
  if (save.empty())
    options.archs = {"sm_80"};
  auto program = cuda::compileForCuda(*module, options);
  if (failed(program))
    return 1;
  if (!program->host.collectives.empty()) {
    llvm::errs() << "tp-gpu-check: error: expected a program without collectives\n";
    return 2;
  }
  check::HostKernels kernels(*program);
  auto runner = [&](const cpu::Entry &entry, const check::Memory &memory) { kernels.run(entry, memory); };
  check::CaseWriter writer(*program);
  auto observer = [&](const cpu::Entry &entry, int64_t rank, const char *arena, ArrayRef<RankValue> expected) {
    writer.add(entry, rank, arena, expected);
  };
  check::Check check(*module, program->host, runner, {1}, tolerance, observer);
  int wrong = check.run();
  if (!save.empty() && !writer.write(save, check.weightBytes(), tolerance)) {
    llvm::errs() << "tp-gpu-check: error: cannot write to '" << save << "'\n";
    return 2;
  }
  llvm::outs() << (wrong ? "differs\n" : "agrees\n");
  return wrong != 0;
}
