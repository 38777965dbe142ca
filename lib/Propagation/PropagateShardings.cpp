// The pass: annotations -> graph -> fixpoints -> annotations.
#include "Propagate.h"

#include "tp/Pipelines/Passes.h"
#include "tp/Sharding/CheckProgram.h"
#include "tp/Sharding/MeshLookup.h"

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
    raiseSoftmaxes(getOperation());
    raiseRepeats(getOperation());
    FailureOr<MeshOp> mesh = onlyMesh(getOperation());
    if (failed(mesh) || failed(separateDimensions(getOperation(), mesh->getMesh())))
      return signalPassFailure();
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
    attributes.clear();
    for (const Node &node : graph->nodes)
      attributes.push_back(attributeOf(node.sharding, graph->meshName));
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (!function.isExternal())
        write(*graph, function);
  }

  ShardingAttr attributeOf(Sharding sharding, FlatSymbolRefAttr mesh) {
    for (Split &split : sharding.dims) {
      split.closed = true;
      split.priority = 0;
    }
    return sharding.toAttribute(mesh, &getContext());
  }

  DictionaryAttr withSharding(DictionaryAttr slot, int node, Type type) {
    if (node < 0 || !isa<RankedTensorType>(type))
      return slot;
    NamedAttrList list(slot);
    list.set(kSharding, attributes[node]);
    return list.getDictionary(&getContext());
  }

  void write(const Graph &graph, func::FuncOp function) {
    // All at once: each setArgAttr would copy the list.
    SmallVector<DictionaryAttr> arguments, results;
    for (BlockArgument argument : function.getArguments())
      arguments.push_back(
          withSharding(function.getArgAttrDict(argument.getArgNumber()), graph.nodeOf(argument), argument.getType()));
    for (auto [i, type] : llvm::enumerate(function.getResultTypes()))
      results.push_back(withSharding(function.getResultAttrDict(i), graph.resultNode(function, i), type));
    function.setAllArgAttrs(arguments);
    function.setAllResultAttrs(results);
    int64_t number = 0;
    function.walk([&](Operation *op) {
      SmallVector<Attribute> shardings;
      for (Value result : op->getResults())
        if (int node = graph.nodeOf(result); node >= 0 && isa<RankedTensorType>(result.getType()))
          shardings.push_back(attributes[node]);
      if (shardings.empty() || shardings.size() != op->getNumResults())
        return;
      op->setAttr(kShardings, ArrayAttr::get(&getContext(), shardings));
      // A value in a loop is not one value.
      if (op->getParentOp() == function)
        op->setAttr(kValue, IntegerAttr::get(IntegerType::get(&getContext(), 64), number++));
    });
  }

  SmallVector<ShardingAttr> attributes; // by node
};
} // namespace
