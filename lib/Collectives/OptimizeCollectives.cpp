// Local rewrites of collectives, to a fixpoint. Each pattern's comment is its rule.
#include "tp/Dialect/Tp.h"
#include "tp/Pipelines/Passes.h"

#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace tp {
#define GEN_PASS_DEF_OPTIMIZECOLLECTIVES
#include "tp/Pipelines/Passes.h.inc"
} // namespace tp

using namespace mlir;
using namespace tp;

namespace {

bool sameAxes(ArrayAttr axes, SplitAttr split) { return llvm::equal(axes.getAsRange<StringAttr>(), split.getAxes()); }

void copyAlternatives(Operation *from, Operation *to) {
  if (Attribute alternatives = from->getAttr(kAlternatives))
    to->setAttr(kAlternatives, alternatives);
}

// all_slice(all_reduce(x)) -> reduce_scatter(x), where the reduced value has no other use.
struct ReduceThenSlice : OpRewritePattern<AllSliceOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(AllSliceOp slice, PatternRewriter &rewriter) const override {
    auto reduce = slice.getInput().getDefiningOp<AllReduceOp>();
    if (!reduce || reduce->getNumResults() != 1 || !reduce->hasOneUse() ||
        !sameAxes(reduce.getAxes(), slice.getSplit()) || slice.getSplit().getRepeat() != 1)
      return failure();
    auto scatter = rewriter.replaceOpWithNewOp<ReduceScatterOp>(
        slice, slice.getType(), reduce.getKindAttr(), reduce.getInput(), slice.getDimAttr(), slice.getSizeAttr(),
        slice.getSplitAttr(), slice.getMeshAttr(), reduce.getOriginAttr());
    copyAlternatives(reduce, scatter);
    return success();
  }
};

// all_slice(all_gather(x)) and all_gather(all_slice(x)) over the same shards -> x.
template <typename Outer, typename Inner> struct InversePair : OpRewritePattern<Outer> {
  using OpRewritePattern<Outer>::OpRewritePattern;
  LogicalResult matchAndRewrite(Outer outer, PatternRewriter &rewriter) const override {
    auto inner = outer.getInput().template getDefiningOp<Inner>();
    if (!inner || inner->getNumOperands() != 1 || outer->getNumOperands() != 1 || inner.getDim() != outer.getDim() ||
        inner.getSize() != outer.getSize() || inner.getSplit() != outer.getSplit())
      return failure();
    rewriter.replaceOp(outer, inner.getInput());
    return success();
  }
};

// all_reduce(x) + all_reduce(y) -> all_reduce(x + y), where neither has another use.
struct SumOfReduces : OpRewritePattern<arith::AddFOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(arith::AddFOp add, PatternRewriter &rewriter) const override {
    auto a = add.getLhs().getDefiningOp<AllReduceOp>(), b = add.getRhs().getDefiningOp<AllReduceOp>();
    if (!a || !b || a == b || a->getNumResults() != 1 || b->getNumResults() != 1 || !a->hasOneUse() ||
        !b->hasOneUse() || a.getKind() != ReduceKind::Sum || b.getKind() != ReduceKind::Sum ||
        a.getAxes() != b.getAxes())
      return failure();
    Value sum = arith::AddFOp::create(rewriter, add.getLoc(), a.getInput(), b.getInput());
    auto reduce = rewriter.replaceOpWithNewOp<AllReduceOp>(add, add.getType(), a.getKindAttr(), sum, a.getAxesAttr(),
                                                           a.getMeshAttr(), a.getOriginAttr());
    copyAlternatives(a, reduce);
    return success();
  }
};

struct OptimizeCollectives : tp::impl::OptimizeCollectivesBase<OptimizeCollectives> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns
        .add<ReduceThenSlice, InversePair<AllSliceOp, AllGatherOp>, InversePair<AllGatherOp, AllSliceOp>, SumOfReduces>(
            &getContext());
    GreedyRewriteConfig config;
    config.enableFolding(false);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns), config)))
      return signalPassFailure();
    getOperation()->walk([](Block *block) {
      mergeEqual(*block);
      joinNeighbours(*block);
    });
  }

  // The same collective of the same value, whoever asked for it, is done once.
  static void mergeEqual(Block &block) {
    llvm::DenseMap<Value, SmallVector<Operation *>> earlier;
    for (Operation &op : llvm::make_early_inc_range(block)) {
      if (!isa<AllReduceOp, AllGatherOp, AllSliceOp, ReduceScatterOp, AllToAllOp, PermuteOp>(op))
        continue;
      SmallVector<Operation *> &candidates = earlier[op.getOperand(0)];
      auto same = llvm::find_if(candidates, [&](Operation *other) { return equal(other, &op); });
      if (same == candidates.end()) {
        candidates.push_back(&op);
        continue;
      }
      op.replaceAllUsesWith(*same);
      op.erase();
    }
  }

  // Collectives of one kind and group that can stand side by side meet once. Nothing else is moved: the earlier one
  // waits for the later one if nobody reads it in between, or the later one comes forward if its values are there.
  static void joinNeighbours(Block &block) {
    SmallVector<Operation *> earlier;
    for (Operation &op : llvm::make_early_inc_range(block)) {
      if (!isa<AllReduceOp, AllGatherOp, ReduceScatterOp>(op) || !op.getDiscardableAttrs().empty())
        continue;
      Operation *joined = &op;
      for (Operation *&other : llvm::reverse(earlier))
        if (Operation *together = other ? join(other, joined) : nullptr) {
          other = nullptr;
          joined = together;
        }
      earlier.push_back(joined);
    }
  }

  // One op of both in the place of one of them; null where there is none.
  static Operation *join(Operation *first, Operation *second) {
    if (first->getName() != second->getName() || meaning(first) != meaning(second))
      return nullptr;
    if (second->isBeforeInBlock(first))
      std::swap(first, second);
    auto isAfter = [](Operation *op, Operation *other) { return !op->isBeforeInBlock(other); };
    bool waits = llvm::all_of(first->getUsers(), [&](Operation *user) {
      Operation *here = first->getBlock()->findAncestorOpInBlock(*user);
      return here != second && isAfter(here, second);
    });
    bool comes = llvm::all_of(second->getOperands(), [&](Value operand) {
      Operation *source = operand.getDefiningOp();
      return !source || source->getBlock() != first->getBlock() || source->isBeforeInBlock(first);
    });
    if (!waits && !comes)
      return nullptr;
    OpBuilder b(waits ? second : first);
    OperationState state(b.getFusedLoc({first->getLoc(), second->getLoc()}), first->getName());
    state.addOperands(first->getOperands());
    state.addOperands(second->getOperands());
    state.addTypes(first->getResultTypes());
    state.addTypes(second->getResultTypes());
    state.addAttributes(first->getAttrs());
    if (StringAttr origins = joinOrigins(first, second))
      state.attributes.set("origin", origins);
    SmallVector<Attribute> alternatives;
    for (Operation *op : {first, second})
      if (auto list = op->getAttrOfType<ArrayAttr>(kAlternatives))
        alternatives.append(list.begin(), list.end());
    if (!alternatives.empty())
      state.attributes.set(kAlternatives, b.getArrayAttr(alternatives));
    Operation *joined = b.create(state);
    first->replaceAllUsesWith(joined->getResults().take_front(first->getNumResults()));
    second->replaceAllUsesWith(joined->getResults().drop_front(first->getNumResults()));
    first->erase();
    second->erase();
    return joined;
  }

  static StringAttr joinOrigins(Operation *first, Operation *second) {
    auto a = first->getAttrOfType<StringAttr>("origin"), b = second->getAttrOfType<StringAttr>("origin");
    if (!a || !b)
      return a ? a : b;
    return StringAttr::get(a.getContext(), a.getValue() + "; " + b.getValue());
  }

  // What an op does, whoever asked for it.
  static DictionaryAttr meaning(Operation *op) {
    NamedAttrList list(op->getAttrDictionary());
    for (StringRef name : {StringRef("origin"), StringRef(kValue), StringRef(kShardings), StringRef(kAlternatives)})
      list.erase(name);
    return list.getDictionary(op->getContext());
  }

  static bool equal(Operation *a, Operation *b) {
    return a->getName() == b->getName() && a->getResultTypes() == b->getResultTypes() &&
           a->getOperands() == b->getOperands() && meaning(a) == meaning(b);
  }
};
} // namespace
