// Completion: what no annotation reached is split where that saves more than it moves.
//
// Example: a layer whose wq alone is split. Heads, and with them all of attention, follow from it; but the residual
// stream is whole on every device, so nothing reaches the MLP, and each device would compute all of it. For each
// contraction that does not use an axis of the mesh, every open dimension of its weights is split over the axis on
// trial and followed to a fixpoint: w_gate by rows brings w_up by rows and w_down by columns, and one all_reduce. The
// trial that moves the fewest bytes for the work it saves stays; every contraction has its turn, so how far a trial
// reaches does not count.
#include "Propagate.h"
#include "tp/Dialect/LayerStack.h"

using namespace mlir;
using namespace tp;

namespace {
class Completion {
public:
  Completion(Graph &graph, AxisPropagation &axes) : graph(graph), axes(axes) {}

  void run() {
    findWeights();
    limit = kBlock + llvm::count_if(graph.edges, [](const Edge &edge) { return isa<func::CallOp>(edge.op); });
    for (unsigned i = 0; i < graph.edges.size(); ++i)
      if (isContraction(graph.edges[i].rule))
        for (StringAttr axis : usedAxes())
          if (!uses(graph.edges[i], axis))
            complete(graph.edges[i], axis);
    warn();
  }

private:
  struct Whole {
    const Edge *edge;
    StringAttr axis;
    double flops; // that each device repeats
  };

  // A sum of products: not a norm's, which is little work.
  static bool isContraction(const ShardingRule &rule) {
    auto holds = [](const TensorFactors &tensor, unsigned factor) {
      return llvm::any_of(tensor, [&](const DimFactors &dim) { return llvm::is_contained(dim.factors, factor); });
    };
    for (unsigned f = 0; f < rule.factors.size(); ++f)
      if (rule.factors[f].kind == FactorKind::Reduction &&
          llvm::count_if(rule.operands, [&](const TensorFactors &tensor) { return holds(tensor, f); }) > 1)
        return true;
    return false;
  }

  static bool handsOn(const Edge &edge) { return isa<func::CallOp, func::ReturnOp>(edge.op) || takesLayer(edge.op); }

  // Arguments that one op reads, and their reshapes and transposes. What is handed on is an argument where all that
  // comes there are arguments.
  void findWeights() {
    std::vector<unsigned> reads(graph.nodes.size(), 0);
    llvm::BitVector computed(graph.nodes.size());
    for (const Edge &edge : graph.edges)
      for (auto [i, node] : llvm::enumerate(edge.nodes))
        if (i < edge.operands)
          reads[node] += !handsOn(edge);
        else if (!handsOn(edge))
          computed.set(node);
    for (bool changed = true; changed;) {
      changed = false;
      for (const Edge &edge : graph.edges)
        if (handsOn(edge) && computed[edge.nodes[0]] && !computed[edge.nodes.back()]) {
          computed.set(edge.nodes.back());
          changed = true;
        }
    }
    for (unsigned node = 0; node < graph.nodes.size(); ++node)
      weights.push_back(!computed[node] && reads[node] == 1);
    for (const Edge &edge : graph.edges)
      if (!handsOn(edge) && edge.nodes.size() == 2 && weights[edge.nodes[0]] &&
          graph.nodes[edge.nodes[0]].type.getNumElements() == graph.nodes[edge.nodes[1]].type.getNumElements())
        weights[edge.nodes[1]] = reads[edge.nodes[1]] == 1;
  }

  // In the order of the mesh.
  SmallVector<StringAttr> usedAxes() {
    if (used.empty())
      for (StringAttr axis : graph.mesh.getAxes())
        if (llvm::any_of(graph.nodes, [&](const Node &node) { return node.sharding.uses(axis); }))
          used.push_back(axis);
    return used;
  }

  bool uses(const Edge &edge, StringAttr axis) const {
    return *graph.mesh.sizeOf(axis) == 1 ||
           llvm::any_of(edge.nodes, [&](unsigned node) { return graph.nodes[node].sharding.uses(axis); });
  }

  void complete(const Edge &edge, StringAttr axis) {
    std::optional<Proposal> best;
    double least = 1;
    for (unsigned node : ArrayRef(edge.nodes).take_front(edge.operands)) {
      if (!weights[node] || graph.nodes[node].sharding.uses(axis))
        continue;
      for (unsigned dim = 0; dim < graph.nodes[node].sharding.dims.size(); ++dim) {
        Proposal proposal{node, dim, graph.nodes[node].sharding.dims[dim]};
        if (proposal.split.closed)
          continue;
        proposal.split.axes.push_back(axis);
        if (double price = tryOut(proposal); price < least) {
          least = price;
          best = proposal;
        }
      }
    }
    if (best)
      axes.follow(*best);
    else
      whole.push_back({&edge, axis, flops(edge)});
  }

  // The bytes that the proposal moves for each byte's worth of work that it saves. Leaves everything as it was.
  double tryOut(const Proposal &proposal) {
    AxisPropagation::Changes before = axes.follow(proposal, limit);
    llvm::SmallSetVector<unsigned, 16> touched;
    if (before.size() <= limit)
      for (auto &[node, sharding] : before)
        touched.insert(graph.nodes[node].edges.begin(), graph.nodes[node].edges.end());
    OpCost then = axes.leastCostOf(touched.getArrayRef());
    for (auto &[node, sharding] : before)
      graph.nodes[node].sharding = std::move(sharding);
    OpCost now = axes.leastCostOf(touched.getArrayRef());
    return then.work < now.work ? (then.moved - now.moved) / (now.work - then.work)
                                : std::numeric_limits<double>::infinity();
  }

  static double flops(const Edge &edge) {
    double product = 2;
    for (const Factor &factor : edge.rule.factors)
      product *= factor.size;
    return product;
  }

  // Of what is little beside the whole, nothing is said.
  void warn() const {
    double all = 0;
    for (const Edge &edge : graph.edges)
      if (isContraction(edge.rule))
        all += flops(edge);
    for (const Whole &each : whole)
      if (each.flops > all / 100)
        each.edge->op->emitWarning() << "stays whole on the " << *graph.mesh.sizeOf(each.axis) << " devices of axis \""
                                     << each.axis.getValue() << "\", which repeat " << (int64_t)each.flops
                                     << " operations: no operand can be split for less than that saves";
  }

  Graph &graph;
  AxisPropagation &axes;
  std::vector<bool> weights; // by node
  SmallVector<StringAttr> used;
  std::vector<Whole> whole;
  // A block has fewer values. What reaches further changes every layer, and would be followed through all of them from
  // each; in called layers a value is also an argument of each call.
  static constexpr size_t kBlock = 256;
  size_t limit = 0;
};
} // namespace

void tp::completeBlocks(Graph &graph, AxisPropagation &axes) { Completion(graph, axes).run(); }
