// tp-cpu-check FILE.mlir: compiles the entries of a local program (no communication), runs them one after the other on
// random inputs with 1, 2 and 3 threads, and compares the outputs of every rank with the interpreter's. Attributes of
// an input in the file:
//   tp.low, tp.high: bounds of an integer input; default 0, 0
// Options: --cpu NAME, --tolerance T (absolute plus relative, default 1e-5), --time N (runs each entry N times and
// prints seconds a run).
#include "tp/Conversion/CpuProgram.h"
#include "tp/Dialect/Tp.h"
#include "tp/Interpreter/Interpreter.h"
#include "tp_program.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/InitAllDialects.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/CommandLine.h"

#include <barrier>
#include <chrono>
#include <cmath>
#include <cstring>
#include <dlfcn.h>
#include <fstream>
#include <map>
#include <random>
#include <thread>

using namespace mlir;
using namespace tp;

static llvm::cl::opt<std::string> path(llvm::cl::Positional, llvm::cl::Required), cpuName("cpu"),
    saveTemps("save-temps");
static llvm::cl::opt<std::string> features("features");
static llvm::cl::opt<double> toleranceOption("tolerance", llvm::cl::init(1e-5));
static llvm::cl::opt<int> timeOption("time", llvm::cl::init(0));
// The options, out of reach of the linker, which resets all of LLVM's.
static double tolerance;
static int timed;

namespace {

struct Aligned {
  explicit Aligned(size_t bytes) : data(static_cast<char *>(std::aligned_alloc(64, (bytes + 127) / 64 * 64))) {
    std::memset(data, 0, bytes + 1);
  }
  ~Aligned() { std::free(data); }
  char *data;
};

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

float randomFloat(std::mt19937 &random) { return std::uniform_real_distribution<float>(-1, 1)(random); }

class Check {
public:
  Check(ModuleOp module, const cpu::CpuProgram &program, void *library)
      : module(module), program(program), library(library), interpreter(module) {}
  // Number of mismatches.
  int run();

private:
  RankValue makeInput(func::FuncOp function, unsigned i);
  int runEntry(func::FuncOp function, const cpu::Entry &entry, ArrayRef<RankValue> expected);
  int runThreads(const cpu::Entry &entry, int64_t rank, int threads, ArrayRef<RankValue> expected);
  int compare(const cpu::Entry &entry, const cpu::Slot &slot, const char *arena, const Tensor &expected, int64_t rank,
              int threads);
  void packWeights(const char *);

  ModuleOp module;
  const cpu::CpuProgram &program;
  void *library;
  Interpreter interpreter;
  std::mt19937 random{7};
  std::map<std::string, RankValue> parameters, states, inputs;
  std::map<std::string, Tensor> outputs;
  std::map<std::pair<int64_t, int>, std::unique_ptr<Aligned>> stateMemory;
  std::unique_ptr<Aligned> weights;
};

} // namespace

RankValue Check::makeInput(func::FuncOp function, unsigned i) {
  auto type = cast<RankedTensorType>(function.getArgumentTypes()[i]);
  Tensor tensor(type.getShape(), *elementKindOf(type.getElementType()));
  auto bound = [&](StringRef name) {
    auto value = function.getArgAttrOfType<IntegerAttr>(i, name);
    return value ? value.getInt() : 0;
  };
  if (tensor.isFloat()) {
    float *to = tensor.writeFloats();
    for (int64_t e = 0; e < tensor.size(); ++e)
      to[e] = randomFloat(random);
    tensor.round();
  } else {
    int64_t *to = tensor.writeInts();
    for (int64_t e = 0; e < tensor.size(); ++e)
      to[e] = std::uniform_int_distribution<int64_t>(bound("tp.low"), bound("tp.high"))(random);
  }
  return RankValue(interpreter.ranks(), tensor);
}

int Check::compare(const cpu::Entry &entry, const cpu::Slot &slot, const char *arena, const Tensor &expected,
                   int64_t rank, int threads) {
  const char *at = arena + slot.offset;
  double worst = 0;
  int64_t where = 0;
  for (int64_t i = 0; i < expected.size(); ++i) {
    double got, want = expected.at(i);
    if (slot.type == cpu::ElementType::f32)
      got = reinterpret_cast<const float *>(at)[i];
    else if (slot.type == cpu::ElementType::i32)
      got = reinterpret_cast<const int32_t *>(at)[i];
    else {
      uint32_t bits = uint32_t(reinterpret_cast<const uint16_t *>(at)[i]) << 16;
      float value;
      std::memcpy(&value, &bits, 4);
      got = value;
    }
    double error = std::abs(got - want) / (1 + std::abs(want));
    if (!(error <= worst))
      worst = error, where = i;
    if (std::isnan(error))
      break;
  }
  bool wrong = !(worst <= tolerance);
  if (wrong)
    llvm::outs() << entry.name << " output " << slot.name << " rank " << rank << " threads " << threads << ": element "
                 << where << " differs by " << worst << ", expected " << expected.at(where) << "\n";
  return wrong;
}

int Check::runThreads(const cpu::Entry &entry, int64_t rank, int threads, ArrayRef<RankValue> expected) {
  Aligned arena(program.arenaBytes);
  std::memset(arena.data, 0xff, program.arenaBytes); // NaN everywhere
  for (const cpu::Slot &slot : entry.inputs) {
    const Tensor &tensor = inputs.at(entry.name + "/" + slot.name)[rank];
    for (int64_t i = 0; i < tensor.size(); ++i) {
      char *to = arena.data + slot.offset;
      if (slot.type == cpu::ElementType::i32)
        reinterpret_cast<int32_t *>(to)[i] = int32_t(tensor.at(i));
      else if (slot.type == cpu::ElementType::f32)
        reinterpret_cast<float *>(to)[i] = float(tensor.at(i));
      else {
        float value = float(tensor.at(i));
        cpu::packWeight(cpu::Layout::plain, cpu::ElementType::bf16, 1, 1, &value, to + 2 * i);
      }
    }
  }
  auto &state = stateMemory[{rank, threads}];
  if (!state)
    state = std::make_unique<Aligned>(program.stateBytes);
  std::barrier<> meet(threads);
  Frame frame;
  frame.weights = weights->data, frame.state = state->data, frame.arena = arena.data;
  frame.rank = rank, frame.threads = threads, frame.meet = &meet;
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
  int wrong = 0;
  size_t next = 0;
  for (const cpu::Slot &slot : entry.outputs) {
    wrong += compare(entry, slot, arena.data, expected[next][rank], rank, threads);
    std::string key = entry.name + "/" + slot.name + "/" + std::to_string(rank);
    Tensor bytes({1}, ElementKind::F32);
    ++next;
  }
  if (timed && threads <= 2) {
    auto start = std::chrono::steady_clock::now();
    runAll(timed);
    double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() / timed;
    llvm::outs() << entry.name << " threads " << threads << " seconds " << seconds << "\n";
  }
  return wrong;
}

int Check::runEntry(func::FuncOp function, const cpu::Entry &entry, ArrayRef<RankValue> results) {
  std::vector<RankValue> expected;
  for (const cpu::Slot &slot : entry.outputs)
    for (unsigned i = 0; i < function.getNumResults(); ++i)
      if (auto name = function.getResultAttrOfType<StringAttr>(i, kOutput); name && name.getValue() == slot.name)
        expected.push_back(results[i]);
  int wrong = 0;
  for (int64_t rank = 0; rank < interpreter.ranks(); ++rank)
    for (int threads : {1, 2, 3})
      wrong += runThreads(entry, rank, threads, expected);
  return wrong;
}

int Check::run() {
  weights = std::make_unique<Aligned>(program.weightBytes);
  int wrong = 0;
  size_t next = 0;
  for (auto function : module.getOps<func::FuncOp>()) {
    if (!function->hasAttr(kEntry))
      continue;
    const cpu::Entry &entry = program.entries[next++];
    SmallVector<RankValue> arguments;
    for (unsigned i = 0; i < function.getNumArguments(); ++i) {
      auto parameter = function.getArgAttrOfType<StringAttr>(i, kParameter),
           state = function.getArgAttrOfType<StringAttr>(i, kState);
      auto input = function.getArgAttrOfType<StringAttr>(i, kInput);
      auto &map = parameter ? parameters : state ? states : inputs;
      std::string name = parameter ? parameter.str() : state ? state.str() : entry.name + "/" + input.str();
      if (!map.count(name)) {
        map[name] = makeInput(function, i);
        if (state) {
          auto type = cast<RankedTensorType>(function.getArgumentTypes()[i]);
          map[name] = RankValue(interpreter.ranks(), Tensor(type.getShape(), *elementKindOf(type.getElementType())));
        }
      }
      arguments.push_back(map[name]);
    }
    for (const cpu::Weight &weight : program.weights)
      if (parameters.count(weight.name))
        cpu::packWeight(weight.layout, weight.type, weight.rows(), weight.cols(), parameters[weight.name][0].floats(),
                        weights->data + weight.offset);
    auto results = interpreter.run(function.getName(), arguments);
    if (failed(results))
      return 1;
    for (unsigned i = 0; i < function.getNumResults(); ++i)
      if (auto state = function.getResultAttrOfType<StringAttr>(i, kState))
        states[state.str()] = (*results)[i];
    wrong += runEntry(function, entry, *results);
  }
  return wrong;
}

int main(int argc, char **argv) {
  llvm::cl::ParseCommandLineOptions(argc, argv, "compares compiled programs with the interpreter\n");
  tolerance = toleranceOption, timed = timeOption;
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
  int wrong = Check(*module, *program, library).run();
  llvm::outs() << (wrong ? "differs\n" : "agrees\n");
  return wrong != 0;
}
