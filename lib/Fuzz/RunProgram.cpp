// One program through the compiler, and the sharded form against the whole one.
#include "Mutations.h"
#include "tp/Dialect/Tp.h"
#include "tp/Fuzz/Fuzz.h"
#include "tp/Interpreter/VerifyPartition.h"
#include "tp/Pipelines/Pipelines.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"

using namespace mlir;
using namespace tp;
using namespace tp::fuzz;

StringRef tp::fuzz::nameOf(Outcome outcome) {
  static const char *const names[] = {"agrees", "mismatch", "failed", "crashed", "timed out"};
  return names[static_cast<int>(outcome)];
}

std::string Result::signature() const {
  // What follows a semicolon or stands in brackets is about this program, and so are numbers.
  std::string text = nameOf(outcome).str() + ": ";
  int depth = 0;
  for (char c : StringRef(message).split(';').first) {
    depth += c == '<' || c == '[' || c == '(';
    if (depth == 0 && !llvm::isDigit(c) && c != '-')
      text += c;
    depth -= c == '>' || c == ']' || c == ')';
  }
  // Where the sharded program differs: the op, not by how much.
  return outcome == Outcome::Mismatch ? StringRef(text).split("rank").first.str() : text;
}

void tp::fuzz::addDialects(DialectRegistry &registry) {
  registry.insert<TpDialect, affine::AffineDialect, arith::ArithDialect, func::FuncDialect, linalg::LinalgDialect,
                  math::MathDialect, scf::SCFDialect, tensor::TensorDialect>();
}

// Whether all ops give integers for integers, and the same in any order of sums.
static bool isExact(ModuleOp module) {
  return !module
              .walk([](Operation *op) {
                auto activation = dyn_cast<ActivationOp>(op);
                bool rounds =
                    isa<RmsNormOp, LayerNormOp, RopeOp, SdpaOp, RouteOp, SinusoidOp, arith::DivFOp, linalg::SoftmaxOp>(
                        op) ||
                    (activation && activation.getKind() != ActivationKind::Relu) ||
                    (isa<math::MathDialect>(op->getDialect()) && !isa<math::AbsFOp, math::AbsIOp>(op));
                return rounds ? WalkResult::interrupt() : WalkResult::advance();
              })
              .wasInterrupted();
}

static LogicalResult runPhases(ModuleOp module, ArrayRef<StringRef> phases, bool reverse = false) {
  PassManager manager(module.getContext(), ModuleOp::getOperationName());
  PhaseOptions options;
  options.reverseWorklist = reverse;
  for (StringRef phase : phases)
    addPhase(phase, manager, options);
  return manager.run(module);
}

static std::string textOf(ModuleOp module) {
  std::string text;
  llvm::raw_string_ostream(text) << module;
  return text;
}

// What was stated still stands: closed dimensions as they were, open ones with at most further axes.
static bool keeps(Attribute stated, Attribute found) {
  auto before = dyn_cast_or_null<ShardingAttr>(stated), after = dyn_cast_or_null<ShardingAttr>(found);
  if (!before)
    return true;
  if (!after || before.getPartial() != after.getPartial())
    return false;
  for (auto [was, is] : llvm::zip(before.getDims(), after.getDims()))
    if (was.getClosed() ? was.getAxes() != is.getAxes()
                        : was.getAxes() != is.getAxes().take_front(was.getAxes().size()))
      return false;
  return true;
}

static std::string findChangedAnnotation(ModuleOp before, ModuleOp after) {
  for (auto function : before.getOps<func::FuncOp>()) {
    auto now = after.lookupSymbol<func::FuncOp>(function.getName());
    for (unsigned i = 0; i < function.getNumArguments(); ++i)
      if (!keeps(function.getArgAttr(i, kSharding), now.getArgAttr(i, kSharding)))
        return "propagation changed what was stated of an argument";
    for (unsigned i = 0; i < function.getNumResults(); ++i)
      if (!keeps(function.getResultAttr(i, kSharding), now.getResultAttr(i, kSharding)))
        return "propagation changed what was stated of a result";
  }
  return "";
}

namespace {
// Keeps the first error, and counts warnings of ops without a rule.
class Listener {
public:
  Listener(MLIRContext &context, Result &result)
      : handler(&context, [&result](Diagnostic &diagnostic) {
          if (diagnostic.getSeverity() == DiagnosticSeverity::Warning)
            ++result.replicated;
          if (diagnostic.getSeverity() != DiagnosticSeverity::Error || !result.message.empty())
            return;
          result.message = diagnostic.str();
          std::replace(result.message.begin(), result.message.end(), '\n', ' ');
        }) {}

private:
  ScopedDiagnosticHandler handler;
};
} // namespace

static Outcome runPasses(ModuleOp module, Result &result) {
  OwningOpRef<ModuleOp> stated = module.clone(), reversed = module.clone();
  auto fail = [&](Outcome outcome, StringRef what) {
    result.message = (what + (result.message.empty() ? ", without a diagnostic" : ": " + result.message)).str();
    return outcome;
  };
  if (failed(runPhases(module, {"propagate"})))
    return fail(Outcome::Failed, "propagation failed");
  int64_t warnings = result.replicated;
  if (failed(runPhases(*reversed, {"propagate"}, true)))
    return fail(Outcome::Failed, "propagation in reverse failed");
  result.replicated = warnings;
  if (textOf(*reversed) != textOf(module)) {
    result.message = "propagation depends on the order of visits";
    return Outcome::Failed;
  }
  if (result.message = findChangedAnnotation(*stated, module); !result.message.empty())
    return Outcome::Failed;
  OwningOpRef<ModuleOp> local = module.clone();
  if (failed(runPhases(*local, {"partition"})))
    return fail(Outcome::Failed, "partition failed");
  if (failed(runPhases(*local, {"collectives"})))
    return fail(Outcome::Failed, "optimizing collectives failed");
  mutate(*local);
  if (failed(verify(*local)))
    return fail(Outcome::Failed, "the mutated program is not valid");
  VerifyOptions options;
  options.integers = isExact(module);
  if (failed(verifyPartition(module, *local, options)))
    return fail(Outcome::Mismatch, "the sharded program differs");
  return Outcome::Agrees;
}

Result tp::fuzz::runProgram(StringRef text, MLIRContext &context) {
  Result result;
  Listener listener(context, result);
  OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(text, &context);
  if (!module) {
    result.message = "the program is not valid: " + result.message;
    result.outcome = Outcome::Failed;
    return result;
  }
  result.outcome = runPasses(*module, result);
  // The replicated ops of programs that fail are not counted.
  if (result.outcome == Outcome::Agrees)
    result.message.clear();
  return result;
}
