// Dimensions that a reshape merged are separated again, as far as ops can be written on the separate ones.
//
// Example: a front end whose matmuls have two or three dimensions writes attention on [batch * heads, rows, features]
// and a linear on [batch * rows, features]. A split says of a dimension that it is cut over some axes, not that blocks
// of batches are on one axis and the heads within each batch on another: on a mesh of two axes one of the two splits
// would end at the reshape. So the collapse_shape that merges moves behind its reader, which becomes a linalg.generic
// with one loop more, and so on, until it meets the expand_shape that undoes it. On one axis nothing needs that, and
// the program is left as it is.
#include "Propagate.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Utils/ReshapeOpsUtils.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

using namespace mlir;
using namespace tp;

// What is stated of a result holds for the op as it is.
static bool isStated(Operation *op) { return op->hasAttr(kShardings); }

// The dimensions of a group that have more than one element.
static SmallVector<int64_t> longDims(const ReassociationIndices &group, ArrayRef<int64_t> shape) {
  SmallVector<int64_t> dims;
  for (int64_t dim : group)
    if (shape[dim] > 1)
      dims.push_back(dim);
  return dims;
}

// The collapse merges dimensions two at a time; which of its dimensions are merged ones.
static SmallVector<unsigned> mergedDims(tensor::CollapseShapeOp collapse) {
  SmallVector<unsigned> merged;
  for (auto [i, group] : llvm::enumerate(collapse.getReassociationIndices())) {
    size_t count = longDims(group, collapse.getSrcType().getShape()).size();
    if (count > 2)
      return {};
    if (count == 2)
      merged.push_back(i);
  }
  return merged;
}

// The reader's loops over the merged dimensions of its operand are all parallel, and its body does not ask where it is
// in one of them.
static bool canSeparate(OpOperand *operand) {
  auto reader = dyn_cast<linalg::LinalgOp>(operand->getOwner());
  auto collapse = operand->get().getDefiningOp<tensor::CollapseShapeOp>();
  if (!reader || !collapse || isStated(reader) || isStated(collapse) || !reader.isDpsInput(operand))
    return false;
  SmallVector<unsigned> merged = mergedDims(collapse);
  AffineMap map = reader.getMatchingIndexingMap(operand);
  auto iterators = reader.getIteratorTypesArray();
  return !merged.empty() && llvm::all_of(merged, [&](unsigned dim) {
    auto loop = dyn_cast<AffineDimExpr>(map.getResult(dim));
    return loop && iterators[loop.getPosition()] == utils::IteratorType::parallel &&
           llvm::none_of(reader.getBlock()->getOps<linalg::IndexOp>(),
                         [&](linalg::IndexOp index) { return index.getDim() == loop.getPosition(); });
  });
}

namespace {
// [b, k, g] -> [b * k * g] is [b, k, g] -> [b, k * g] -> [b * k * g]: the inner ones are one dimension to others.
struct MergeInPairs : OpRewritePattern<tensor::CollapseShapeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(tensor::CollapseShapeOp collapse, PatternRewriter &rewriter) const override {
    ArrayRef<int64_t> shape = collapse.getSrcType().getShape();
    SmallVector<ReassociationIndices> inner, outer;
    SmallVector<int64_t> between;
    for (const ReassociationIndices &group : collapse.getReassociationIndices()) {
      SmallVector<int64_t> dims = longDims(group, shape);
      outer.emplace_back();
      for (int64_t dim : group) {
        if (dims.size() > 2 && dim > dims[1]) {
          inner.back().push_back(dim);
          between.back() *= shape[dim];
          continue;
        }
        outer.back().push_back(inner.size());
        inner.push_back({dim});
        between.push_back(shape[dim]);
      }
    }
    if (isStated(collapse) || inner.size() == shape.size())
      return failure();
    Value first = tensor::CollapseShapeOp::create(rewriter, collapse.getLoc(), collapse.getSrcType().clone(between),
                                                  collapse.getSrc(), inner);
    rewriter.replaceOpWithNewOp<tensor::CollapseShapeOp>(collapse, collapse.getType(), first, outer);
    return success();
  }
};

// A collapse that meets an expand.
struct ExpandOfCollapse : ComposeExpandOfCollapseOp<tensor::ExpandShapeOp, tensor::CollapseShapeOp> {
  using ComposeExpandOfCollapseOp::ComposeExpandOfCollapseOp;
  LogicalResult matchAndRewrite(tensor::ExpandShapeOp expand, PatternRewriter &rewriter) const override {
    auto collapse = expand.getSrc().getDefiningOp<tensor::CollapseShapeOp>();
    if (!collapse || isStated(expand) || isStated(collapse))
      return failure();
    if (collapse.getSrcType() != expand.getType())
      return ComposeExpandOfCollapseOp::matchAndRewrite(expand, rewriter);
    rewriter.replaceOp(expand, collapse.getSrc());
    return success();
  }
};

// What a sum starts from is made in the shape that it is needed in.
struct ExpandOfMade : OpRewritePattern<tensor::ExpandShapeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(tensor::ExpandShapeOp expand, PatternRewriter &rewriter) const override {
    Operation *made = expand.getSrc().getDefiningOp();
    RankedTensorType type = expand.getResultType();
    if (!made || isStated(expand) || isStated(made))
      return failure();
    Location loc = made->getLoc();
    auto fill = dyn_cast<linalg::FillOp>(made);
    DenseElementsAttr elements;
    if (matchPattern(made, m_Constant(&elements)) && elements.isSplat()) {
      rewriter.replaceOpWithNewOp<arith::ConstantOp>(expand, elements.resizeSplat(type));
      return success();
    }
    if (!fill && !isa<tensor::EmptyOp>(made))
      return failure();
    Value value = tensor::EmptyOp::create(rewriter, loc, type.getShape(), type.getElementType());
    if (fill)
      value = linalg::FillOp::create(rewriter, loc, fill.getInputs(), value).getResult(0);
    rewriter.replaceOp(expand, value);
    return success();
  }
};
} // namespace

LogicalResult tp::separateDimensions(ModuleOp module, MeshAttr mesh) {
  if (llvm::count_if(mesh.getSizes(), [](int64_t size) { return size > 1; }) < 2)
    return success();
  MLIRContext *context = module.getContext();
  RewritePatternSet patterns(context);
  patterns.add<MergeInPairs, ExpandOfMade>(context);
  patterns.add<ExpandOfCollapse>(context);
  linalg::populateFoldReshapeOpsByExpansionPatterns(patterns, canSeparate);
  GreedyRewriteConfig config;
  config.enableFolding(false).enableConstantCSE(false);
  config.setRegionSimplificationLevel(GreedySimplifyRegionLevel::Disabled);
  return applyPatternsGreedily(module, std::move(patterns), config);
}
