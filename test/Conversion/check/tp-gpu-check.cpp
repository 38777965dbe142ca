// tp-gpu-check FILE.mlir: compiles a local program for GPUs, runs its kernels on the host (HostKernels.h) and compares
// it with the interpreter; see Check.h. Option: --tolerance T (absolute plus relative, default 1e-5).
#include "HostKernels.h"

#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/CommandLine.h"

using namespace mlir;
using namespace tp;

static llvm::cl::opt<std::string> path(llvm::cl::Positional, llvm::cl::Required);
static llvm::cl::opt<double> toleranceOption("tolerance", llvm::cl::init(1e-5));

int main(int argc, char **argv) {
  llvm::cl::ParseCommandLineOptions(argc, argv, "compares programs for GPUs with the interpreter\n");
  double tolerance = toleranceOption; // out of reach of the linker, which resets all of LLVM's options
  DialectRegistry registry;
  registerAllDialects(registry);
  registerAllExtensions(registry);
  registry.insert<TpDialect>();
  MLIRContext context(registry);
  OwningOpRef<ModuleOp> module = parseSourceFile<ModuleOp>(path, &context);
  if (!module)
    return 1;
  cuda::CudaOptions options;
  options.archs = {"sm_80"}, options.kernelIr = true, options.ptxas = "none";
  auto program = cuda::compileForCuda(*module, options);
  if (failed(program))
    return 1;
  if (!program->host.collectives.empty()) {
    llvm::errs() << "tp-gpu-check: error: expected a program without collectives\n";
    return 2;
  }
  check::HostKernels kernels(*program);
  auto runner = [&](const cpu::Entry &entry, const check::Memory &memory) { kernels.run(entry, memory); };
  int wrong = check::Check(*module, program->host, runner, {1}, tolerance).run();
  llvm::outs() << (wrong ? "differs\n" : "agrees\n");
  return wrong != 0;
}
