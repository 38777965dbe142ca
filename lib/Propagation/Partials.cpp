// Partial sums: which values stay sums over the mesh until a later op.
//
// A value may be partial over an axis where its op computes it so (a split reduction, or a partial operand in every
// term) and every use is linear in it and carries the sum on, to no more elements, and to one place alone unless the
// sum stays partial there too. Starts from all values that could be, and takes back until nothing changes.
#include "Propagate.h"

#include "tp/Partition/Assignment.h"

using namespace mlir;
using namespace tp;

namespace {
class PartialPropagation {
public:
  explicit PartialPropagation(Graph &graph) : graph(graph) {}

  void run() {
    for (Edge &edge : graph.edges)
      offer(edge);
    for (bool changed = true; changed;) {
      changed = false;
      for (const Edge &edge : graph.edges)
        changed |= takeBack(edge);
    }
  }

private:
  int resultOf(const Edge &edge) const { return edge.nodes.size() == edge.operands + 1 ? (int)edge.nodes.back() : -1; }
  static bool isOp(const Edge &edge) { return !isa<func::CallOp, func::ReturnOp, scf::ForOp, scf::YieldOp>(edge.op); }

  void offer(const Edge &edge) {
    int result = resultOf(edge);
    if (result < 0 || !isOp(edge) || graph.nodes[result].stated)
      return;
    OpShardings op;
    for (unsigned node : edge.nodes) {
      op.types.push_back(graph.nodes[node].type);
      op.shardings.push_back(graph.nodes[node].sharding);
    }
    Axes axes = assignFactors(edge.rule, op, graph.mesh).results[0].partial;
    for (unsigned i = 0; i < edge.operands; ++i)
      for (StringAttr axis : op.shardings[i].partial)
        if (!llvm::is_contained(axes, axis) && carries(edge, axis))
          axes.push_back(axis);
    graph.nodes[result].sharding.reduce = edge.rule.reduce;
    // An axis that also splits a dimension is scattered there, now.
    llvm::erase_if(axes, [&](StringAttr axis) { return graph.nodes[result].sharding.uses(axis); });
    graph.nodes[result].sharding.partial = axes;
  }

  // Every term is partial over the axis exactly once, and no dimension is split over it.
  bool carries(const Edge &edge, StringAttr axis) const {
    for (unsigned node : edge.nodes)
      for (const Split &split : graph.nodes[node].sharding.dims)
        if (llvm::is_contained(split.axes, axis))
          return false;
    return !edge.rule.terms.empty() && llvm::all_of(edge.rule.terms, [&](const auto &term) {
      return llvm::count_if(term, [&](unsigned i) {
               return llvm::is_contained(graph.nodes[edge.nodes[i]].sharding.partial, axis);
             }) == 1;
    });
  }

  // The result has more to reduce than the partial operands.
  bool grows(const Edge &edge) const {
    int64_t elements = 0;
    for (unsigned i = 0; i < edge.operands; ++i)
      if (!graph.nodes[edge.nodes[i]].sharding.partial.empty())
        elements += graph.nodes[edge.nodes[i]].type.getNumElements();
    return graph.nodes[edge.nodes.back()].type.getNumElements() > elements;
  }

  bool takeBack(const Edge &edge) {
    int result = resultOf(edge);
    bool changed = false;
    for (unsigned i = 0; i < edge.operands; ++i) {
      Node &operand = graph.nodes[edge.nodes[i]];
      llvm::erase_if(operand.sharding.partial, [&](StringAttr axis) {
        bool kept = operand.stated ||
                    (isOp(edge) && result >= 0 && operand.sharding.reduce == ReduceKind::Sum && carries(edge, axis) &&
                     !grows(edge) &&
                     (operand.edges.size() == 2 || llvm::is_contained(graph.nodes[result].sharding.partial, axis)));
        changed |= !kept;
        return !kept;
      });
    }
    return changed;
  }

  Graph &graph;
};
} // namespace

void tp::propagatePartials(Graph &graph) { PartialPropagation(graph).run(); }
