// Known strategies, as annotations on what layers read. Propagation does the rest.
#include "tp/Dialect/LayerStack.h"
#include "tp/Pipelines/Passes.h"
#include "tp/Sharding/MeshLookup.h"
#include "tp/Sharding/Sharding.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace tp {
#define GEN_PASS_DEF_APPLYSTRATEGY
#include "tp/Pipelines/Passes.h.inc"
} // namespace tp

using namespace mlir;
using namespace tp;

namespace {
struct ApplyStrategy : tp::impl::ApplyStrategyBase<ApplyStrategy> {
  using ApplyStrategyBase::ApplyStrategyBase;

  // What splits a layer. Experts are divided by `ep`, and each expert's hidden units by `tp`; other layers by both.
  static constexpr StringRef kModelAxes[] = {"ep", "tp"};

  MeshOp mesh;

  void runOnOperation() override {
    FailureOr<MeshOp> found = onlyMesh(getOperation());
    if (failed(found))
      return signalPassFailure();
    mesh = *found;
    if (strategy != "megatron" && strategy != "sequence" && strategy != "replicate") {
      getOperation().emitError() << "unknown strategy '" << strategy << "': expected megatron, sequence or replicate";
      return signalPassFailure();
    }
    for (auto function : getOperation().getOps<func::FuncOp>())
      annotate(function);
  }

  Split over(ArrayRef<StringRef> axes, int64_t priority = 0) {
    Split split;
    for (StringRef axis : axes) {
      StringAttr name = StringAttr::get(&getContext(), axis);
      if (mesh.getMesh().sizeOf(name))
        split.axes.push_back(name);
    }
    split.priority = split.axes.empty() ? 0 : priority;
    return split;
  }

  // States a sharding on a function argument that has none.
  void state(Value value, const Sharding &sharding) {
    auto argument = dyn_cast_or_null<BlockArgument>(value);
    if (!argument)
      return;
    auto function = dyn_cast<func::FuncOp>(argument.getOwner()->getParentOp());
    if (function && !function.getArgAttr(argument.getArgNumber(), kSharding) &&
        !statedByCaller(function, argument.getArgNumber()))
      function.setArgAttr(argument.getArgNumber(), kSharding, attribute(sharding));
  }
  // A caller passes an argument of its own whose sharding the user stated: that one holds here too.
  bool statedByCaller(func::FuncOp function, unsigned number) {
    WalkResult walk = getOperation().walk([&](func::CallOp call) {
      if (call.getCallee() != function.getName())
        return WalkResult::advance();
      auto passed = dyn_cast<BlockArgument>(stackOf(call.getOperand(number)));
      auto caller = call->getParentOfType<func::FuncOp>();
      return passed && passed.getOwner()->getParentOp() == caller && caller.getArgAttr(passed.getArgNumber(), kSharding)
                 ? WalkResult::interrupt()
                 : WalkResult::advance();
    });
    return walk.wasInterrupted();
  }
  ShardingAttr attribute(const Sharding &sharding) {
    return sharding.toAttribute(FlatSymbolRefAttr::get(mesh.getSymNameAttr()), &getContext());
  }

  // A weight split over `tp` in one dimension, in blocks of `unit` (heads are not cut), left open elsewhere; every
  // dimension whole when nothing is split.
  void splitWeight(Value weight, unsigned dim, int64_t unit = 1) {
    if (!weight)
      return;
    int64_t rank = cast<RankedTensorType>(weight.getType()).getRank();
    Sharding sharding = strategy == "replicate" ? Sharding::whole(rank) : Sharding::open(rank);
    if (strategy != "replicate")
      sharding.dims[dim] = over(kModelAxes);
    if (!sharding.dims[dim].axes.empty())
      sharding.dims[dim].unit = unit;
    state(weight, sharding);
  }

  // Matrices of all experts, [X, ., .]: hidden units are in dimension `dim`.
  void splitExperts(Value weight, unsigned dim) {
    if (!weight)
      return;
    Sharding sharding = strategy == "replicate" ? Sharding::whole(3) : Sharding::open(3);
    if (strategy != "replicate") {
      sharding.dims[0] = over(StringRef("ep"));
      sharding.dims[dim] = over(StringRef("tp"));
    }
    state(weight, sharding);
  }

  // Tables of positions and of token types are small: split, each would need a sum of its own.
  static bool isVocabulary(EmbeddingOp embedding) {
    auto ids = dyn_cast<BlockArgument>(embedding.getIds());
    auto function = ids ? dyn_cast<func::FuncOp>(ids.getOwner()->getParentOp()) : func::FuncOp();
    auto input = function ? function.getArgAttrOfType<StringAttr>(ids.getArgNumber(), kInput) : StringAttr();
    return !input || input.getValue() == "tokens";
  }

  void annotate(func::FuncOp function) {
    function.walk([&](Operation *op) {
      if (auto attention = dyn_cast<AttentionOp>(op)) {
        for (Value rows : {attention.getWq(), attention.getWk(), attention.getWv(), attention.getBq(),
                           attention.getBk(), attention.getBv()})
          splitWeight(rows, 0, attention.getHeadSize());
        splitWeight(attention.getWo(), 1, attention.getHeadSize());
      } else if (auto cross = dyn_cast<CrossAttentionOp>(op)) {
        splitWeight(cross.getWq(), 0, cross.getHeadSize());
        splitWeight(cross.getWo(), 1, cross.getHeadSize());
      } else if (auto streams = dyn_cast<TwoStreamAttentionOp>(op)) {
        for (Value rows : {streams.getWq(), streams.getWk(), streams.getWv(), streams.getWr(), streams.getContentBias(),
                           streams.getPositionBias(), streams.getSegmentBias()})
          splitWeight(rows, 0, streams.getHeadSize());
        splitWeight(streams.getSegments(), 1, streams.getHeadSize());
        splitWeight(streams.getWo(), 1, streams.getHeadSize());
      } else if (auto mlp = dyn_cast<MlpOp>(op)) {
        for (Value rows : {mlp.getGate(), mlp.getUp(), mlp.getGateBias(), mlp.getUpBias()})
          splitWeight(rows, 0);
        splitWeight(mlp.getDown(), 1);
      } else if (auto moe = dyn_cast<MoeOp>(op)) {
        splitExperts(moe.getGate(), 1);
        splitExperts(moe.getUp(), 1);
        splitExperts(moe.getDown(), 2);
      } else if (auto logits = dyn_cast<LogitsOp>(op)) {
        splitWeight(logits.getWeight(), 0);
      } else if (auto embedding = dyn_cast<EmbeddingOp>(op)) {
        if (isVocabulary(embedding))
          splitWeight(embedding.getTable(), 0);
        else
          state(embedding.getTable(), Sharding::whole(2));
        annotateResult(embedding, stream(embedding.getType().getShape()));
      } else if (auto row = dyn_cast<TakeRowOp>(op)) {
        annotateRow(row);
      }
    });
    annotateStream(function);
    if (function->hasAttr(kEntry))
      annotateBoundary(function);
  }

  // Activations [B, S, D] between blocks.
  Sharding stream(ArrayRef<int64_t> shape) {
    Sharding sharding = Sharding::whole(shape.size());
    sharding.dims[0] = over(StringRef("dp"));
    if (strategy == "sequence" && shape[1] > 1) {
      sharding.dims[1] = over(kModelAxes, 1);
    }
    for (Split &split : sharding.dims)
      split.closed = true;
    return sharding;
  }

  void annotateStream(func::FuncOp function) {
    if (function->hasAttr(kEntry))
      return;
    for (BlockArgument argument : function.getArguments()) {
      auto type = dyn_cast<RankedTensorType>(argument.getType());
      if (type && type.getRank() == 3)
        state(argument, stream(type.getShape()));
    }
    for (unsigned i = 0; i < function.getNumResults(); ++i) {
      auto type = dyn_cast<RankedTensorType>(function.getResultTypes()[i]);
      if (type && type.getRank() == 3 && !function.getResultAttr(i, kSharding))
        function.setResultAttr(i, kSharding, attribute(stream(type.getShape())));
    }
  }

  void annotateResult(Operation *op, const Sharding &sharding) {
    auto type = cast<RankedTensorType>(op->getResult(0).getType());
    if (!op->hasAttr(kShardings) && type.getRank() == 3)
      op->setAttr(kShardings, ArrayAttr::get(&getContext(), {attribute(sharding)}));
  }

  // One row of a split sequence, which one device has: it is scattered over the features and gathered, as everything
  // between sequence-split blocks.
  void annotateRow(TakeRowOp row) {
    if (strategy != "sequence" || cast<RankedTensorType>(row.getInput().getType()).getDimSize(1) == 1)
      return;
    Sharding sharding = Sharding::whole(3);
    sharding.dims[0] = over(StringRef("dp"));
    sharding.dims[2] = over(StringRef("tp"), 2); // after the sequence's
    for (Split &split : sharding.dims)
      split.closed = true;
    annotateResult(row, sharding);
  }

  // What the runtime writes and reads is whole on every device.
  void annotateBoundary(func::FuncOp function) {
    for (BlockArgument argument : function.getArguments())
      if (function.getArgAttr(argument.getArgNumber(), kInput))
        state(argument, Sharding::whole(cast<RankedTensorType>(argument.getType()).getRank()));
    for (unsigned i = 0; i < function.getNumResults(); ++i)
      if (function.getResultAttr(i, kOutput) && !function.getResultAttr(i, kSharding))
        function.setResultAttr(
            i, kSharding, attribute(Sharding::whole(cast<RankedTensorType>(function.getResultTypes()[i]).getRank())));
  }
};
} // namespace
