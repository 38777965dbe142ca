#include "tp/Interpreter/Interpreter.h"
#include "tp/Support/LoopPasses.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/TypeUtilities.h"
#include "mlir/Transforms/RegionUtils.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace tp;

// Deeper calls than this are taken for a recursion without end.
static constexpr size_t kMaxDepth = 256;
// Loops with more passes would not end in a useful time.
static constexpr int64_t kMaxPasses = 1 << 20;
static constexpr int64_t kMaxElements = int64_t(1) << 33;

//===-- kernels' view of an op
//-------------------------------------------------------------------------------------------------------===//

const Tensor RankCall::none;

const Tensor &RankCall::lookup(Value operand) const {
  for (OpOperand &use : op->getOpOperands())
    if (operand && use.get() == operand)
      return operands[use.getOperandNumber()];
  const Value *found = llvm::find(captured, operand);
  return found == captured.end() ? none : operands[op->getNumOperands() + (found - captured.begin())];
}

Tensor &RankCall::makeResult(unsigned i) {
  results[i] = zerosOf(op->getResult(i).getType());
  return results[i];
}

static bool hasValues(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor)
    return elementKindOf(type).has_value();
  // Larger tensors would not fit into a host's memory.
  int64_t elements = 1;
  for (int64_t size : tensor.getShape())
    if (ShapedType::isDynamic(size) || (size > 0 && elements > kMaxElements / size))
      return false;
    else
      elements *= size;
  return elementKindOf(tensor.getElementType()).has_value();
}

Tensor tp::zerosOf(Type type) {
  if (!hasValues(type))
    return {};
  auto tensor = dyn_cast<RankedTensorType>(type);
  return Tensor(tensor ? tensor.getShape() : ArrayRef<int64_t>(), *elementKindOf(getElementTypeOrSelf(type)));
}

const KernelRegistry &KernelRegistry::builtin() {
  static const KernelRegistry registry = [] {
    KernelRegistry result;
    addTensorOpKernels(result);
    addLayerKernels(result);
    addExpertKernels(result);
    addRelativeKernels(result);
    addCollectiveKernels(result);
    addArithKernels(result);
    addMathKernels(result);
    addShapeKernels(result);
    addLinalgKernels(result);
    return result;
  }();
  return registry;
}

//===-- the interpreter
//--------------------------------------------------------------------------------------------------------------===//

// The values of a running block. A value leaves when its last use has run.
struct Interpreter::Frame {
  explicit Frame(Block &block) : block(block) {}

  Block &block;
  llvm::DenseMap<Value, RankValue> values;
  llvm::DenseMap<Value, unsigned> usesLeft;
  int64_t calls = 0; // calls and loops without a number

  int64_t numberOf(Operation *op) {
    auto number = op->getAttrOfType<IntegerAttr>(kValue);
    return number ? number.getInt() : -++calls;
  }
  void define(Value value, RankValue tensors) {
    unsigned uses = llvm::count_if(
        value.getUses(), [&](OpOperand &use) { return block.findAncestorOpInBlock(*use.getOwner()) != nullptr; });
    if (uses == 0)
      return;
    usesLeft[value] = uses;
    values[value] = std::move(tensors);
  }
  RankValue use(Value value) {
    if (--usesLeft[value] > 0)
      return values[value];
    RankValue last = std::move(values[value]);
    values.erase(value);
    return last;
  }
};

// What an op works on: its operands, and behind them the values that its regions use from outside.
struct Interpreter::Inputs {
  SmallVector<RankValue> operands;
  llvm::SetVector<Value> captured;

  Inputs(Operation *op, Frame &frame) {
    for (Value operand : op->getOperands())
      operands.push_back(frame.use(operand));
    visitUsedValuesDefinedAbove(op->getRegions(), [&](OpOperand *use) {
      RankValue value = frame.use(use->get());
      if (captured.insert(use->get()))
        operands.push_back(std::move(value));
    });
  }
};

Interpreter::Interpreter(ModuleOp module, const KernelRegistry &registry) : module(module), registry(registry) {
  Attribute partitioned = module->getAttr(kPartitioned);
  if (!partitioned)
    return;
  if (auto name = dyn_cast<FlatSymbolRefAttr>(partitioned)) {
    if (auto op = module.lookupSymbol<MeshOp>(name.getAttr()))
      deviceMesh = op.getMesh();
  } else if (auto meshes = module.getOps<MeshOp>(); !meshes.empty()) {
    deviceMesh = (*meshes.begin()).getMesh();
  }
  numRanks = deviceMesh ? deviceMesh.devices() : 1;
}

void Interpreter::countCollective(StringRef kind, double bytes) {
  auto *found = llvm::find_if(statistics, [&](const CollectiveStatistics &s) { return s.kind == kind; }).base();
  size_t index = found - statistics.data();
  if (index == statistics.size())
    statistics.push_back({kind.str(), 0, 0});
  statistics[index].count += 1;
  statistics[index].bytes += bytes;
}

void tp::printCollectives(raw_ostream &os, ArrayRef<CollectiveStatistics> collectives) {
  double total = 0;
  for (const CollectiveStatistics &s : collectives) {
    os << "  " << s.kind << ": " << s.count << " times, " << llvm::format("%.0f", s.bytes) << " bytes\n";
    total += s.bytes;
  }
  if (!collectives.empty())
    os << "  all collectives: " << llvm::format("%.0f", total) << " bytes per device\n";
}

FailureOr<SmallVector<RankValue>> Interpreter::run(StringRef name, ArrayRef<RankValue> arguments) {
  auto function = module.lookupSymbol<FunctionOpInterface>(name);
  if (!function)
    return emitError(module.getLoc()) << "expected a function @" << name << " to run, the module has none";
  return run(function, arguments);
}

FailureOr<SmallVector<RankValue>> Interpreter::run(FunctionOpInterface function, ArrayRef<RankValue> arguments) {
  calls.clear();
  if (module->hasAttr(kPartitioned) && !deviceMesh)
    return emitError(module.getLoc()) << "a partitioned module has no tp.mesh that says how many devices run it";
  UnroundedScope scope(unrounded);
  return runBody(function, arguments);
}

// `type` is one that the interpreter has values of.
static bool isOfType(const Tensor &tensor, Type type) {
  ArrayRef<int64_t> shape;
  if (auto tensorType = dyn_cast<RankedTensorType>(type))
    shape = tensorType.getShape();
  return tensor.shape() == shape && tensor.kind() == elementKindOf(getElementTypeOrSelf(type));
}

// What makes a function's arguments unfit; empty if nothing does.
static std::string findMismatch(FunctionOpInterface function, ArrayRef<RankValue> arguments, size_t ranks) {
  if (arguments.size() != function.getNumArguments())
    return llvm::formatv("expected {0} arguments, found {1}", function.getNumArguments(), arguments.size());
  for (auto [i, type, argument] : llvm::enumerate(function.getArgumentTypes(), arguments)) {
    if (!hasValues(type))
      return llvm::formatv("argument {0}: the interpreter has no values of type {1}", i, type);
    if (argument.size() != ranks)
      return llvm::formatv("argument {0}: expected a tensor for each of {1} ranks, found {2}", i, ranks,
                           argument.size());
    for (const Tensor &tensor : argument)
      if (!tensor || !isOfType(tensor, type))
        return llvm::formatv("argument {0}: expected tensors of type {1}", i, type);
  }
  return "";
}

FailureOr<SmallVector<RankValue>> Interpreter::runBody(FunctionOpInterface function, ArrayRef<RankValue> arguments) {
  if (function.isExternal() || !llvm::hasSingleElement(function.getFunctionBody()))
    return function.emitError() << "the interpreter runs functions with one block, and @" << function.getName()
                                << " is not one";
  if (calls.size() > kMaxDepth)
    return function.emitError() << "calls are nested more than " << kMaxDepth << " deep";
  if (std::string mismatch = findMismatch(function, arguments, numRanks); !mismatch.empty())
    return function.emitError() << "@" << function.getName() << ": " << mismatch;

  Frame frame(function.getFunctionBody().front());
  for (auto [i, argument] : llvm::enumerate(function.getArguments()))
    frame.define(argument, arguments[i]);
  return runBlock(frame);
}

FailureOr<SmallVector<RankValue>> Interpreter::runBlock(Frame &frame) {
  for (Operation &op : frame.block) {
    if (isa<func::ReturnOp, scf::YieldOp>(op)) {
      SmallVector<RankValue> results;
      for (Value operand : op.getOperands())
        results.push_back(frame.use(operand));
      return results;
    }
    if (op.hasTrait<OpTrait::IsTerminator>())
      return op.emitError() << "the interpreter has no kernel for '" << op.getName() << "'";
    if (failed(runOp(&op, frame)))
      return failure();
  }
  return frame.block.getParentOp()->emitError() << "the body has no terminator";
}

LogicalResult Interpreter::runOp(Operation *op, Frame &frame) {
  for (Type type : op->getResultTypes())
    if (!hasValues(type))
      return op->emitError() << "the interpreter has no values of type " << type;
  Inputs inputs(op, frame);
  SmallVector<RankValue> results(op->getNumResults());

  StringRef name = op->getName().getStringRef();
  LogicalResult ran = failure();
  if (isa<func::CallOp>(op))
    ran = runCall(op, inputs.operands, frame, results);
  else if (auto loop = dyn_cast<scf::ForOp>(op))
    ran = runLoop(loop, inputs, frame, results);
  else if (GroupKernel kernel = registry.groupKernel(name)) {
    GroupCall call{op, *this, inputs.operands, results};
    ran = kernel(call);
  } else if (RankKernel kernel = registry.rankKernel(name))
    ran = runOnEachRank(op, kernel, inputs, results);
  else
    return op->emitError() << "the interpreter has no kernel for '" << name << "'";
  if (failed(ran) || (observer && failed(observer(op, results))))
    return failure();
  for (auto [value, tensors] : llvm::zip(op->getResults(), results))
    frame.define(value, std::move(tensors));
  return success();
}

LogicalResult Interpreter::runCall(Operation *op, ArrayRef<RankValue> operands, Frame &frame,
                                   SmallVectorImpl<RankValue> &results) {
  auto call = cast<func::CallOp>(op);
  auto callee = symbols.lookupNearestSymbolFrom<FunctionOpInterface>(op, call.getCalleeAttr());
  if (!callee)
    return op->emitError() << "the function @" << call.getCallee() << " does not exist";
  calls.push_back({op, frame.numberOf(op), 0});
  FailureOr<SmallVector<RankValue>> returned = runBody(callee, operands);
  calls.pop_back();
  if (failed(returned))
    return failure();
  llvm::move(*returned, results.begin());
  return success();
}

// The number that a scalar is on all ranks.
static FailureOr<int64_t> uniform(Operation *op, const RankValue &scalar, StringRef what) {
  for (const Tensor &tensor : scalar)
    if (tensor.ints()[0] != scalar[0].ints()[0])
      return op->emitError() << "expected the loop's " << what << " to be the same on all ranks, found "
                             << scalar[0].ints()[0] << " and " << tensor.ints()[0];
  return scalar[0].ints()[0];
}

LogicalResult Interpreter::runLoop(scf::ForOp loop, Inputs &inputs, Frame &frame, SmallVectorImpl<RankValue> &results) {
  FailureOr<int64_t> lower = uniform(loop, inputs.operands[0], "lower bound"),
                     upper = uniform(loop, inputs.operands[1], "upper bound"),
                     step = uniform(loop, inputs.operands[2], "step");
  if (failed(lower) || failed(upper) || failed(step))
    return failure();
  int64_t passes = *step > 0 ? countPasses(*lower, *upper, *step) : 0;
  if (*step <= 0 || passes > kMaxPasses)
    return loop.emitError() << "expected a loop with a positive step and at most " << kMaxPasses
                            << " passes, found bounds " << *lower << " and " << *upper << " with step " << *step;
  unsigned carried = loop.getNumRegionIterArgs(), bounds = loop.getNumOperands() - carried;
  for (unsigned i = 0; i < carried; ++i)
    results[i] = std::move(inputs.operands[bounds + i]);
  int64_t number = frame.numberOf(loop);
  for (int64_t pass = 0; pass < passes; ++pass) {
    Frame body(*loop.getBody());
    Tensor index({}, *elementKindOf(loop.getInductionVar().getType()));
    index.writeInts()[0] = *lower + pass * *step;
    body.define(loop.getInductionVar(), RankValue(numRanks, index));
    for (auto [argument, value] : llvm::zip(loop.getRegionIterArgs(), results))
      body.define(argument, std::move(value));
    for (auto [c, value] : llvm::enumerate(inputs.captured))
      body.define(value, inputs.operands[loop.getNumOperands() + c]);
    calls.push_back({loop, number, pass});
    FailureOr<SmallVector<RankValue>> yielded = runBlock(body);
    calls.pop_back();
    if (failed(yielded))
      return failure();
    llvm::move(*yielded, results.begin());
  }
  return success();
}

LogicalResult Interpreter::runOnEachRank(Operation *op, RankKernel kernel, Inputs &all,
                                         SmallVectorImpl<RankValue> &results) {
  SmallVectorImpl<RankValue> &operands = all.operands;
  for (RankValue &result : results)
    result.resize(numRanks);
  // Ranks whose operands share their elements have the same results: they are computed once. Identities are taken
  // first, since a kernel may take its operands.
  std::vector<std::vector<const void *>> identities(numRanks);
  for (int64_t rank = 0; rank < numRanks; ++rank)
    for (RankValue &operand : operands)
      identities[rank].push_back(operand[rank].identity());
  for (int64_t rank = 0; rank < numRanks; ++rank) {
    int64_t twin = llvm::find(identities, identities[rank]) - identities.begin();
    if (twin < rank) {
      for (RankValue &result : results)
        result[rank] = result[twin];
      continue;
    }
    SmallVector<Tensor> inputs, outputs(results.size());
    for (RankValue &operand : operands)
      inputs.push_back(std::move(operand[rank]));
    RankCall call{op, all.captured.getArrayRef(), inputs, outputs};
    if (failed(kernel(call)))
      return failure();
    for (auto [result, output] : llvm::zip(results, outputs))
      result[rank] = std::move(output);
  }
  return success();
}
