#include "Fuzz.h"

#include "tp/Conversion/CpuProgram.h"
#include "tp/Dialect/Tp.h"
#include "tp/Interpreter/Interpreter.h"
#include "tp/Pipelines/Pipelines.h"

#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Verifier.h"
#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/InitAllPasses.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include <algorithm>
#include <execinfo.h>

extern char __executable_start, etext; // of the linker

using namespace mlir;

namespace tp::fuzz {

namespace {
// A mistake on purpose: a parser of this project's that dies.
struct PlantedDialect : Dialect {
  explicit PlantedDialect(MLIRContext *context)
      : Dialect(getDialectNamespace(), context, TypeID::get<PlantedDialect>()) {}
  static StringRef getDialectNamespace() { return "planted"; }
  Attribute parseAttribute(DialectAsmParser &, Type) const override { abort(); }
};
} // namespace

static constexpr const char *kNames[] = {"parse",       "interpret", "strategy",    "decompose",
                                         "propagate",   "partition", "collectives", "interpret the partitioned module",
                                         "lower to CPU"};
enum Phase { Parse, Interpret, Strategy, Decompose, Propagate, Partition, Collectives, InterpretLocal, Lower };

const char *Phases::nameOf(int phase) { return kNames[phase]; }

struct Phases::Implementation {
  DialectRegistry registry;
  std::unique_ptr<MLIRContext> context;
  std::string said, wrong;
  bool parsed = false;
  int errors = 0, cases = 0;
  volatile int *last = nullptr;

  // A context keeps every type and attribute for good: a new one from time to time.
  void renew() {
    if (context && ++cases % 200)
      return;
    context = std::make_unique<MLIRContext>(registry, MLIRContext::Threading::DISABLED);
    context->getDiagEngine().registerHandler([this](Diagnostic &diagnostic) {
      errors += diagnostic.getSeverity() == DiagnosticSeverity::Error;
      llvm::raw_string_ostream(said) << diagnostic << "\n";
    });
  }

  bool runPasses(Phase phase, ModuleOp module, const std::string &pipeline) {
    *last = phase;
    PassManager manager(context.get(), ModuleOp::getOperationName());
    manager.enableVerifier(false);
    errors = 0;
    if (failed(parsePassPipeline(pipeline, manager, llvm::nulls())))
      return wrong = "cannot parse pipeline " + pipeline, false;
    if (failed(manager.run(module))) {
      if (errors == 0)
        wrong = std::string(kNames[phase]) + " fails and says nothing";
      return false;
    }
    if (failed(verify(module)))
      wrong = std::string(kNames[phase]) + " makes an invalid module";
    return wrong.empty();
  }

  // Elements of all values on all ranks; none where a size is not known or is large.
  static bool isSmall(ModuleOp module, int64_t ranks) {
    double elements = 0;
    auto add = [&](Type type) {
      double size = 1;
      if (auto tensor = dyn_cast<ShapedType>(type))
        for (int64_t dim : tensor.hasRank() ? tensor.getShape() : ArrayRef<int64_t>(ShapedType::kDynamic))
          size *= ShapedType::isDynamic(dim) ? 1e9 : dim;
      elements += size * ranks;
    };
    module.walk([&](Operation *op) {
      for (Type type : op->getResultTypes())
        add(type);
      for (Region &region : op->getRegions())
        for (Block &block : region)
          for (Type type : block.getArgumentTypes())
            add(type);
    });
    return elements < 20000;
  }

  void interpret(Phase phase, ModuleOp module) {
    *last = phase;
    Interpreter interpreter(module);
    if (!isSmall(module, interpreter.ranks()))
      return;
    for (auto function : module.getOps<FunctionOpInterface>()) {
      if (function.isExternal())
        continue;
      SmallVector<RankValue> arguments;
      for (Type type : function.getArgumentTypes())
        arguments.push_back(RankValue(interpreter.ranks(), zerosOf(type)));
      errors = 0;
      if (llvm::all_of(arguments, [](const RankValue &value) { return bool(value[0]); }) &&
          failed(interpreter.run(function, arguments)) && errors == 0)
        wrong = std::string(kNames[phase]) + " fails and says nothing";
    }
  }
};

Phases::Phases() : implementation(std::make_unique<Implementation>()) {
  registerAllDialects(implementation->registry);
  registerAllExtensions(implementation->registry);
  implementation->registry.insert<TpDialect>();
  static bool once = [] {
    registerAllPasses();
    registerPipelines();
    registerConversionPasses();
    return true;
  }();
  (void)once;
}
Phases::~Phases() = default;

void Phases::plant() { implementation->registry.insert<PlantedDialect>(); }

const std::string &Phases::said() const { return implementation->said; }
bool Phases::parsed() const { return implementation->parsed; }

// Frames of this program on the stack; MLIR's are in a library.
[[gnu::noinline]] static int ownFrames() {
  void *frames[512];
  int n = backtrace(frames, 512);
  return int(std::count_if(frames, frames + n, [](void *at) { return at >= &__executable_start && at < &etext; }));
}

static int parsing = 0; // ownFrames() when the parser was called

// The handler that asks is one frame more.
bool Phases::diesUpstream() { return ownFrames() <= parsing + 2; }

std::string Phases::run(const std::string &text, uint64_t seed, volatile int *last) {
  Implementation &i = *implementation;
  i.renew();
  i.last = last;
  i.said.clear();
  i.wrong.clear();
  i.errors = 0;
  *last = Parse;
  i.parsed = false;
  parsing = ownFrames();
  OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(text, ParserConfig(i.context.get()));
  i.parsed = bool(module);
  if (!module)
    return i.errors ? "" : "the parser fails and says nothing";
  i.interpret(Interpret, *module);
  static const char *const strategies[] = {"", "megatron", "sequence", "replicate"};
  const std::string strategy = strategies[seed % 4];
  bool good =
      module->getOperation()->hasAttr(kPartitioned) ||
      ((strategy.empty() || i.runPasses(Strategy, *module, "tp-apply-strategy{strategy=" + strategy + "}")) &&
       i.runPasses(Decompose, *module, "tp-decompose-layers,cse") &&
       i.runPasses(Propagate, *module, "tp-propagate-shardings") && i.runPasses(Partition, *module, "tp-partition"));
  if (!good)
    return i.wrong;
  if (i.runPasses(Collectives, *module, "tp-optimize-collectives"))
    i.interpret(InterpretLocal, *module);
  if (i.wrong.empty() && seed / 4 % 4 == 0)
    i.runPasses(Lower, *module, "tp-lower-to-cpu");
  return i.wrong;
}

} // namespace tp::fuzz
