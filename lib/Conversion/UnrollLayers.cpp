// Loops over layers become one call after another, and stacks one argument for each layer: what the program and the
// package are made of. It comes last of what looks at the whole program, for which a layer more costs nothing.
#include "tp/Conversion/Passes.h"
#include "tp/Dialect/LayerStack.h"
#include "tp/Dialect/Tp.h"
#include "tp/Sharding/Sharding.h"
#include "tp/Support/LoopPasses.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace tp {
#define GEN_PASS_DEF_UNROLLLAYERS
#include "tp/Conversion/Passes.h.inc"
} // namespace tp

using namespace mlir;
using namespace tp;

// As many ops as this could be made of a loop's body; more is a mistake, and would take all memory.
static constexpr int64_t kMaxOps = 1 << 20;

static LogicalResult unroll(scf::ForOp loop) {
  std::optional<int64_t> lower = getConstantIntValue(loop.getLowerBound()),
                         upper = getConstantIntValue(loop.getUpperBound()), step = getConstantIntValue(loop.getStep());
  if (!lower || !upper || !step || *step <= 0)
    return loop.emitOpError("expected constant bounds and a positive step: a loop over layers becomes as many calls");
  int64_t passes = countPasses(*lower, *upper, *step);
  int64_t ops = std::distance(loop.getBody()->begin(), loop.getBody()->end());
  if (passes > kMaxOps / ops)
    return loop.emitOpError() << "expected a loop that becomes at most " << kMaxOps << " ops, found " << passes
                              << " passes of " << ops;
  OpBuilder b(loop);
  SmallVector<Value> carried(loop.getInitArgs());
  for (int64_t pass = 0; pass < passes; ++pass) {
    IRMapping mapping;
    mapping.map(loop.getInductionVar(),
                arith::ConstantOp::create(b, loop.getLoc(),
                                          b.getIntegerAttr(loop.getInductionVar().getType(), *lower + pass * *step)));
    mapping.map(loop.getRegionIterArgs(), carried);
    for (Operation &op : loop.getBody()->without_terminator())
      b.clone(op, mapping);
    for (auto [value, yielded] : llvm::zip_equal(carried, loop.getYieldedValues()))
      value = mapping.lookupOrDefault(yielded);
  }
  loop.replaceAllUsesWith(carried);
  loop.erase();
  return success();
}

namespace {
// Gives a function an argument and a result for each tensor of its stacks.
class Unstacker {
public:
  explicit Unstacker(func::FuncOp function) : function(function), block(function.getBody().front()) {}

  LogicalResult run() {
    FailureOr<Slots> arguments =
        expand(function.getArgumentTypes(), [&](unsigned i) { return function.getArgAttrDict(i); });
    FailureOr<Slots> results =
        expand(function.getResultTypes(), [&](unsigned i) { return function.getResultAttrDict(i); });
    if (failed(arguments) || failed(results))
      return failure();
    auto isOfStack = [](std::pair<unsigned, int64_t> source) { return source.second >= 0; };
    if (llvm::none_of(arguments->sources, isOfStack) && llvm::none_of(results->sources, isOfStack))
      return success();
    addArguments(*arguments);
    replaceReads();
    if (failed(replaceReturned(*results)) || failed(dropStacks()))
      return failure();
    function.setType(FunctionType::get(function.getContext(), arguments->types, results->types));
    function.setAllArgAttrs(arguments->attributes);
    function.setAllResultAttrs(results->attributes);
    return success();
  }

private:
  // The new arguments or results.
  struct Slots {
    SmallVector<Type> types;
    SmallVector<DictionaryAttr> attributes;
    SmallVector<std::pair<unsigned, int64_t>> sources; // which one it was, and the place in that stack; -1: no stack
  };

  static std::optional<LayerStack> stackOf(DictionaryAttr attributes) {
    for (StringRef kind : {kParameter, kState})
      if (auto name = attributes ? attributes.getAs<StringAttr>(kind) : StringAttr())
        return LayerStack::parse(name);
    return std::nullopt;
  }

  static Type typeOfOne(Type stack) {
    auto tensor = cast<RankedTensorType>(stack);
    return RankedTensorType::get(tensor.getShape().drop_front(), tensor.getElementType());
  }

  // What is said of a stack, said of one of its tensors.
  FailureOr<DictionaryAttr> attributesOfOne(DictionaryAttr ofStack, Type type, const LayerStack &stack, int64_t index) {
    MLIRContext *context = function.getContext();
    if (int64_t layers = cast<RankedTensorType>(type).getDimSize(0); layers != stack.count)
      return function.emitOpError() << "stack '" << stack.str() << "': expected every device to have all "
                                    << stack.count << " layers, found " << layers;
    NamedAttrList list(ofStack);
    for (StringRef kind : {kParameter, kState})
      if (ofStack.get(kind))
        list.set(kind, StringAttr::get(context, stack.nameOf(index)));
    if (auto type = ofStack.getAs<TypeAttr>(kGlobalType))
      list.set(kGlobalType, TypeAttr::get(typeOfOne(type.getValue())));
    if (auto attribute = ofStack.getAs<ShardingAttr>(kSharding)) {
      Sharding sharding = Sharding::from(attribute);
      sharding.dims.erase(sharding.dims.begin());
      list.set(kSharding, sharding.toAttribute(attribute.getMesh(), context));
    }
    return list.getDictionary(context);
  }

  // Stacks of the same layers that stand together become the tensors of one layer after the other.
  FailureOr<Slots> expand(TypeRange types, llvm::function_ref<DictionaryAttr(unsigned)> attributesAt) {
    Slots slots;
    for (unsigned begin = 0, end; begin < types.size(); begin = end) {
      SmallVector<LayerStack> stacks;
      for (end = begin; end < types.size(); ++end) {
        std::optional<LayerStack> stack = stackOf(attributesAt(end));
        if (!stack || (!stacks.empty() && stack->count != stacks[0].count))
          break;
        stacks.push_back(*stack);
      }
      if (stacks.empty()) {
        slots.types.push_back(types[begin]);
        slots.attributes.push_back(attributesAt(begin));
        slots.sources.push_back({begin, -1});
        ++end;
      }
      for (int64_t index = 0; !stacks.empty() && index < stacks[0].count; ++index)
        for (auto [i, stack] : llvm::enumerate(stacks)) {
          FailureOr<DictionaryAttr> attributes =
              attributesOfOne(attributesAt(begin + i), types[begin + i], stack, index);
          if (failed(attributes))
            return failure();
          slots.types.push_back(typeOfOne(types[begin + i]));
          slots.attributes.push_back(*attributes);
          slots.sources.push_back({begin + i, index});
        }
    }
    return slots;
  }

  void addArguments(const Slots &slots) {
    SmallVector<BlockArgument> before(block.getArguments());
    for (auto [type, source] : llvm::zip_equal(slots.types, slots.sources)) {
      BlockArgument old = before[source.first], argument = block.addArgument(type, old.getLoc());
      if (source.second < 0)
        old.replaceAllUsesWith(argument);
      else
        tensors[old].push_back(argument);
    }
    oldArguments = before.size();
  }

  // The tensor at `index` of a stack, as far as is known what was written there; null where it is not.
  Value tensorAt(Value stack, int64_t index) {
    while (auto insert = stack.getDefiningOp<tensor::InsertSliceOp>()) {
      std::optional<int64_t> written = indexOf(insert, insert.getSourceType(), insert.getDestType());
      if (!written)
        return Value();
      if (*written == index)
        return insert.getSource();
      stack = insert.getDest();
    }
    auto found = tensors.find(stack);
    return found == tensors.end() ? Value() : found->second[index];
  }

  // Which tensor of a stack a slice is; none where it is not a whole one.
  static std::optional<int64_t> indexOf(OffsetSizeAndStrideOpInterface slice, RankedTensorType one,
                                        RankedTensorType stack) {
    std::optional<int64_t> index = getConstantIntValue(slice.getMixedOffsets()[0]);
    if (one != typeOfOne(stack) || !index || *index < 0 || *index >= stack.getDimSize(0) ||
        !llvm::all_of(slice.getMixedStrides(), [](OpFoldResult stride) { return isConstantIntValue(stride, 1); }))
      return std::nullopt;
    return index;
  }

  void replaceReads() {
    for (auto slice : llvm::make_early_inc_range(block.getOps<tensor::ExtractSliceOp>())) {
      std::optional<int64_t> index =
          slice.getSourceType().getRank() > 0 ? indexOf(slice, slice.getType(), slice.getSourceType()) : std::nullopt;
      Value tensor = index ? tensorAt(slice.getSource(), *index) : Value();
      if (!tensor)
        continue;
      slice.replaceAllUsesWith(tensor);
      slice.erase();
    }
  }

  LogicalResult replaceReturned(const Slots &slots) {
    Operation *end = block.getTerminator();
    SmallVector<Value> returned;
    for (auto [number, index] : slots.sources) {
      Value value = end->getOperand(number);
      returned.push_back(index < 0 ? value : tensorAt(value, index));
      if (!returned.back())
        return end->emitOpError() << "operand " << number
                                  << ": expected a stack whose layers are written one by one, found another value";
    }
    end->setOperands(returned);
    return success();
  }

  // Nothing uses them now but their own updates.
  LogicalResult dropStacks() {
    for (Operation &op : llvm::make_early_inc_range(llvm::reverse(block)))
      if (isa<tensor::InsertSliceOp>(op) && op.use_empty())
        op.erase();
    for (unsigned i = 0; i < oldArguments; ++i)
      if (Value argument = block.getArgument(i); !argument.use_empty())
        return argument.use_begin()->getOwner()->emitOpError()
               << "expected to read or write one layer of argument " << i << ", a stack";
    block.eraseArguments(0, oldArguments);
    return success();
  }

  func::FuncOp function;
  Block &block;
  unsigned oldArguments = 0;                         // which stand before the new ones
  llvm::DenseMap<Value, SmallVector<Value>> tensors; // of a stack among them
};

struct UnrollLayers : tp::impl::UnrollLayersBase<UnrollLayers> {
  using UnrollLayersBase::UnrollLayersBase;

  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (!function.isExternal() && (failed(unrollIn(function)) || failed(Unstacker(function).run())))
        return signalPassFailure();
  }

private:
  LogicalResult unrollIn(func::FuncOp function) {
    SmallVector<scf::ForOp> loops;
    function.walk([&](scf::ForOp loop) { loops.push_back(loop); }); // inner ones first
    for (scf::ForOp loop : loops)
      if (failed(unroll(loop)))
        return failure();
    if (loops.empty())
      return success();
    // Numbers that were the loops' are constants now, and in the slices too.
    RewritePatternSet patterns(&getContext());
    tensor::ExtractSliceOp::getCanonicalizationPatterns(patterns, &getContext());
    tensor::InsertSliceOp::getCanonicalizationPatterns(patterns, &getContext());
    return applyPatternsGreedily(function, std::move(patterns));
  }
};
} // namespace
