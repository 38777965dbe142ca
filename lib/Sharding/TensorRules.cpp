// Rules of the tensor dialect's ops.
#include "UpstreamRules.h"

#include "llvm/ADT/TypeSwitch.h"

#include <numeric>

using namespace mlir;
using namespace tp;

// A reshape: each group of the finer side is the factors of one dimension of the coarser side.
static ShardingRule reshapeRule(ArrayRef<int64_t> coarse, ArrayRef<int64_t> fine, ArrayRef<ReassociationIndices> groups,
                                bool expands) {
  ShardingRule rule;
  TensorFactors coarseDims, fineDims;
  for (int64_t size : fine)
    fineDims.push_back({{rule.addFactor(size)}, 1});
  for (const ReassociationIndices &group : groups) {
    DimFactors dim;
    for (int64_t i : group)
      dim.factors.push_back(fineDims[i].factors[0]);
    coarseDims.push_back(dim);
  }
  rule.operands.push_back(expands ? coarseDims : fineDims);
  rule.results.push_back(expands ? fineDims : coarseDims);
  rule.terms = {{0}};
  return rule;
}

// The relative sizes of sections; none where they are equal or share no more than single elements.
static std::vector<int64_t> relativeSizes(ArrayRef<int64_t> sizes) {
  int64_t divisor = 0;
  for (int64_t size : sizes)
    divisor = std::gcd(divisor, size);
  std::vector<int64_t> relative;
  if (divisor > 1 && !llvm::all_equal(sizes) && !llvm::is_contained(sizes, 0))
    for (int64_t size : sizes)
      relative.push_back(size / divisor);
  return relative;
}

// The sizes of the sections that the slices of a value cut a dimension into; what no slice reads is a section too. None
// where a slice has a stride, or two overlap.
static SmallVector<int64_t> sectionsOf(TypedValue<RankedTensorType> value, unsigned dim) {
  SmallVector<std::pair<int64_t, int64_t>> windows; // offset and size
  for (Operation *user : value.getUsers()) {
    auto slice = dyn_cast<tensor::ExtractSliceOp>(user);
    if (!slice || slice.isDynamicOffset(dim) || slice.isDynamicSize(dim) || slice.isDynamicStride(dim) ||
        slice.getStaticStride(dim) != 1)
      return {};
    windows.push_back({slice.getStaticOffset(dim), slice.getStaticSize(dim)});
  }
  llvm::sort(windows);
  windows.erase(llvm::unique(windows), windows.end());
  SmallVector<int64_t> sizes;
  int64_t end = 0;
  windows.push_back({value.getType().getDimSize(dim), 0});
  for (auto [offset, size] : windows) {
    if (offset < end)
      return {};
    if (offset > end)
      sizes.push_back(offset - end);
    if (size > 0)
      sizes.push_back(size);
    end = offset + size;
  }
  return sizes;
}

// A dimension of the whole and one of its part [offset, offset + size): a section where the whole is `sections` (their
// sizes), shared where the part is everything, the inner factor of (number of part, part) where the whole is equal
// parts, else both stay whole.
static void addPart(ShardingRule &rule, TensorFactors &whole, TensorFactors &part, int64_t wholeSize, int64_t size,
                    int64_t offset, int64_t stride, ArrayRef<int64_t> sections) {
  if (std::vector<int64_t> relative = relativeSizes(sections); size > 0 && !relative.empty()) {
    int64_t blocks = sections[0] / relative[0];
    unsigned factor = rule.addFactor(blocks);
    whole.push_back({{factor}, 1, relative});
    part.push_back({{factor}, 1, {size / blocks}});
    return;
  }
  bool known = !ShapedType::isDynamic(offset) && stride == 1;
  if (known && offset == 0 && size == wholeSize) {
    unsigned factor = rule.addFactor(size);
    whole.push_back({{factor}, 1});
    part.push_back({{factor}, 1});
  } else if (known && size > 1 && wholeSize % size == 0 && offset % size == 0) {
    unsigned number = rule.addFactor(wholeSize / size, FactorKind::Whole), factor = rule.addFactor(size);
    whole.push_back({{number, factor}, 1});
    part.push_back({{factor}, 1});
  } else {
    whole.push_back({});
    part.push_back({});
  }
}

// Of extract_slice and insert_slice: the factors of the whole and of the slice. `sections`: of a dimension of the
// whole, their sizes; none where it has no sections.
static ShardingRule sliceRule(OffsetSizeAndStrideOpInterface op, ArrayRef<int64_t> wholeShape,
                              const llvm::SmallBitVector &dropped, TensorFactors &whole, TensorFactors &slice,
                              llvm::function_ref<SmallVector<int64_t>(unsigned)> sections) {
  ShardingRule rule;
  for (unsigned i = 0; i < wholeShape.size(); ++i) {
    // The only element of a dropped dimension: every device needs it.
    if (dropped[i]) {
      whole.push_back({});
      continue;
    }
    TensorFactors part;
    addPart(rule, whole, part, wholeShape[i], op.getStaticSizes()[i], op.getStaticOffsets()[i],
            op.getStaticStrides()[i], sections(i));
    slice.push_back(part[0]);
  }
  return rule;
}

static ShardingRule extractRule(tensor::ExtractSliceOp op) {
  TensorFactors whole, slice;
  ShardingRule rule = sliceRule(op, shapeOf(op.getSource()), op.getDroppedDims(), whole, slice,
                                [&](unsigned dim) { return sectionsOf(op.getSource(), dim); });
  rule.operands.assign(op->getNumOperands(), {});
  rule.operands[0] = whole;
  rule.results = {slice};
  rule.terms = {{0}};
  return rule;
}

static ShardingRule insertRule(tensor::InsertSliceOp op) {
  TensorFactors whole, slice;
  ShardingRule rule = sliceRule(op, shapeOf(op.getDest()), op.getDroppedDims(), whole, slice,
                                [](unsigned) { return SmallVector<int64_t>(); });
  rule.operands.assign(op->getNumOperands(), {});
  rule.operands[0] = slice;
  rule.operands[1] = whole;
  rule.results = {whole};
  return rule;
}

static std::optional<ShardingRule> padRule(tensor::PadOp op) {
  ShardingRule rule;
  TensorFactors dims;
  auto constant = [](OpFoldResult size) { return getConstantIntValue(size) == 0; };
  for (auto [i, size] : llvm::enumerate(shapeOf(op.getSource())))
    dims.push_back(constant(op.getMixedLowPad()[i]) && constant(op.getMixedHighPad()[i])
                       ? DimFactors{{rule.addFactor(size)}, 1}
                       : DimFactors{});
  rule.operands.assign(op->getNumOperands(), {});
  rule.operands[0] = dims;
  rule.results = {dims};
  return rule;
}

static ShardingRule concatRule(tensor::ConcatOp op) {
  ShardingRule rule;
  TensorFactors result;
  unsigned along = op.getDim();
  for (auto [i, size] : llvm::enumerate(shapeOf(op.getResult())))
    result.push_back(i == along ? DimFactors{} : DimFactors{{rule.addFactor(size)}, 1});
  TensorFactors input = result;
  int64_t part = shapeOf(op.getInputs()[0])[along], parts = op.getInputs().size();
  if (llvm::all_of(op.getInputs(), [&](Value value) { return shapeOf(value)[along] == part; })) {
    unsigned number = rule.addFactor(parts, FactorKind::Whole), factor = rule.addFactor(part);
    result[along].factors = {number, factor};
    input[along].factors = {factor};
  }
  rule.operands.assign(parts, input);
  SmallVector<int64_t> sizes;
  for (Value value : op.getInputs())
    sizes.push_back(shapeOf(value)[along]);
  if (std::vector<int64_t> sections = relativeSizes(sizes); !sections.empty()) {
    unsigned factor = rule.addFactor(sizes[0] / sections[0]);
    result[along] = {{factor}, 1, sections};
    for (auto [i, width] : llvm::enumerate(sections))
      rule.operands[i][along] = {{factor}, 1, {width}};
  }
  rule.results = {result};
  return rule;
}

// All operands whole, the result's dimensions free.
static ShardingRule freeResultRule(Operation *op) {
  ShardingRule rule;
  for (Value operand : op->getOperands())
    rule.operands.push_back(TensorFactors(shapeOf(operand).size()));
  rule.results.emplace_back();
  for (int64_t size : shapeOf(op->getResult(0)))
    rule.results[0].push_back({{rule.addFactor(size)}, 1});
  return rule;
}

std::optional<ShardingRule> tp::tensorRule(Operation *op) {
  return TypeSwitch<Operation *, std::optional<ShardingRule>>(op)
      .Case<tensor::ExpandShapeOp>([](auto reshape) {
        return reshapeRule(shapeOf(reshape.getSrc()), shapeOf(reshape.getResult()), reshape.getReassociationIndices(),
                           true);
      })
      .Case<tensor::CollapseShapeOp>([](auto reshape) {
        return reshapeRule(shapeOf(reshape.getResult()), shapeOf(reshape.getSrc()), reshape.getReassociationIndices(),
                           false);
      })
      .Case<tensor::ExtractSliceOp>(extractRule)
      .Case<tensor::InsertSliceOp>(insertRule)
      .Case<tensor::PadOp>(padRule)
      .Case<tensor::ConcatOp>(concatRule)
      .Case<tensor::EmptyOp, tensor::SplatOp, tensor::ExtractOp>(freeResultRule)
      .Default([](Operation *) { return std::nullopt; });
}
