// Layers into ops. Where weights are bf16, what a linear reads is rounded to bf16; all else stays f32 (caches keep
// their own type).
#include "tp/Dialect/Tp.h"
#include "tp/Pipelines/Passes.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Builders.h"
#include <cmath>

namespace tp {
#define GEN_PASS_DEF_DECOMPOSELAYERS
#include "tp/Pipelines/Passes.h.inc"
} // namespace tp

using namespace mlir;
using namespace tp;

namespace {

RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

struct LayerBuilder {
  OpBuilder &b;
  Location loc;

  // The value in `element`, rounded where that is narrower.
  Value cast(Value value, Type element) {
    Type from = typeOf(value).getElementType();
    RankedTensorType type = typeOf(value).clone(element);
    if (from == element)
      return value;
    if (from.getIntOrFloatBitWidth() > element.getIntOrFloatBitWidth())
      return arith::TruncFOp::create(b, loc, type, value);
    return arith::ExtFOp::create(b, loc, type, value);
  }

  // x [.., K] times w [N, K]: [.., N] in f32, or in `element`.
  Value linear(Value x, Value w, Value bias, Type element = {}) {
    SmallVector<int64_t> shape(typeOf(x).getShape());
    shape.back() = typeOf(w).getDimSize(0);
    auto type = RankedTensorType::get(shape, element ? element : b.getF32Type());
    return LinearOp::create(b, loc, type, cast(x, typeOf(w).getElementType()), w, bias);
  }

  Value times(Value x, double factor) {
    auto value = DenseElementsAttr::get(typeOf(x), b.getFloatAttr(typeOf(x).getElementType(), factor));
    return arith::MulFOp::create(b, loc, x, arith::ConstantOp::create(b, loc, value));
  }

  // [B, S, H*E] <-> [B, S, H, E]
  Value splitHeads(Value x, int64_t heads, int64_t size) {
    ArrayRef<int64_t> s = typeOf(x).getShape();
    auto type = RankedTensorType::get({s[0], s[1], heads, size}, typeOf(x).getElementType());
    return tensor::ExpandShapeOp::create(b, loc, type, x, SmallVector<ReassociationIndices>{{0}, {1}, {2, 3}});
  }
  Value mergeHeads(Value x) {
    ArrayRef<int64_t> s = typeOf(x).getShape();
    auto type = RankedTensorType::get({s[0], s[1], s[2] * s[3]}, typeOf(x).getElementType());
    return tensor::CollapseShapeOp::create(b, loc, type, x, SmallVector<ReassociationIndices>{{0}, {1}, {2, 3}});
  }
};

// Projection, norm and rotation of queries or keys: [B, S, heads, size].
Value projectHeads(LayerBuilder &l, AttentionOp op, Value w, Value bias, Value norm, int64_t heads, Value position) {
  Value x = l.splitHeads(l.linear(op.getInput(), w, bias), heads, op.getHeadSize());
  if (norm)
    x = RmsNormOp::create(l.b, l.loc, x.getType(), x, norm, op.getNormEpsAttr());
  if (op.getRotary())
    x = RopeOp::create(l.b, l.loc, x.getType(), x, position, *op.getRotary());
  return x;
}

// Where the first row of each sequence stands: [B]. Written out where it is 0, so that a sequence may be split: a
// device then moves it to its own first row.
Value positionOf(LayerBuilder &l, AttentionOp op) {
  if (op.getPosition() || !(op.getCausal() || op.getRotary()))
    return op.getPosition();
  auto type = RankedTensorType::get({typeOf(op.getInput()).getDimSize(0)}, l.b.getI32Type());
  return arith::ConstantOp::create(l.b, l.loc, DenseElementsAttr::get(type, int32_t(0)));
}

void decompose(AttentionOp op) {
  OpBuilder b(op);
  LayerBuilder l{b, op.getLoc()};
  Value position = positionOf(l, op);
  Value q = projectHeads(l, op, op.getWq(), op.getBq(), op.getQNorm(), op.getHeads(), position);
  Value k = projectHeads(l, op, op.getWk(), op.getBk(), op.getKNorm(), op.getKvHeads(), position);
  Value v = l.splitHeads(l.linear(op.getInput(), op.getWv(), op.getBv()), op.getKvHeads(), op.getHeadSize());
  SmallVector<Value> results(1);
  if (op.getKCache()) {
    k = KvUpdateOp::create(b, l.loc, op.getKCache().getType(), op.getKCache(), k, op.getPosition());
    v = KvUpdateOp::create(b, l.loc, op.getVCache().getType(), op.getVCache(), v, op.getPosition());
    results.append({k, v});
  }
  double scale = op.getScale() ? op.getScale()->convertToDouble() : 1 / std::sqrt((double)op.getHeadSize());
  auto type = typeOf(q).clone(typeOf(op.getWo()).getElementType());
  Value o = SdpaOp::create(b, l.loc, type, q, k, v, position, op.getLength(), op.getBias(), Value(), op.getCausalAttr(),
                           b.getI64IntegerAttr(op.getHeads() / op.getKvHeads()), b.getF64FloatAttr(scale),
                           op.getWindowAttr(), op.getSoftcapAttr());
  results[0] = l.linear(l.mergeHeads(o), op.getWo(), op.getBo(), typeOf(op.getResult()).getElementType());
  op->replaceAllUsesWith(results);
  op->erase();
}

// Not causal, one key head for each query head or group.
Value attendToAll(LayerBuilder &l, Value q, Value k, Value v, Value length, Value bias, double scale, Type element) {
  OpBuilder &b = l.b;
  int64_t group = typeOf(q).getDimSize(2) / typeOf(k).getDimSize(2);
  return SdpaOp::create(b, l.loc, typeOf(q).clone(element), q, k, v, Value(), length, bias, Value(), UnitAttr(),
                        b.getI64IntegerAttr(group), b.getF64FloatAttr(scale), b.getI64IntegerAttr(0),
                        b.getF64FloatAttr(0));
}

void decompose(CrossAttentionOp op) {
  OpBuilder b(op);
  LayerBuilder l{b, op.getLoc()};
  double scale = op.getScale() ? op.getScale()->convertToDouble() : 1 / std::sqrt((double)op.getHeadSize());
  Value q = l.splitHeads(l.linear(op.getInput(), op.getWq(), Value()), op.getHeads(), op.getHeadSize());
  Value o = attendToAll(l, q, op.getKeys(), op.getValues(), op.getLength(), Value(), scale,
                        typeOf(op.getWo()).getElementType());
  Value result = l.linear(l.mergeHeads(o), op.getWo(), Value(), typeOf(op.getResult()).getElementType());
  op->replaceAllUsesWith(ValueRange(result));
  op->erase();
}

void decompose(TwoStreamAttentionOp op) {
  OpBuilder b(op);
  LayerBuilder l{b, op.getLoc()};
  int64_t heads = op.getHeads(), size = op.getHeadSize(), rows = typeOf(op.getInput()).getDimSize(1);
  double scale = 1 / std::sqrt((double)size);
  Value k = l.splitHeads(l.linear(op.getInput(), op.getWk(), Value()), heads, size);
  Value v = l.splitHeads(l.linear(op.getInput(), op.getWv(), Value()), heads, size);
  auto placesType = RankedTensorType::get({2 * rows, typeOf(op.getInput()).getDimSize(2)}, b.getF32Type());
  Value relative = l.linear(SinusoidOp::create(b, l.loc, placesType, b.getI64IntegerAttr(rows)), op.getWr(), Value());
  relative = tensor::ExpandShapeOp::create(b, l.loc, RankedTensorType::get({2 * rows, heads, size}, b.getF32Type()),
                                           relative, SmallVector<ReassociationIndices>{{0}, {1, 2}});
  SmallVector<Value> results;
  for (Value stream : {Value(op.getInput()), Value(op.getQueryStream())}) {
    if (!stream)
      continue;
    Value q = l.splitHeads(l.linear(stream, op.getWq(), op.getContentBias()), heads, size);
    auto scoresType = RankedTensorType::get({typeOf(q).getDimSize(0), heads, rows, rows}, b.getF32Type());
    bool content = results.empty();
    Value scores = RelativeScoresOp::create(b, l.loc, scoresType, q, relative, op.getTypes(), op.getContentBias(),
                                            op.getPositionBias(), op.getSegmentBias(), op.getSegments(), op.getMask(),
                                            b.getF64FloatAttr(scale), content ? b.getUnitAttr() : UnitAttr());
    Value o = attendToAll(l, q, k, v, op.getLength(), scores, scale, typeOf(op.getWo()).getElementType());
    Type element = typeOf(op.getResults()[results.size()]).getElementType();
    results.push_back(l.linear(l.mergeHeads(o), op.getWo(), Value(), element));
  }
  op->replaceAllUsesWith(results);
  op->erase();
}

void decompose(MlpOp op) {
  OpBuilder b(op);
  LayerBuilder l{b, op.getLoc()};
  Value up = l.linear(op.getInput(), op.getUp(), op.getUpBias());
  auto activate = [&](Value x) {
    return ActivationOp::create(b, l.loc, x.getType(), op.getActivationAttr(), x).getResult();
  };
  Value hidden;
  if (op.getGate()) {
    Value gate = activate(l.linear(op.getInput(), op.getGate(), op.getGateBias()));
    hidden = arith::MulFOp::create(b, l.loc, gate, up);
  } else {
    hidden = activate(up);
  }
  Value result = l.linear(hidden, op.getDown(), op.getDownBias(), typeOf(op.getResult()).getElementType());
  op->replaceAllUsesWith(ValueRange(result));
  op->erase();
}

void decompose(MoeOp op) {
  OpBuilder b(op);
  LayerBuilder l{b, op.getLoc()};
  Value logits = l.linear(op.getInput(), op.getRouter(), Value());
  Value gates = RouteOp::create(b, l.loc, logits.getType(), logits, op.getTopKAttr(), op.getNormalisedAttr());
  Type element = typeOf(op.getUp()).getElementType();
  SmallVector<int64_t> shape(typeOf(gates).getShape());
  shape.push_back(typeOf(op.getUp()).getDimSize(1));
  Value hidden = ExpertUpOp::create(b, l.loc, RankedTensorType::get(shape, element), op.getActivationAttr(),
                                    l.cast(op.getInput(), element), gates, op.getGate(), op.getUp());
  Value result =
      ExpertDownOp::create(b, l.loc, typeOf(op.getInput()).clone(b.getF32Type()), hidden, gates, op.getDown());
  op->replaceAllUsesWith(ValueRange(l.cast(result, typeOf(op.getResult()).getElementType())));
  op->erase();
}

void decompose(LogitsOp op) {
  OpBuilder b(op);
  LayerBuilder l{b, op.getLoc()};
  Value scores = l.linear(op.getInput(), op.getWeight(), Value(), typeOf(op.getResult()).getElementType());
  if (double cap = op.getSoftcap().convertToDouble(); cap > 0) {
    scores = math::TanhOp::create(b, l.loc, l.times(scores, 1 / cap));
    scores = l.times(scores, cap);
  }
  op->replaceAllUsesWith(ValueRange(scores));
  op->erase();
}

struct DecomposeLayers : tp::impl::DecomposeLayersBase<DecomposeLayers> {
  void runOnOperation() override {
    getOperation().walk([](Operation *op) {
      if (auto attention = dyn_cast<AttentionOp>(op))
        decompose(attention);
      else if (auto cross = dyn_cast<CrossAttentionOp>(op))
        decompose(cross);
      else if (auto streams = dyn_cast<TwoStreamAttentionOp>(op))
        decompose(streams);
      else if (auto mlp = dyn_cast<MlpOp>(op))
        decompose(mlp);
      else if (auto moe = dyn_cast<MoeOp>(op))
        decompose(moe);
      else if (auto logits = dyn_cast<LogitsOp>(op))
        decompose(logits);
    });
  }
};
} // namespace
