// Axes: from the stated shardings to a fixpoint.
//
// Example, tp.linear x [b, s, k], w [n, k] -> y [b, s, n] with w = [{"tp"}, {}]: factor n has "tp" from w, so y's last
// dimension gains it; the op that reads y sees it in the next round.
#include "Axes.h"
#include "tp/Dialect/LayerStack.h"

#include <numeric>

using namespace mlir;
using namespace tp;

void AxisPropagation::run() {
  // Levels that occur; axes of a later level are held back until then.
  std::set<int64_t> levels = {0};
  for (const Node &node : graph.nodes)
    for (const Split &split : node.sharding.dims)
      if (!split.axes.empty())
        levels.insert(split.priority);
  holdInputs();
  for (int64_t now : levels) {
    level = now;
    std::vector<unsigned> all(graph.edges.size());
    std::iota(all.begin(), all.end(), 0);
    fixpoint(std::move(all));
  }
  decideInputs();
}

void AxisPropagation::holdInputs() {
  std::vector<unsigned> reads(graph.nodes.size(), 0);
  llvm::BitVector others(graph.nodes.size()); // that are computed, passed or stated
  for (const Edge &edge : graph.edges)
    for (auto [i, node] : llvm::enumerate(edge.nodes)) {
      ++reads[node];
      if (i >= edge.operands || edge.identity || takesLayer(edge.op))
        others.set(node);
    }
  held.resize(graph.nodes.size());
  for (unsigned node = 0; node < graph.nodes.size(); ++node)
    held[node] =
        !others[node] && reads[node] > 1 &&
        llvm::all_of(graph.nodes[node].sharding.dims, [](const Split &dim) { return !dim.closed && dim.axes.empty(); });
}

void AxisPropagation::decideInputs() {
  constexpr size_t kMost = 256; // values that are followed on trial
  for (auto &[slot, split] : std::exchange(proposed, {})) {
    Proposal proposal{slot.first, slot.second, split};
    held.reset(slot.first);
    Changes before = follow(proposal, kMost);
    llvm::SmallSetVector<unsigned, 16> touched;
    for (auto &[node, sharding] : before)
      touched.insert(graph.nodes[node].edges.begin(), graph.nodes[node].edges.end());
    OpCost then = leastCostOf(touched.getArrayRef());
    for (auto &[node, sharding] : before)
      graph.nodes[node].sharding = sharding;
    OpCost now = leastCostOf(touched.getArrayRef());
    if (before.size() > kMost || then.moved + then.work <= now.moved + now.work)
      follow(proposal);
    else
      held.set(slot.first);
  }
}

OpCost AxisPropagation::leastCostOf(ArrayRef<unsigned> edges) const {
  OpCost sum;
  for (unsigned edge : edges) {
    OpCost one = leastCost(graph.edges[edge].rule, shardingsOf(graph.edges[edge]), graph.mesh);
    sum.moved += one.moved;
    sum.work += one.work;
  }
  return sum;
}

AxisPropagation::Changes AxisPropagation::follow(const Proposal &proposal, size_t limit) {
  changes.clear();
  if (apply(proposal)) {
    ArrayRef<unsigned> edges = graph.nodes[proposal.node].edges;
    fixpoint({edges.begin(), edges.end()}, limit);
  }
  return std::exchange(changes, {});
}

void AxisPropagation::fixpoint(std::vector<unsigned> dirty, size_t limit) {
  std::set<unsigned> reductions; // edges whose reduction factors have not had their turn
  while ((!dirty.empty() || !reductions.empty()) && changes.size() <= limit) {
    // Last, a split reduction asks the same of the other operand: by then that has what its own operands say.
    bool withReductions = dirty.empty();
    if (withReductions) {
      dirty.assign(reductions.begin(), reductions.end());
      reductions.clear();
    }
    // What merely passes axes on (elementwise ops, calls) comes first, so that an op which has to choose sees all
    // that its neighbours state.
    auto later = std::stable_partition(dirty.begin(), dirty.end(), [&](unsigned edge) { return passesOn(edge); });
    std::vector<unsigned> waiting(later == dirty.begin() ? dirty.end() : later, dirty.end());
    dirty.resize(dirty.size() - waiting.size());
    if (reverse)
      std::reverse(dirty.begin(), dirty.end());
    std::vector<std::pair<unsigned, Proposal>> proposals;
    for (unsigned edge : dirty) {
      propose(edge, withReductions, proposals);
      if (!withReductions && !passesOn(edge))
        reductions.insert(edge);
    }
    // The order of the program, however the edges were visited; an edge may propose twice for a value.
    llvm::stable_sort(proposals, [](const auto &a, const auto &b) {
      return std::tie(a.first, a.second.node, a.second.dim) < std::tie(b.first, b.second.node, b.second.dim);
    });
    std::set<unsigned> next(waiting.begin(), waiting.end());
    for (const auto &[edge, proposal] : proposals)
      if (apply(proposal))
        next.insert(graph.nodes[proposal.node].edges.begin(), graph.nodes[proposal.node].edges.end());
    dirty.assign(next.begin(), next.end());
  }
}

bool AxisPropagation::passesOn(unsigned edge) const {
  return graph.edges[edge].identity || llvm::all_of(graph.edges[edge].rule.factors, [](const Factor &factor) {
           return factor.kind == FactorKind::Parallel;
         });
}

// The axes each factor has in the edge's tensors: the longest list that the others do not contradict.
FactorSplits AxisPropagation::factorAxes(const Edge &edge) const {
  FactorSplits best(edge.rule.factors.size());
  for (unsigned i = 0; i < edge.nodes.size(); ++i) {
    const Sharding &sharding = graph.nodes[edge.nodes[i]].sharding;
    for (auto [dim, split] : llvm::zip(edge.tensor(i), sharding.dims)) {
      if (split.axes.empty() || split.priority > level)
        continue;
      projectToFactors(dim, split, edge.rule, graph.mesh, [&](unsigned factor, Split part) {
        Axes &have = best[factor].axes;
        // Grains go along, so that a reshape further on knows what is not cut; Grains.cpp completes them.
        best[factor].unit = std::max(best[factor].unit, part.unit);
        if (part.parts.width() > best[factor].parts.width())
          best[factor].parts = part.parts;
        unsigned common = 0;
        while (common < have.size() && common < part.axes.size() && have[common] == part.axes[common])
          ++common;
        if (common == have.size())
          have = part.axes;
        else if (common < part.axes.size())
          have.resize(common);
      });
    }
  }
  return best;
}

OpShardings AxisPropagation::shardingsOf(const Edge &edge) const {
  OpShardings op;
  for (auto [i, node] : llvm::enumerate(edge.nodes)) {
    op.types.push_back(graph.nodes[node].type);
    op.shardings.push_back(graph.nodes[node].sharding);
    for (Split &dim : op.shardings.back().dims)
      if (dim.priority > level)
        dim = Split();
    if (i < edge.operands)
      op.sharers.push_back(readers(node));
  }
  return op;
}

static bool hasSharedAxis(const FactorSplits &splits) {
  llvm::SmallDenseSet<StringAttr, 4> seen;
  for (const Split &split : splits)
    for (StringAttr axis : split.axes)
      if (!seen.insert(axis).second)
        return true;
  return false;
}

// An axis that several factors have (a sequence split that meets a weight split): the op can use it once, so one of
// them passes it on: the one for which the op's tensors are brought to their places with the fewest bytes. What an
// operand costs is shared by its readers, which ask the same of it.
void AxisPropagation::resolveSharedAxes(const Edge &edge, FactorSplits &splits) const {
  if (!hasSharedAxis(splits))
    return;
  OpShardings op = shardingsOf(edge);
  // Nobody has a wish for a result that is open and not split.
  for (const Sharding &result : ArrayRef(op.shardings).drop_front(edge.operands))
    op.free.push_back(llvm::any_of(result.dims, [](const Split &dim) { return !dim.closed; }) &&
                      llvm::all_of(result.dims, [](const Split &dim) { return dim.axes.empty(); }));
  Assignment chosen = assignFactors(edge.rule, op, graph.mesh);
  for (auto [split, part] : llvm::zip(splits, chosen.factors)) {
    auto taken = [&](StringAttr axis) {
      return llvm::any_of(chosen.factors, [&](const Split &other) { return llvm::is_contained(other.axes, axis); }) &&
             !llvm::is_contained(part.axes, axis);
    };
    split.axes.erase(llvm::find_if(split.axes, taken), split.axes.end());
  }
  // What the choice leaves to several goes to the first.
  for (unsigned f = 0; f < splits.size(); ++f)
    for (unsigned g = f + 1; g < splits.size(); ++g)
      splits[g].axes.erase(
          llvm::find_if(splits[g].axes, [&](StringAttr axis) { return llvm::is_contained(splits[f].axes, axis); }),
          splits[g].axes.end());
}

int AxisPropagation::readers(unsigned node) const {
  return std::max<int>(1, llvm::count_if(graph.nodes[node].edges, [&](unsigned edge) {
                         return llvm::is_contained(
                             ArrayRef(graph.edges[edge].nodes).take_front(graph.edges[edge].operands), node);
                       }));
}

void AxisPropagation::propose(unsigned index, bool withReductions,
                              std::vector<std::pair<unsigned, Proposal>> &proposals) const {
  const Edge &edge = graph.edges[index];
  if (graph.agrees(edge))
    return;
  FactorSplits splits = factorAxes(edge);
  resolveSharedAxes(edge, splits);
  bool any = false;
  for (unsigned f = 0; f < splits.size(); ++f) {
    FactorKind kind = edge.rule.factors[f].kind;
    if (kind == FactorKind::Whole || (kind == FactorKind::Reduction && !withReductions))
      splits[f] = Split();
    any |= !splits[f].axes.empty();
  }
  if (!any)
    return;
  for (unsigned i = 0; i < edge.nodes.size(); ++i) {
    Sharding wanted = projectToTensor(edge.tensor(i), splits, edge.rule, graph.mesh);
    const Sharding &have = graph.nodes[edge.nodes[i]].sharding;
    for (unsigned dim = 0; dim < wanted.dims.size(); ++dim)
      if (!have.dims[dim].closed && wanted.dims[dim].axes.size() > have.dims[dim].axes.size())
        proposals.push_back({index, {edge.nodes[i], dim, wanted.dims[dim]}});
  }
}

// Extends a dimension's axes as far as the value's other dimensions leave them free.
bool AxisPropagation::apply(const Proposal &proposal) {
  Sharding &sharding = graph.nodes[proposal.node].sharding;
  Split &split = sharding.dims[proposal.dim];
  Axes &axes = split.axes;
  const Axes &wanted = proposal.split.axes;
  if (axes.size() >= wanted.size() || !std::equal(axes.begin(), axes.end(), wanted.begin()))
    return false;
  if (proposal.node < held.size() && held[proposal.node]) {
    proposed.insert({{proposal.node, proposal.dim}, proposal.split});
    return false;
  }
  Sharding before = sharding;
  bool fresh = axes.empty();
  int64_t size = graph.nodes[proposal.node].type.getDimSize(proposal.dim);
  if (fresh ? size % (proposal.split.parts.width() * proposal.split.unit) != 0 : split.parts != proposal.split.parts)
    return false;
  bool changed = false;
  for (StringAttr axis : ArrayRef(wanted).drop_front(axes.size())) {
    if (sharding.uses(axis))
      break;
    axes.push_back(axis);
    changed = true;
  }
  if (changed)
    changes.insert({proposal.node, std::move(before)});
  if (changed && fresh) {
    split.unit = std::max(split.unit, proposal.split.unit);
    split.parts = proposal.split.parts;
  }
  return changed;
}
