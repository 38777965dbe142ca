// Attention whose keys and values go round a ring of devices, a block at a time, with an online softmax.
#include "tp/Dialect/Tp.h"
#include "tp/Pipelines/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "llvm/ADT/SetVector.h"
#include <limits>

namespace tp {
#define GEN_PASS_DEF_RINGATTENTION
#include "tp/Pipelines/Passes.h.inc"
} // namespace tp

using namespace mlir;
using namespace tp;

namespace {

// The score of a key that a row does not see.
constexpr float kHidden = std::numeric_limits<float>::lowest();

// What a device holds of a gathered value, and how it is gathered.
struct Gathered {
  explicit Gathered(Value whole) : op(whole.getDefiningOp<AllGatherOp>()) {
    if (op)
      block = op.getInputs()[cast<OpResult>(whole).getResultNumber()];
  }
  // Equal blocks of keys (dimension 1), each in one piece.
  bool isRing() { return op && op.getDim() == 1 && op.getSplit().getUnit() == 1 && op.getSplit().getRepeat() == 1; }
  bool likeOther(Gathered other) { return op.getSplit() == other.op.getSplit() && op.getMesh() == other.op.getMesh(); }
  StringAttr origin();

  AllGatherOp op;
  Value block;
};

// Of a joined gather, the part that is this value's.
StringAttr Gathered::origin() {
  auto origins = op.getOriginAttr();
  SmallVector<StringRef> list;
  if (origins)
    origins.getValue().split(list, "; ");
  size_t number = llvm::find(op.getInputs(), block) - op.getInputs().begin();
  return list.size() == op.getInputs().size() ? StringAttr::get(op.getContext(), list[number]) : origins;
}

// One attention as a ring. Values are f32: queries [B, S, K, G, E] (K key heads, G query heads each), scores
// [B, K, G, S, T] for the T keys of a block, `most` and `total` [B, K, G, S], `sum` [B, S, K, G, E].
class Ring {
public:
  Ring(SdpaOp op, Gathered key, Gathered value)
      : op(op), key(key), value(value), gather(key.op), builder(op), b(op.getLoc(), builder),
        parts(lookupMesh(op, gather.getMeshAttr()).sizeOf(gather.getSplit().getAxes())) {}

  // Replaces the attention; the gathers lose this use.
  void build();

private:
  // Letters of a value's dimensions, among "bkgste".
  Value generic(StringRef reduced, ArrayRef<std::pair<Value, StringRef>> inputs, Value init, StringRef result,
                llvm::function_ref<Value(OpBuilder &, ValueRange)> body);
  Value contract(Value x, StringRef xs, Value y, StringRef ys, Value init, StringRef result, StringRef reduced);
  Value filled(ArrayRef<int64_t> shape, float value);
  Value index(int64_t value) {
    return arith::ConstantOp::create(b, DenseElementsAttr::get(indexType(), int32_t(value)));
  }
  RankedTensorType indexType() { return RankedTensorType::get({}, b.getI32Type()); }
  void step(int64_t number, Value keys, Value values);
  Value isSeen(ImplicitLocOpBuilder &l, Value at, Value row, Value length);
  Value scaled(ImplicitLocOpBuilder &l, Value score);
  Value masked(Value scores, int64_t number);
  Value passOn(Value block, StringAttr origin);
  Value finished();

  SdpaOp op;
  Gathered key, value;
  AllGatherOp gather; // of the keys; the values' is alike
  OpBuilder builder;
  ImplicitLocOpBuilder b;
  int64_t parts;
  Value queries, start, most, total, sum;
};

Value widened(OpBuilder &b, Value x) {
  return x.getType().isF32() ? x : arith::ExtFOp::create(b, x.getLoc(), b.getF32Type(), x);
}

Value Ring::generic(StringRef reduced, ArrayRef<std::pair<Value, StringRef>> inputs, Value init, StringRef result,
                    llvm::function_ref<Value(OpBuilder &, ValueRange)> body) {
  std::string loops = (result + reduced).str();
  SmallVector<utils::IteratorType> kinds(loops.size(), utils::IteratorType::parallel);
  std::fill(kinds.begin() + result.size(), kinds.end(), utils::IteratorType::reduction);
  auto map = [&](StringRef letters) {
    SmallVector<AffineExpr> dims;
    for (char c : letters)
      dims.push_back(b.getAffineDimExpr(loops.find(c)));
    return AffineMap::get(loops.size(), 0, dims, b.getContext());
  };
  SmallVector<Value> values;
  SmallVector<AffineMap> maps;
  for (auto [input, letters] : inputs) {
    values.push_back(input);
    maps.push_back(map(letters));
  }
  maps.push_back(map(result));
  return linalg::GenericOp::create(b, TypeRange(init.getType()), values, init, maps, kinds,
                                   [&](OpBuilder &inner, Location loc, ValueRange arguments) {
                                     linalg::YieldOp::create(inner, loc, body(inner, arguments));
                                   })
      .getResult(0);
}

Value Ring::contract(Value x, StringRef xs, Value y, StringRef ys, Value init, StringRef result, StringRef reduced) {
  return generic(reduced, {{x, xs}, {y, ys}}, init, result, [&](OpBuilder &in, ValueRange a) -> Value {
    Value product = arith::MulFOp::create(in, op.getLoc(), widened(in, a[0]), widened(in, a[1]));
    return arith::AddFOp::create(in, op.getLoc(), a[2], product);
  });
}

Value Ring::filled(ArrayRef<int64_t> shape, float value) {
  Value empty = tensor::EmptyOp::create(b, shape, b.getF32Type());
  Value constant = arith::ConstantOp::create(b, b.getF32FloatAttr(value));
  return linalg::FillOp::create(b, constant, empty).getResult(0);
}

// Whether a row sees a key; `at` the key's number, `row` the row's position, `length` the number of keys, null: all.
Value Ring::isSeen(ImplicitLocOpBuilder &l, Value at, Value row, Value length) {
  Value seen;
  auto require = [&](arith::CmpIPredicate predicate, Value bound) {
    Value holds = arith::CmpIOp::create(l, predicate, at, bound);
    seen = seen ? arith::AndIOp::create(l, seen, holds).getResult() : holds;
  };
  auto number = [&](int64_t value) { return arith::ConstantOp::create(l, l.getI32IntegerAttr(value)); };
  require(arith::CmpIPredicate::slt, number(gather.getSize())); // no padding
  if (length)
    require(arith::CmpIPredicate::slt, length);
  if (op.getCausal())
    require(arith::CmpIPredicate::sle, row);
  if (op.getCausal() && op.getWindow() > 0)
    require(arith::CmpIPredicate::sgt, arith::SubIOp::create(l, row, number(op.getWindow())));
  return seen;
}

Value Ring::scaled(ImplicitLocOpBuilder &l, Value score) {
  auto number = [&](double value) { return arith::ConstantOp::create(l, l.getF32FloatAttr(value)); };
  Value result = arith::MulFOp::create(l, score, number(op.getScale().convertToDouble()));
  double cap = op.getSoftcap().convertToDouble();
  if (cap > 0)
    result = arith::MulFOp::create(l, number(cap),
                                   math::TanhOp::create(l, arith::DivFOp::create(l, result, number(cap)).getResult()));
  return result;
}

// Scaled scores; those of keys that a row does not see, or that are padding, are kHidden.
Value Ring::masked(Value scores, int64_t number) {
  // Blocks are equal: behind `number` steps a device holds the block `number` places further on.
  int64_t local = cast<RankedTensorType>(key.block.getType()).getDimSize(1);
  Value first = arith::RemSIOp::create(b, arith::AddIOp::create(b, start, index(number * local)), index(parts * local));
  SmallVector<std::pair<Value, StringRef>> inputs = {{scores, "bkgst"}, {first, ""}};
  for (Value perSequence : {op.getPosition(), op.getLength()})
    if (perSequence)
      inputs.push_back({perSequence, "b"});
  return generic("", inputs, tensor::EmptyOp::create(b, scores.getType(), ValueRange()), "bkgst",
                 [&](OpBuilder &in, ValueRange a) -> Value {
                   ImplicitLocOpBuilder l(op.getLoc(), in);
                   auto loop = [&](int64_t dim) {
                     return arith::IndexCastOp::create(l, l.getI32Type(), linalg::IndexOp::create(l, dim)).getResult();
                   };
                   Value at = arith::AddIOp::create(l, a[1], loop(4)), row = loop(3);
                   if (op.getPosition())
                     row = arith::AddIOp::create(l, a[2], row);
                   Value seen = isSeen(l, at, row, op.getLength() ? a[inputs.size() - 1] : Value());
                   Value hidden = arith::ConstantOp::create(l, l.getF32FloatAttr(kHidden));
                   return arith::SelectOp::create(l, seen, scaled(l, a[0]), hidden);
                 });
}

// Adds a block of keys and values: what was summed is scaled down where the block has a larger score.
void Ring::step(int64_t number, Value keys, Value values) {
  auto shape = cast<RankedTensorType>(most.getType()).getShape();
  SmallVector<int64_t> scoresShape(shape);
  scoresShape.push_back(cast<RankedTensorType>(keys.getType()).getDimSize(1));
  Location loc = op.getLoc();
  Value scores = contract(queries, "bskge", keys, "btke", filled(scoresShape, 0), "bkgst", "e");
  scores = masked(scores, number);
  Value before = most;
  most = generic("t", {{scores, "bkgst"}}, before, "bkgs",
                 [&](OpBuilder &in, ValueRange a) -> Value { return arith::MaximumFOp::create(in, loc, a[0], a[1]); });
  Value weights =
      generic("", {{scores, "bkgst"}, {most, "bkgs"}}, tensor::EmptyOp::create(b, scores.getType(), ValueRange()),
              "bkgst", [&](OpBuilder &in, ValueRange a) -> Value {
                Value power = math::ExpOp::create(in, loc, arith::SubFOp::create(in, loc, a[0], a[1]));
                Value hidden = arith::ConstantOp::create(in, loc, in.getF32FloatAttr(kHidden));
                Value zero = arith::ConstantOp::create(in, loc, in.getF32FloatAttr(0));
                Value isHidden = arith::CmpFOp::create(in, loc, arith::CmpFPredicate::OEQ, a[0], hidden);
                return arith::SelectOp::create(in, loc, isHidden, zero, power);
              });
  auto scaledDown = [&](Value x, StringRef letters) {
    return generic("", {{x, letters}, {before, "bkgs"}, {most, "bkgs"}},
                   tensor::EmptyOp::create(b, x.getType(), ValueRange()), letters,
                   [&](OpBuilder &in, ValueRange a) -> Value {
                     Value factor = math::ExpOp::create(in, loc, arith::SubFOp::create(in, loc, a[1], a[2]));
                     return arith::MulFOp::create(in, loc, a[0], factor);
                   });
  };
  total = generic("t", {{weights, "bkgst"}}, scaledDown(total, "bkgs"), "bkgs",
                  [&](OpBuilder &in, ValueRange a) -> Value { return arith::AddFOp::create(in, loc, a[0], a[1]); });
  sum = contract(weights, "bkgst", values, "btke", scaledDown(sum, "bskge"), "bskge", "t");
}

// The block of the next device.
Value Ring::passOn(Value block, StringAttr origin) {
  SmallVector<int64_t> sources;
  for (int64_t i = 0; i < parts; ++i)
    sources.push_back((i + 1) % parts);
  SmallVector<Attribute> axes(gather.getSplit().getAxes().begin(), gather.getSplit().getAxes().end());
  return PermuteOp::create(b, block.getType(), block, b.getArrayAttr(axes), b.getDenseI64ArrayAttr(sources),
                           gather.getMeshAttr(), origin);
}

// sum / total, in the result's shape; 0 in rows that see no key.
Value Ring::finished() {
  Type element = op.getResult().getType().getElementType();
  auto type = cast<RankedTensorType>(sum.getType()).clone(element);
  Value y = generic("", {{sum, "bskge"}, {total, "bkgs"}}, tensor::EmptyOp::create(b, type, ValueRange()), "bskge",
                    [&](OpBuilder &in, ValueRange a) -> Value {
                      ImplicitLocOpBuilder l(op.getLoc(), in);
                      Value zero = arith::ConstantOp::create(l, l.getF32FloatAttr(0));
                      Value none = arith::CmpFOp::create(l, arith::CmpFPredicate::OEQ, a[1], zero);
                      Value quotient = arith::SelectOp::create(l, none, zero, arith::DivFOp::create(l, a[0], a[1]));
                      return element.isF32() ? quotient : arith::TruncFOp::create(l, element, quotient);
                    });
  return tensor::CollapseShapeOp::create(b, op.getType(), y, SmallVector<ReassociationIndices>{{0}, {1}, {2, 3}, {4}});
}

void Ring::build() {
  ArrayRef<int64_t> q = op.getQuery().getType().getShape();
  int64_t group = op.getGroup(), heads = q[2] / group;
  auto type = RankedTensorType::get({q[0], q[1], heads, group, q[3]}, op.getQuery().getType().getElementType());
  queries =
      tensor::ExpandShapeOp::create(b, type, op.getQuery(), SmallVector<ReassociationIndices>{{0}, {1}, {2, 3}, {4}});
  start = ShiftIndexOp::create(b, indexType(), /*minus=*/UnitAttr(), index(0), gather.getSizeAttr(),
                               gather.getSplitAttr(), gather.getMeshAttr());
  most = filled({q[0], heads, group, q[1]}, kHidden);
  total = filled({q[0], heads, group, q[1]}, 0);
  sum = filled({q[0], q[1], heads, group, op.getResult().getType().getDimSize(3)}, 0);
  Value keys = key.block, values = value.block;
  for (int64_t i = 0; i < parts; ++i) {
    if (i > 0) {
      Value sent = keys;
      keys = passOn(sent, key.origin());
      values = values == sent ? keys : passOn(values, value.origin());
    }
    step(i, keys, values);
  }
  Value result = finished();
  for (StringRef name : {StringRef(kShardings), StringRef(kValue)})
    if (Attribute attribute = op->getAttr(name))
      result.getDefiningOp()->setAttr(name, attribute);
  op.replaceAllUsesWith(result);
  op.erase();
}

// A joined gather without the values that nobody reads.
void dropUnread(AllGatherOp gather) {
  SmallVector<Value> inputs, results;
  for (auto [input, result] : llvm::zip(gather.getInputs(), gather.getResults()))
    if (!result.use_empty()) {
      inputs.push_back(input);
      results.push_back(result);
    }
  if (inputs.size() == gather.getInputs().size())
    return;
  if (!inputs.empty()) {
    OpBuilder b(gather);
    SmallVector<StringRef> origins;
    for (Value result : results)
      if (StringAttr origin = Gathered(result).origin())
        origins.push_back(origin);
    auto smaller = AllGatherOp::create(b, gather.getLoc(), TypeRange(ValueRange(results)), inputs, gather.getDimAttr(),
                                       gather.getSizeAttr(), gather.getSplitAttr(), gather.getMeshAttr(),
                                       b.getStringAttr(llvm::join(origins, "; ")));
    for (auto [old, result] : llvm::zip(results, smaller.getResults()))
      old.replaceAllUsesWith(result);
  }
  gather.erase();
}

struct RingAttention : tp::impl::RingAttentionBase<RingAttention> {
  void runOnOperation() override {
    SmallVector<SdpaOp> found;
    getOperation()->walk([&](SdpaOp op) { found.push_back(op); });
    llvm::SetVector<Operation *> gathers;
    for (SdpaOp op : found) {
      Gathered key(op.getKey()), value(op.getValue());
      if (op.getHeadOffset() || !key.isRing() || !value.isRing() || !key.likeOther(value))
        continue;
      gathers.insert(key.op);
      gathers.insert(value.op);
      Ring(op, key, value).build();
    }
    for (Operation *gather : gathers)
      dropUnread(cast<AllGatherOp>(gather));
  }
};
} // namespace
