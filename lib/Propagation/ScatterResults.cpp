// Results: a sum over devices that a function returns is scattered where its rows came from.
//
// Example: the batch and the weights of an MLP are split over one axis. The first linear can use the axis once, for its
// weights, so the batch is gathered and the split of the rows ends there; the second linear's result is a sum over the
// devices. If nobody stated what the result is to be, it takes the split that the batch came in with, and the sum is a
// reduce_scatter, half of an all_reduce.
#include "Propagate.h"

using namespace mlir;
using namespace tp;

namespace {
class ResultScattering {
public:
  ResultScattering(Graph &graph, AxisPropagation &axes) : graph(graph), axes(axes), producers(graph.nodes.size(), -1) {
    for (auto [index, edge] : llvm::enumerate(graph.edges))
      for (unsigned node : ArrayRef(edge.nodes).drop_front(edge.operands))
        producers[node] = isa<func::CallOp, func::ReturnOp, scf::ForOp, scf::YieldOp>(edge.op) ? -1 : (int)index;
  }

  void run() {
    for (const Edge &edge : graph.edges)
      if (isa<func::ReturnOp>(edge.op) && graph.nodes[edge.nodes[1]].edges.size() == 1)
        for (unsigned dim = 0; dim < graph.nodes[edge.nodes[1]].sharding.dims.size(); ++dim)
          for (StringAttr axis : graph.mesh.getAxes())
            scatter(edge.nodes[0], edge.nodes[1], dim, axis);
  }

private:
  void scatter(unsigned value, unsigned result, unsigned dim, StringAttr axis) {
    const Sharding &have = graph.nodes[result].sharding;
    if (have.dims[dim].closed || have.uses(axis) || graph.nodes[value].sharding.uses(axis) || !cameIn(value, dim, axis))
      return;
    Proposal proposal{result, dim, have.dims[dim]};
    proposal.split.axes.push_back(axis);
    AxisPropagation::Changes before = axes.follow(proposal, kMost);
    llvm::SmallSetVector<unsigned, 16> touched;
    for (auto &[node, sharding] : before)
      touched.insert(graph.nodes[node].edges.begin(), graph.nodes[node].edges.end());
    OpCost then = axes.leastCostOf(touched.getArrayRef());
    for (auto &[node, sharding] : before)
      std::swap(graph.nodes[node].sharding, sharding);
    OpCost now = axes.leastCostOf(touched.getArrayRef());
    if (before.size() <= kMost && then.moved < now.moved && then.moved + then.work < now.moved + now.work)
      for (auto &[node, sharding] : before)
        std::swap(graph.nodes[node].sharding, sharding);
  }

  // What the dimension's elements are computed from, row by row, is split over the axis somewhere.
  bool cameIn(unsigned value, unsigned dim, StringAttr axis) const {
    llvm::SmallSetVector<std::pair<unsigned, unsigned>, 16> reached;
    reached.insert({value, dim});
    for (unsigned i = 0; i < reached.size() && i < kMost; ++i) {
      auto [node, at] = reached[i];
      const Split &split = graph.nodes[node].sharding.dims[at];
      if (!split.axes.empty() && split.axes.front() == axis && split.parts.width() == 1)
        return true;
      if (producers[node] >= 0)
        goBack(graph.edges[producers[node]], node, at, reached);
    }
    return false;
  }

  // The dimensions of the edge's operands that begin with the same factor.
  static void goBack(const Edge &edge, unsigned node, unsigned dim,
                     llvm::SmallSetVector<std::pair<unsigned, unsigned>, 16> &reached) {
    unsigned result = llvm::find(ArrayRef(edge.nodes).drop_front(edge.operands), node) - edge.nodes.begin();
    ArrayRef<unsigned> factors = edge.tensor(result)[dim].factors;
    for (unsigned i = 0; i < edge.operands && !factors.empty(); ++i)
      for (auto [d, operand] : llvm::enumerate(edge.tensor(i)))
        if (!operand.factors.empty() && operand.factors.front() == factors.front())
          reached.insert({edge.nodes[i], d});
  }

  Graph &graph;
  AxisPropagation &axes;
  std::vector<int> producers;          // edge of the op that computes a node; -1: none
  static constexpr size_t kMost = 256; // values: as far as a block reaches
};
} // namespace

void tp::scatterResults(Graph &graph, AxisPropagation &axes) { ResultScattering(graph, axes).run(); }
