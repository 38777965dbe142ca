// tp-cpu-check FILE.mlir: compiles a local program for the CPU and compares it with the interpreter, with 1, 2 and 3
// threads; see Check.h. Options: --cpu NAME, --tolerance T (absolute plus relative, default 1e-5), --time N (runs each
// entry N times and prints seconds a run).
#include "Check.h"
#include "tp_program.h"

#include "mlir/InitAllDialects.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/CommandLine.h"

#include <barrier>
#include <chrono>
#include <dlfcn.h>
#include <fstream>
#include <thread>

using namespace mlir;
using namespace tp;

static llvm::cl::opt<std::string> path(llvm::cl::Positional, llvm::cl::Required), cpuName("cpu"),
    saveTemps("save-temps");
static llvm::cl::opt<std::string> features("features");
static llvm::cl::opt<double> toleranceOption("tolerance", llvm::cl::init(1e-5));
static llvm::cl::opt<int> timeOption("time", llvm::cl::init(0));

namespace {
// Collectives of one rank: a sum and a gather of one value are that value.
struct Frame : tp_frame {
  const cpu::CpuProgram *program;
  void copyAll(int64_t thread, ArrayRef<int64_t> ids, const void *const *srcs, void *const *dsts) {
    meet->arrive_and_wait();
    for (auto [i, id] : llvm::enumerate(ids)) {
      const cpu::Collective &c = program->collectives[id];
      int64_t count = c.count ? c.count : c.outer * c.windows.global * c.inner;
      if (thread == 0)
        std::memmove(dsts[i], srcs[i], count * cpu::bytesOf(c.type));
    }
    meet->arrive_and_wait();
  }
  std::barrier<> *meet;
};
} // namespace

static void runEntry(void *library, const cpu::CpuProgram &program, const cpu::Entry &entry,
                     const check::Memory &memory, int timed) {
  int threads = memory.threads;
  std::barrier<> meet(threads);
  Frame frame;
  frame.weights = memory.weights, frame.state = memory.state, frame.arena = memory.arena;
  frame.rank = memory.rank, frame.threads = threads, frame.meet = &meet;
  frame.barrier = [](tp_frame *f, int64_t) { static_cast<Frame *>(f)->meet->arrive_and_wait(); };
  frame.program = &program;
  frame.collective = [](tp_frame *f, int64_t thread, int64_t id, const void *src, void *dst) {
    static_cast<Frame *>(f)->copyAll(thread, id, &src, &dst);
  };
  frame.collectives = [](tp_frame *f, int64_t thread, int64_t n, const int64_t *ids, const void *const *srcs,
                         void *const *dsts) { static_cast<Frame *>(f)->copyAll(thread, {ids, size_t(n)}, srcs, dsts); };
  auto function = reinterpret_cast<tp_entry>(dlsym(library, entry.symbol.c_str()));
  auto work = [&](int thread, int times) {
    for (int i = 0; i < times; ++i) {
      function(&frame, thread);
      meet.arrive_and_wait();
    }
  };
  auto runAll = [&](int times) {
    std::vector<std::thread> others;
    for (int t = 1; t < threads; ++t)
      others.emplace_back(work, t, times);
    work(0, times);
    for (std::thread &other : others)
      other.join();
  };
  runAll(1);
  if (!timed || threads > 2)
    return;
  auto start = std::chrono::steady_clock::now();
  runAll(timed);
  double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() / timed;
  llvm::outs() << entry.name << " threads " << threads << " seconds " << seconds << "\n";
}

int main(int argc, char **argv) {
  llvm::cl::ParseCommandLineOptions(argc, argv, "compares compiled programs with the interpreter\n");
  // Out of reach of the linker, which resets all of LLVM's options.
  double tolerance = toleranceOption;
  int timed = timeOption;
  DialectRegistry registry;
  registerAllDialects(registry);
  registry.insert<TpDialect>();
  MLIRContext context(registry);
  OwningOpRef<ModuleOp> module = parseSourceFile<ModuleOp>(path, &context);
  if (!module)
    return 1;
  cpu::CpuOptions options;
  options.cpu = cpuName, options.saveTemps = saveTemps, options.features = features;
  auto program = cpu::compileForCpu(*module, options);
  if (failed(program))
    return 1;
  auto again = cpu::compileForCpu(*module, options);
  if (again->sharedObject != program->sharedObject) {
    llvm::outs() << "compiled twice, two programs\n";
    return 1;
  }
  char name[] = "/tmp/tp-cpu-check-XXXXXX";
  int file = mkstemp(name);
  std::ofstream(name, std::ios::binary) << program->sharedObject;
  void *library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
  close(file);
  unlink(name);
  if (!library) {
    llvm::outs() << dlerror() << "\n";
    return 1;
  }
  auto runner = [&](const cpu::Entry &entry, const check::Memory &memory) {
    runEntry(library, *program, entry, memory, timed);
  };
  int wrong = check::Check(*module, *program, runner, {1, 2, 3}, tolerance).run();
  llvm::outs() << (wrong ? "differs\n" : "agrees\n");
  return wrong != 0;
}
