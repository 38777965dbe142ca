#include "tp/Interpreter/VerifyPartition.h"

#include "Placement.h"
#include "RandomInputs.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/FormatVariadic.h"
#include <cmath>
#include <map>

using namespace mlir;
using namespace tp;

namespace {
// A value of a run: the calls on the way to it, its number, and which result of its op it is.
using ValueKey = std::tuple<std::vector<int64_t>, int64_t, unsigned>;

// What the whole program computed.
struct Traced {
  Tensor tensor;
  Operation *op;
};

class EntryVerifier {
public:
  EntryVerifier(ModuleOp global, ModuleOp local, FunctionOpInterface entry, const VerifyOptions &options,
                RandomInputs &inputs)
      : localModule(local), wholeProgram(global), localProgram(local), entry(entry), options(options), inputs(inputs) {
    report.function = entry.getName();
    wholeProgram.setUnrounded(true);
    localProgram.setUnrounded(true);
  }

  LogicalResult run();
  const VerifyReport::Entry &getReport() const { return report; }

private:
  LogicalResult trace(Operation *op, ArrayRef<RankValue> results);
  bool isTraced();
  LogicalResult check(Operation *op, ArrayRef<RankValue> results);
  LogicalResult checkResults(FunctionOpInterface localEntry, ArrayRef<RankValue> whole, ArrayRef<RankValue> local);
  FailureOr<SmallVector<RankValue>> sliceArguments(FunctionOpInterface localEntry, ArrayRef<RankValue> whole);
  double toleranceFor(const Tensor &whole) const;
  std::string where(Operation *op, int64_t number);

  ModuleOp localModule;
  Interpreter wholeProgram, localProgram;
  FunctionOpInterface entry;
  const VerifyOptions &options;
  RandomInputs &inputs;
  std::map<ValueKey, Traced> traced;
  std::map<std::vector<int64_t>, bool> tracedPaths;
  llvm::DenseMap<const void *, int64_t> callsOf; // by callee or loop
  VerifyReport::Entry report;
};
} // namespace

// What the calls on the way to an op are known by in both programs.
static std::vector<int64_t> pathOf(const Interpreter &program) {
  std::vector<int64_t> path;
  for (const CallStep &step : program.callStack())
    path.insert(path.end(), {step.number, step.pass});
  return path;
}

static std::optional<int64_t> numberOf(Operation *op) {
  auto number = op->getAttrOfType<IntegerAttr>(kValue);
  return number ? std::optional<int64_t>(number.getInt()) : std::nullopt;
}

// Inner values of the first calls of each function are kept; the entry's own always.
bool EntryVerifier::isTraced() {
  if (wholeProgram.callStack().empty())
    return true;
  auto [found, isNew] = tracedPaths.try_emplace(pathOf(wholeProgram), false);
  if (isNew) {
    Operation *caller = wholeProgram.callStack().back().op;
    auto call = dyn_cast<func::CallOp>(caller);
    const void *body = call ? call.getCalleeAttr().getAsOpaquePointer() : caller;
    found->second = callsOf[body]++ < options.maxCalls;
  }
  return found->second;
}

LogicalResult EntryVerifier::trace(Operation *op, ArrayRef<RankValue> results) {
  std::optional<int64_t> number = numberOf(op);
  if (!number || !isTraced())
    return success();
  for (auto [i, result] : llvm::enumerate(results))
    traced[{pathOf(wholeProgram), *number, i}] = {result[0], op};
  return success();
}

// Larger integers are not all f32 numbers, so their sums may differ.
double EntryVerifier::toleranceFor(const Tensor &whole) const {
  if (!options.integers)
    return options.tolerance;
  for (int64_t i = 0, n = whole.size(); i < n; ++i)
    if (!(std::abs(whole.at(i)) < 1 << 22))
      return options.tolerance;
  return 0;
}

std::string EntryVerifier::where(Operation *op, int64_t number) {
  std::string text = llvm::formatv("value {0} of @{1}", number, op->getParentOfType<FunctionOpInterface>().getName());
  for (size_t i = localProgram.callStack().size(); i-- > 0;) {
    const CallStep &step = localProgram.callStack()[i];
    int64_t number = step.number < 0 ? -1 - step.number : step.number;
    if (isa<func::CallOp>(step.op))
      text += llvm::formatv(", call {0}", number);
    else
      text += llvm::formatv(", pass {0} of loop {1}", step.pass, number);
    text += llvm::formatv(" in @{0}", step.op->getParentOfType<FunctionOpInterface>().getName());
  }
  return text;
}

static void describe(InFlightDiagnostic &diagnostic, const Mismatch &mismatch, int64_t elements) {
  std::string text;
  llvm::raw_string_ostream os(text);
  os << "rank " << mismatch.rank << " has " << llvm::format("%.6g", mismatch.found) << " at [";
  llvm::interleaveComma(mismatch.index, os);
  os << "], expected " << llvm::format("%.6g", mismatch.expected) << "; " << mismatch.count << " of its " << elements
     << " elements differ, by up to " << llvm::format("%.3g", mismatch.largestError);
  diagnostic << text;
}

// Explains why the ranks' tensors cannot be a value of this shape and layout; empty if they can.
static std::string findMisfit(ShardingAttr sharding, const RankValue &value, ArrayRef<int64_t> shape, MeshAttr mesh) {
  std::string text;
  llvm::raw_string_ostream os(text);
  if (sharding && failed(sharding.verifyFor([&] { return InFlightDiagnostic(); }, mesh,
                                            RankedTensorType::get(shape, Float32Type::get(mesh.getContext()))))) {
    os << "sharding " << sharding << " does not fit the whole value's shape [";
    llvm::interleaveComma(shape, os);
    os << "]";
    return text;
  }
  SmallVector<int64_t> expected = Placement(mesh, sharding, shape).localShape();
  if (value[0].shape() == ArrayRef(expected))
    return text;
  os << "expected a shard of shape [";
  llvm::interleaveComma(expected, os);
  os << "], found [";
  llvm::interleaveComma(value[0].shape(), os);
  os << "]";
  return text;
}

LogicalResult EntryVerifier::check(Operation *op, ArrayRef<RankValue> results) {
  std::optional<int64_t> number = numberOf(op);
  auto shardings = op->getAttrOfType<ArrayAttr>(kShardings);
  if (!number || !shardings || shardings.size() != results.size())
    return success();
  for (auto [i, result] : llvm::enumerate(results)) {
    auto found = traced.find({pathOf(localProgram), *number, i});
    if (found == traced.end())
      continue;
    const Traced &whole = found->second;
    auto sharding = dyn_cast<ShardingAttr>(shardings[i]);
    std::string misfit = findMisfit(sharding, result, whole.tensor.shape(), localProgram.mesh());
    Placement placement(localProgram.mesh(), misfit.empty() ? sharding : ShardingAttr(), whole.tensor.shape());
    std::optional<Mismatch> mismatch;
    if (misfit.empty())
      mismatch = placement.compare(result, whole.tensor, toleranceFor(whole.tensor), report.worstError);
    ++report.values;
    if (misfit.empty() && !mismatch)
      continue;
    InFlightDiagnostic diagnostic = op->emitError() << "partition differs from the whole program at " << op->getName()
                                                    << " (" << where(op, *number) << "): ";
    if (mismatch)
      describe(diagnostic, *mismatch, result[0].size());
    else
      diagnostic << misfit;
    diagnostic << "; sharding " << shardings[i];
    diagnostic.attachNote(whole.op->getLoc())
        << "the whole program computes the value here, by " << whole.op->getName();
    return diagnostic;
  }
  return success();
}

static ShardingAttr argSharding(FunctionOpInterface local, FunctionOpInterface global, unsigned i) {
  auto sharding = local.getArgAttrOfType<ShardingAttr>(i, kSharding);
  return sharding ? sharding : global.getArgAttrOfType<ShardingAttr>(i, kSharding);
}

FailureOr<SmallVector<RankValue>> EntryVerifier::sliceArguments(FunctionOpInterface localEntry,
                                                                ArrayRef<RankValue> whole) {
  SmallVector<RankValue> slices;
  for (auto [i, argument] : llvm::enumerate(whole)) {
    ShardingAttr sharding = argSharding(localEntry, entry, i);
    RankValue shape(1, zerosOf(localEntry.getArgumentTypes()[i]));
    std::string misfit =
        shape[0] ? findMisfit(sharding, shape, argument[0].shape(), localProgram.mesh()) : "expected a tensor";
    if (!misfit.empty())
      return localEntry.emitError() << "partition differs from the whole program at argument " << i << " of @"
                                    << entry.getName() << ": " << misfit;
    slices.push_back(Placement(localProgram.mesh(), sharding, argument[0].shape()).slice(argument[0]));
  }
  return slices;
}

LogicalResult EntryVerifier::checkResults(FunctionOpInterface localEntry, ArrayRef<RankValue> whole,
                                          ArrayRef<RankValue> local) {
  for (auto [i, expected, found] : llvm::enumerate(whole, local)) {
    auto sharding = dyn_cast_or_null<ShardingAttr>(localEntry.getResultAttr(i, kSharding));
    std::string misfit = findMisfit(sharding, found, expected[0].shape(), localProgram.mesh());
    std::optional<Mismatch> mismatch;
    if (misfit.empty())
      mismatch = Placement(localProgram.mesh(), sharding, expected[0].shape())
                     .compare(found, expected[0], toleranceFor(expected[0]), report.worstError);
    ++report.values;
    if (misfit.empty() && !mismatch)
      continue;
    InFlightDiagnostic diagnostic = localEntry.emitError() << "partition differs from the whole program at result " << i
                                                           << " of @" << entry.getName() << ": ";
    if (mismatch)
      describe(diagnostic, *mismatch, found[0].size());
    else
      diagnostic << misfit;
    return diagnostic;
  }
  return success();
}

LogicalResult EntryVerifier::run() {
  auto localEntry = localModule.lookupSymbol<FunctionOpInterface>(entry.getName());
  if (!localEntry || localEntry.getNumArguments() != entry.getNumArguments() ||
      localEntry.getNumResults() != entry.getNumResults())
    return entry.emitError() << "expected the partitioned program to have a function @" << entry.getName() << " with "
                             << entry.getNumArguments() << " arguments and " << entry.getNumResults() << " results";
  SmallVector<RankValue> arguments;
  for (unsigned i = 0; i < entry.getNumArguments(); ++i) {
    arguments.push_back({inputs.make(entry, i)});
    if (!arguments.back()[0])
      return entry.emitError() << "argument " << i << ": the interpreter has no values of type "
                               << entry.getArgumentTypes()[i];
  }
  wholeProgram.setObserver([&](Operation *op, ArrayRef<RankValue> results) { return trace(op, results); });
  FailureOr<SmallVector<RankValue>> expected = wholeProgram.run(entry, arguments);
  if (failed(expected))
    return failure();
  FailureOr<SmallVector<RankValue>> slices = sliceArguments(localEntry, arguments);
  if (failed(slices))
    return failure();
  arguments.clear();
  localProgram.setObserver([&](Operation *op, ArrayRef<RankValue> results) { return check(op, results); });
  FailureOr<SmallVector<RankValue>> found = localProgram.run(localEntry, *slices);
  if (failed(found) || failed(checkResults(localEntry, *expected, *found)))
    return failure();
  report.collectives = localProgram.collectives().vec();
  return success();
}

LogicalResult tp::verifyPartition(ModuleOp global, ModuleOp local, const VerifyOptions &options, VerifyReport *report) {
  if (!local->hasAttr(kPartitioned))
    return local.emitError() << "expected a partitioned program: the module has no " << kPartitioned;
  if (!Interpreter(local).mesh())
    return local.emitError() << "a partitioned module has no tp.mesh that says how many devices run it";
  SmallVector<FunctionOpInterface> entries, publics;
  for (auto function : global.getOps<FunctionOpInterface>()) {
    if (function->hasAttr(kEntry))
      entries.push_back(function);
    if (function.isPublic() && !function.isExternal())
      publics.push_back(function);
  }
  RandomInputs inputs(options.seed, options.integers);
  for (FunctionOpInterface entry : entries.empty() ? publics : entries) {
    EntryVerifier verifier(global, local, entry, options, inputs);
    LogicalResult verified = verifier.run();
    if (report)
      report->entries.push_back(verifier.getReport());
    if (failed(verified))
      return failure();
  }
  return success();
}
