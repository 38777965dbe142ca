#include "Mutations.h"

#include "tp/Dialect/Tp.h"
#include "tp/Fuzz/Fuzz.h"
#include "tp/Sharding/ShardingRule.h"

using namespace mlir;
using namespace tp;
using namespace tp::fuzz;

//===-- in rules
//-----------------------------------------------------------------------------------------------------------------------===//

static void changeKind(ShardingRule &rule, FactorKind from, FactorKind to) {
  for (Factor &factor : rule.factors)
    if (factor.kind == from)
      factor.kind = to;
}
static void forgetReductions(ShardingRule &rule) { changeKind(rule, FactorKind::Reduction, FactorKind::Parallel); }
static void splitWholeFactors(ShardingRule &rule) { changeKind(rule, FactorKind::Whole, FactorKind::Parallel); }
static void forgetShifts(ShardingRule &rule) { rule.shifts.clear(); }
static void turnShifts(ShardingRule &rule) {
  for (IndexShift &shift : rule.shifts)
    shift.minus = !shift.minus;
}
static void forgetRepeats(ShardingRule &rule) {
  for (TensorFactors &operand : rule.operands)
    for (DimFactors &dim : operand)
      dim.repeat = 1;
}

// Dimension `dim` of a tensor gets a factor of its own.
static void unlink(ShardingRule &rule, DimFactors &dim) {
  int64_t size = Parts{1, dim.sections}.width();
  for (unsigned factor : dim.factors)
    size *= rule.factors[factor].size;
  dim = {{rule.addFactor(size / dim.repeat)}, 1};
}
static void unlinkFirst(ShardingRule &rule) {
  for (TensorFactors &operand : rule.operands)
    if (!operand.empty())
      return unlink(rule, operand.front());
}
static void unlinkLast(ShardingRule &rule) {
  for (TensorFactors &operand : llvm::reverse(rule.operands))
    if (!operand.empty())
      return unlink(rule, operand.back());
}
static void forEachDim(ShardingRule &rule, llvm::function_ref<void(DimFactors &)> change) {
  for (SmallVectorImpl<TensorFactors> *tensors :
       std::initializer_list<SmallVectorImpl<TensorFactors> *>{&rule.operands, &rule.results})
    for (TensorFactors &tensor : *tensors)
      llvm::for_each(tensor, change);
}
static void reverseFactors(ShardingRule &rule) {
  forEachDim(rule, [](DimFactors &dim) { std::reverse(dim.factors.begin(), dim.factors.end()); });
}
static void reverseSections(ShardingRule &rule) {
  forEachDim(rule, [](DimFactors &dim) { std::reverse(dim.sections.begin(), dim.sections.end()); });
}
static void forgetReduceKind(ShardingRule &rule) { rule.reduce = ReduceKind::Sum; }
static void forgetInitial(ShardingRule &rule) { rule.initial = -1; }
static void claimFirst(ShardingRule &rule) { rule.terms.assign(1, {0}); }
// A product is taken for a sum of its operands, and what is not linear for linear.
static void claimSum(ShardingRule &rule) {
  rule.terms.clear();
  for (unsigned i = 0; i < rule.operands.size(); ++i)
    rule.terms.push_back({i});
}
static void claimProduct(ShardingRule &rule) {
  rule.terms.assign(1, {});
  for (unsigned i = 0; i < rule.operands.size(); ++i)
    rule.terms[0].push_back(i);
}

//===-- in partitioned programs
//--------------------------------------------------------------------------------------------------------===//

template <typename Op> static void forEach(ModuleOp module, llvm::function_ref<void(Op)> change) {
  SmallVector<Op> ops;
  module.walk([&](Op op) { ops.push_back(op); });
  for (Op op : ops)
    change(op);
}

// The op's result becomes its operand.
template <typename Op> static void skip(ModuleOp module) {
  forEach<Op>(module, [](Op op) {
    op->replaceAllUsesWith(op->getOperands());
    op.erase();
  });
}

static void addScattersUp(ModuleOp module) {
  forEach<ReduceScatterOp>(module, [](ReduceScatterOp op) {
    OpBuilder builder(op);
    for (auto [result, input] : llvm::zip(op.getResults(), op.getInputs()))
      result.replaceAllUsesWith(AllSliceOp::create(builder, op.getLoc(), result.getType(), input, op.getDimAttr(),
                                                   op.getSizeAttr(), op.getSplitAttr(), op.getMeshAttr(),
                                                   op.getOriginAttr()));
    op.erase();
  });
}

template <typename Op> static void takeMaximum(ModuleOp module) {
  forEach<Op>(module, [](Op op) { op.setKind(op.getKind() == ReduceKind::Sum ? ReduceKind::Max : ReduceKind::Sum); });
}

template <typename Op> static void useNextDim(ModuleOp module) {
  forEach<Op>(module, [](Op op) {
    op.setDim((op.getDim() + 1) % cast<RankedTensorType>(op->getOperand(0).getType()).getRank());
  });
}

static ArrayRef<StringAttr> axesOf(AllToAllOp op) { return op.getTo().getAxes(); }
template <typename Op> static ArrayRef<StringAttr> axesOf(Op op) { return op.getSplit().getAxes(); }

// Each device gets what its neighbour should have.
template <typename Op> static void turnRing(ModuleOp module) {
  forEach<Op>(module, [](Op op) {
    OpBuilder builder(op.getContext());
    MeshAttr mesh = lookupMesh(op, op.getMeshAttr());
    SmallVector<Attribute> axes(axesOf(op).begin(), axesOf(op).end());
    SmallVector<int64_t> sources;
    for (int64_t i = 0, n = mesh.sizeOf(axesOf(op)); i < n; ++i)
      sources.push_back((i + 1) % n);
    // The result of a gather is the same everywhere: its input is turned.
    bool isGather = isa<AllGatherOp>(op.getOperation());
    isGather ? builder.setInsertionPoint(op) : builder.setInsertionPointAfter(op);
    Value value = isGather ? op->getOperand(0) : op->getResult(0);
    auto turned = PermuteOp::create(builder, op.getLoc(), value.getType(), value, builder.getArrayAttr(axes),
                                    builder.getDenseI64ArrayAttr(sources), op.getMeshAttr(), StringAttr());
    if (isGather)
      op->setOperand(0, turned);
    else
      value.replaceAllUsesExcept(turned, turned);
  });
}

static void turnShiftIndices(ModuleOp module) {
  forEach<ShiftIndexOp>(module, [](ShiftIndexOp op) { op.setMinus(!op.getMinus()); });
}

//===-- the table
//----------------------------------------------------------------------------------------------------------------------===//

namespace {
struct Mutation {
  const char *op; // ops whose rules change begin like this; null: `local` changes partitioned programs
  const char *name;
  void (*rule)(ShardingRule &rule);
  void (*local)(ModuleOp module);
};
} // namespace

static ArrayRef<Mutation> mutations() {
  static const Mutation table[] = {
      {"tp.linear", "tp.linear-reduction-is-parallel", forgetReductions, nullptr},
      {"tp.linear", "tp.linear-input-rows-unlinked", unlinkFirst, nullptr},
      {"tp.linear", "tp.linear-weight-columns-unlinked", unlinkLast, nullptr},
      {"tp.linear", "tp.linear-is-a-sum", claimSum, nullptr},
      {"tp.rms_norm", "tp.rms_norm-row-is-split", splitWholeFactors, nullptr},
      {"tp.rms_norm", "tp.rms_norm-unlinked", unlinkFirst, nullptr},
      {"tp.rms_norm", "tp.rms_norm-is-linear", claimProduct, nullptr},
      {"tp.layer_norm", "tp.layer_norm-row-is-split", splitWholeFactors, nullptr},
      {"tp.layer_norm", "tp.layer_norm-unlinked", unlinkFirst, nullptr},
      {"tp.activation", "tp.activation-unlinked", unlinkFirst, nullptr},
      {"tp.activation", "tp.activation-is-linear", claimSum, nullptr},
      {"tp.rope", "tp.rope-positions-stay", forgetShifts, nullptr},
      {"tp.rope", "tp.rope-positions-turned", turnShifts, nullptr},
      {"tp.rope", "tp.rope-head-is-split", splitWholeFactors, nullptr},
      {"tp.embedding", "tp.embedding-ids-stay", forgetShifts, nullptr},
      {"tp.embedding", "tp.embedding-reduction-is-parallel", forgetReductions, nullptr},
      {"tp.take_row", "tp.take_row-rows-stay", forgetShifts, nullptr},
      {"tp.take_row", "tp.take_row-reduction-is-parallel", forgetReductions, nullptr},
      {"tp.kv_update", "tp.kv_update-cache-unlinked", unlinkFirst, nullptr},
      {"tp.kv_update", "tp.kv_update-length-is-split", splitWholeFactors, nullptr},
      {"tp.sdpa", "tp.sdpa-keys-are-split", splitWholeFactors, nullptr},
      {"tp.sdpa", "tp.sdpa-heads-do-not-repeat", forgetRepeats, nullptr},
      {"tp.sdpa", "tp.sdpa-positions-stay", forgetShifts, nullptr},
      {"tp.sdpa", "tp.sdpa-batch-unlinked", unlinkFirst, nullptr},
      {"tp.route", "tp.route-experts-are-split", splitWholeFactors, nullptr},
      {"tp.route", "tp.route-unlinked", unlinkFirst, nullptr},
      {"tp.expert_up", "tp.expert_up-input-is-split", splitWholeFactors, nullptr},
      {"tp.expert_up", "tp.expert_up-rows-unlinked", unlinkFirst, nullptr},
      {"tp.expert_up", "tp.expert_up-is-linear", claimProduct, nullptr},
      {"tp.expert_down", "tp.expert_down-reduction-is-parallel", forgetReductions, nullptr},
      {"tp.expert_down", "tp.expert_down-is-a-sum", claimSum, nullptr},
      {"tp.relative_bias", "tp.relative_bias-keys-are-split", splitWholeFactors, nullptr},
      {"tp.relative_bias", "tp.relative_bias-positions-stay", forgetShifts, nullptr},
      {"tp.relative_bias", "tp.relative_bias-positions-turned", turnShifts, nullptr},
      {"tp.sinusoid", "tp.sinusoid-rows-are-split", splitWholeFactors, nullptr},
      {"tp.relative_scores", "tp.relative_scores-rows-are-split", splitWholeFactors, nullptr},
      {"tp.relative_scores", "tp.relative_scores-batch-unlinked", unlinkFirst, nullptr},
      {"tensor.expand_shape", "tensor.expand_shape-factors-reversed", reverseFactors, nullptr},
      {"tensor.collapse_shape", "tensor.collapse_shape-factors-reversed", reverseFactors, nullptr},
      {"tensor.extract_slice", "tensor.extract_slice-unlinked", unlinkFirst, nullptr},
      {"tensor.extract_slice", "tensor.extract_slice-sections-reversed", reverseSections, nullptr},
      {"tensor.insert_slice", "tensor.insert_slice-unlinked", unlinkFirst, nullptr},
      {"tensor.pad", "tensor.pad-unlinked", unlinkFirst, nullptr},
      {"tensor.concat", "tensor.concat-unlinked", unlinkFirst, nullptr},
      {"tensor.concat", "tensor.concat-sections-reversed", reverseSections, nullptr},
      {"linalg.matmul", "linalg.matmul-reduction-is-parallel", forgetReductions, nullptr},
      {"linalg.matmul", "linalg.matmul-starts-everywhere", forgetInitial, nullptr},
      {"linalg.batch_matmul", "linalg.batch_matmul-unlinked", unlinkFirst, nullptr},
      {"linalg.matvec", "linalg.matvec-reduction-is-parallel", forgetReductions, nullptr},
      {"linalg.transpose", "linalg.transpose-unlinked", unlinkFirst, nullptr},
      {"linalg.broadcast", "linalg.broadcast-unlinked", unlinkFirst, nullptr},
      {"linalg.reduce", "linalg.reduce-reduction-is-parallel", forgetReductions, nullptr},
      {"linalg.reduce", "linalg.reduce-is-always-a-sum", forgetReduceKind, nullptr},
      {"linalg.reduce", "linalg.reduce-starts-everywhere", forgetInitial, nullptr},
      {"linalg.generic", "linalg.generic-reduction-is-parallel", forgetReductions, nullptr},
      {"linalg.generic", "linalg.generic-index-stays", forgetShifts, nullptr},
      {"linalg.generic", "linalg.generic-does-not-repeat", forgetRepeats, nullptr},
      {"linalg.exp", "linalg.exp-is-linear", claimFirst, nullptr},
      {"math.", "math-is-linear", claimFirst, nullptr},
      {"arith.add", "arith.add-is-a-product", claimProduct, nullptr},
      {"arith.mul", "arith.mul-is-a-sum", claimSum, nullptr},
      {"arith.max", "arith.max-is-linear", claimProduct, nullptr},
      {"arith.add", "arith.add-unlinked", unlinkFirst, nullptr},
      {nullptr, "all_reduce-skipped", nullptr, skip<AllReduceOp>},
      {nullptr, "all_reduce-takes-the-maximum", nullptr, takeMaximum<AllReduceOp>},
      {nullptr, "reduce_scatter-does-not-add", nullptr, addScattersUp},
      {nullptr, "reduce_scatter-takes-the-maximum", nullptr, takeMaximum<ReduceScatterOp>},
      {nullptr, "reduce_scatter-of-the-next-dimension", nullptr, useNextDim<ReduceScatterOp>},
      {nullptr, "reduce_scatter-to-the-neighbour", nullptr, turnRing<ReduceScatterOp>},
      {nullptr, "all_gather-of-the-next-dimension", nullptr, useNextDim<AllGatherOp>},
      {nullptr, "all_gather-from-the-neighbour", nullptr, turnRing<AllGatherOp>},
      {nullptr, "all_slice-of-the-next-dimension", nullptr, useNextDim<AllSliceOp>},
      {nullptr, "all_slice-of-the-neighbour", nullptr, turnRing<AllSliceOp>},
      {nullptr, "all_to_all-to-the-neighbour", nullptr, turnRing<AllToAllOp>},
      {nullptr, "permute-skipped", nullptr, skip<PermuteOp>},
      {nullptr, "as_partial-skipped", nullptr, skip<AsPartialOp>},
      {nullptr, "mask_padding-skipped", nullptr, skip<MaskPaddingOp>},
      {nullptr, "shift_index-skipped", nullptr, skip<ShiftIndexOp>},
      {nullptr, "shift_index-turned", nullptr, turnShiftIndices},
  };
  return table;
}

static const Mutation *present = nullptr;

std::vector<std::string> tp::fuzz::mutationNames() {
  std::vector<std::string> names;
  for (const Mutation &mutation : mutations())
    names.push_back(mutation.name);
  return names;
}

std::vector<std::string> tp::fuzz::opsWithoutMutation(MLIRContext &context) {
  std::vector<std::string> ops;
  for (RegisteredOperationName op : context.getRegisteredOperations())
    if (op.hasInterface<ShardingRuleOpInterface>() &&
        llvm::none_of(mutations(), [&](const Mutation &m) { return m.op && op.getStringRef() == m.op; }))
      ops.push_back(op.getStringRef().str());
  return ops;
}

static const Mutation *find(StringRef name) {
  const Mutation *found = llvm::find_if(mutations(), [&](const Mutation &m) { return name == m.name; });
  return found == mutations().end() ? nullptr : found;
}

std::vector<std::string> tp::fuzz::mutationOps(StringRef name) {
  const Mutation *mutation = find(name);
  if (!mutation || !mutation->rule)
    return {};
  // Of arith, the fuzzer has kinds of its own. Linears and sums make what the op reads split and partial.
  StringRef op = mutation->op;
  return {op.starts_with("arith.") ? "arith." : op.str(), "tp.linear", "linalg.reduce", "arith.binary"};
}

void tp::fuzz::setMutation(StringRef name) {
  present = find(name);
  if (!present || !present->rule)
    return setRuleHook({});
  setRuleHook([](Operation *op, ShardingRule &rule) {
    if (op->getName().getStringRef().starts_with(present->op))
      present->rule(rule);
  });
}

void tp::fuzz::mutate(ModuleOp local) {
  if (present && present->local)
    present->local(local);
}
