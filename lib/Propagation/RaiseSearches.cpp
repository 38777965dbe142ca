// Raising: a search for the largest element and its number, as front ends write it in linalg, becomes two reductions.
//
// A linalg.generic that carries (value, number) through a comparison has no combiner that could be split: its operand
// would be gathered whole. The maximum can be split, and so can the largest "last - number" among the elements that
// equal it, which is the first of them; a device sends two numbers for each row. What the search starts from wins
// unless an element is larger.
#include "Propagate.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"

using namespace mlir;
using namespace tp;

namespace {
struct Search {
  linalg::GenericOp op;
  unsigned loop; // that is searched
};
} // namespace

static bool hasShapeOfSearch(linalg::GenericOp op) {
  if (op.getNumDpsInputs() != 1 || op->getNumResults() != 2 || !op.hasPureTensorSemantics() ||
      op.getNumReductionLoops() != 1)
    return false;
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  bool permuted = llvm::all_of(maps, [](AffineMap map) { return map.isProjectedPermutation(); });
  return permuted && maps[1] == maps[2] && llvm::all_of(op->getOperandTypes(), [](Type type) {
           auto tensor = dyn_cast<RankedTensorType>(type);
           return tensor && tensor.hasStaticShape();
         });
}

// %more = x > largest; yield %more ? x : largest, %more ? number of x : number of the largest; and nothing else.
static std::optional<Search> matchSearch(linalg::GenericOp op) {
  if (!hasShapeOfSearch(op))
    return std::nullopt;
  SmallVector<unsigned> loops;
  op.getReductionDims(loops);
  Block &body = *op.getBody();
  Value x = body.getArgument(0), largest = body.getArgument(1), number = body.getArgument(2);
  auto value = body.getTerminator()->getOperand(0).getDefiningOp<arith::SelectOp>();
  auto place = body.getTerminator()->getOperand(1).getDefiningOp<arith::SelectOp>();
  if (!value || !place || value.getCondition() != place.getCondition() || value.getTrueValue() != x ||
      value.getFalseValue() != largest || place.getFalseValue() != number)
    return std::nullopt;
  auto more = value.getCondition().getDefiningOp<arith::CmpFOp>();
  bool greater = more && more.getPredicate() == arith::CmpFPredicate::OGT && more.getLhs() == x;
  bool less = more && more.getPredicate() == arith::CmpFPredicate::OLT && more.getRhs() == x;
  if (!(greater && more.getRhs() == largest) && !(less && more.getLhs() == largest))
    return std::nullopt;
  auto cast = place.getTrueValue().getDefiningOp<arith::IndexCastOp>();
  auto index = cast ? cast.getIn().getDefiningOp<linalg::IndexOp>() : linalg::IndexOp();
  bool holds = op.getIndexingMapsArray()[0].isFunctionOfDim(loops[0]);
  if (!index || index.getDim() != loops[0] || !holds || body.getOperations().size() != 6)
    return std::nullopt;
  return Search{op, loops[0]};
}

namespace {
class Raiser {
public:
  explicit Raiser(Search search)
      : op(search.op), loop(search.loop), b(op), loc(op.getLoc()), x(op.getDpsInputs()[0]),
        maps(op.getIndexingMapsArray()), valueType(cast<RankedTensorType>(op->getResult(0).getType())),
        numberType(cast<RankedTensorType>(op->getResult(1).getType())), numbers(numberType.getElementType()) {}

  void run() {
    auto type = cast<FloatType>(valueType.getElementType());
    TypedAttr lowest = b.getFloatAttr(type, APFloat::getInf(type.getFloatSemantics(), /*Negative=*/true));
    auto iterators = op.getIteratorTypesArray();
    Value most = generic({x}, {filled(valueType, lowest)}, {maps[0], maps[1]}, iterators, [&](ValueRange in) {
      return SmallVector<Value>{arith::MaxNumFOp::create(b, loc, in[0], in[1])};
    })[0];
    Value back = generic({x, most}, {filled(numberType, b.getIntegerAttr(numbers, -1))}, {maps[0], maps[1], maps[1]},
                         iterators, [&](ValueRange in) { return SmallVector<Value>{largestBack(in)}; })[0];
    unsigned rank = valueType.getRank();
    SmallVector<utils::IteratorType> parallel(rank, utils::IteratorType::parallel);
    ResultRange found =
        generic({most, back}, op.getDpsInits(), SmallVector<AffineMap>(4, b.getMultiDimIdentityMap(rank)), parallel,
                [&](ValueRange in) { return choose(in); });
    if (Attribute stated = op->getAttr(kShardings))
      found[0].getDefiningOp()->setAttr(kShardings, stated);
    op->replaceAllUsesWith(found);
    op.erase();
  }

private:
  Value number(int64_t value) { return arith::ConstantOp::create(b, loc, b.getIntegerAttr(numbers, value)); }
  int64_t last() { return op.getStaticLoopRanges()[loop] - 1; }

  Value filled(RankedTensorType type, TypedAttr with) {
    Value constant = arith::ConstantOp::create(b, loc, with);
    Value empty = tensor::EmptyOp::create(b, loc, type.getShape(), type.getElementType());
    return linalg::FillOp::create(b, loc, constant, empty).getResult(0);
  }

  ResultRange generic(ValueRange inputs, ValueRange inits, ArrayRef<AffineMap> indexing,
                      ArrayRef<utils::IteratorType> iterators,
                      llvm::function_ref<SmallVector<Value>(ValueRange)> body) {
    return linalg::GenericOp::create(b, loc, TypeRange(inits), inputs, inits, indexing, iterators,
                                     [&](OpBuilder &inner, Location, ValueRange arguments) {
                                       OpBuilder::InsertionGuard guard(b);
                                       b.setInsertionPoint(inner.getInsertionBlock(), inner.getInsertionPoint());
                                       linalg::YieldOp::create(b, loc, body(arguments));
                                     })
        ->getResults();
  }

  // in: the element, the maximum, what was found so far.
  Value largestBack(ValueRange in) {
    Value hit = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OEQ, in[0], in[1]);
    Value index = arith::IndexCastOp::create(b, loc, numbers, linalg::IndexOp::create(b, loc, loop));
    Value distance = arith::SubIOp::create(b, loc, number(last()), index);
    Value mine = arith::SelectOp::create(b, loc, hit, distance, number(-1));
    return arith::MaxSIOp::create(b, loc, mine, in[2]);
  }

  // in: the maximum, its place from the end, the value and the number that the search starts from.
  SmallVector<Value> choose(ValueRange in) {
    Value more = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OGT, in[0], in[2]);
    Value place = arith::SubIOp::create(b, loc, number(last()), in[1]);
    return {arith::SelectOp::create(b, loc, more, in[0], in[2]), arith::SelectOp::create(b, loc, more, place, in[3])};
  }

  linalg::GenericOp op;
  unsigned loop;
  OpBuilder b;
  Location loc;
  Value x;
  SmallVector<AffineMap> maps;
  RankedTensorType valueType, numberType;
  Type numbers;
};
} // namespace

void tp::raiseSearches(ModuleOp module) {
  module.walk([](linalg::GenericOp op) {
    if (std::optional<Search> search = matchSearch(op))
      Raiser(*search).run();
  });
}
