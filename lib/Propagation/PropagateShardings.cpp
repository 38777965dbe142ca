// The pass: annotations -> graph -> fixpoints -> annotations.
#include "Propagate.h"

#include "tp/Pipelines/Passes.h"
#include "tp/Sharding/CheckProgram.h"

namespace tp {
#define GEN_PASS_DEF_PROPAGATESHARDINGS
#include "tp/Pipelines/Passes.h.inc"
} // namespace tp

using namespace mlir;
using namespace tp;

namespace {
struct PropagateShardings : tp::impl::PropagateShardingsBase<PropagateShardings> {
  using PropagateShardingsBase::PropagateShardingsBase;

  void runOnOperation() override {
    if (failed(checkWholeProgram(getOperation())))
      return signalPassFailure();
    raiseLookups(getOperation());
    raiseSearches(getOperation());
    separateConstants(getOperation());
    FailureOr<Graph> graph = Graph::build(getOperation());
    if (failed(graph))
      return signalPassFailure();
    AxisPropagation axes(*graph, reverse);
    axes.run();
    completeBlocks(*graph, axes);
    scatterResults(*graph, axes);
    propagateGrains(*graph);
    propagatePartials(*graph);
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (!function.isExternal())
        write(*graph, function);
  }

  ShardingAttr attributeOf(const Graph &graph, int node) {
    Sharding sharding = graph.nodes[node].sharding;
    for (Split &split : sharding.dims) {
      split.closed = true;
      split.priority = 0;
    }
    return sharding.toAttribute(graph.meshName, &getContext());
  }

  void write(const Graph &graph, func::FuncOp function) {
    // All at once: each setArgAttr would copy the list.
    SmallVector<DictionaryAttr> attributes;
    for (BlockArgument argument : function.getArguments()) {
      NamedAttrList list(function.getArgAttrDict(argument.getArgNumber()));
      if (int node = graph.nodeOf(argument); node >= 0 && isa<RankedTensorType>(argument.getType()))
        list.set(kSharding, attributeOf(graph, node));
      attributes.push_back(list.getDictionary(&getContext()));
    }
    function.setAllArgAttrs(attributes);
    for (unsigned i = 0; i < function.getNumResults(); ++i)
      if (int node = graph.resultNode(function, i); node >= 0 && isa<RankedTensorType>(function.getResultTypes()[i]))
        function.setResultAttr(i, kSharding, attributeOf(graph, node));
    int64_t number = 0;
    function.walk([&](Operation *op) {
      SmallVector<Attribute> shardings;
      for (Value result : op->getResults())
        if (int node = graph.nodeOf(result); node >= 0 && isa<RankedTensorType>(result.getType()))
          shardings.push_back(attributeOf(graph, node));
      if (shardings.empty() || shardings.size() != op->getNumResults())
        return;
      op->setAttr(kShardings, ArrayAttr::get(&getContext(), shardings));
      // A value in a loop is not one value.
      if (op->getParentOp() == function)
        op->setAttr(kValue, IntegerAttr::get(IntegerType::get(&getContext(), 64), number++));
    });
  }
};
} // namespace
