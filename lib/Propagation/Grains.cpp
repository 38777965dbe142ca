// Grains: which blocks of a dimension are never cut (unit), which follow others (repeat), and which parts are split
// each by itself (outer, sections).
//
// Example: wq's rows [576] become 9 heads of 64 by a reshape. Where the heads are split, the rows are split in units of
// 64; keys follow with repeat = 3.
#include "Propagate.h"

#include "llvm/ADT/BitVector.h"

#include <numeric>

using namespace mlir;
using namespace tp;

// The coarsest grain that the edge's tensors ask of each factor.
static FactorSplits factorGrains(const Graph &graph, const Edge &edge) {
  FactorSplits splits(edge.rule.factors.size());
  for (unsigned i = 0; i < edge.nodes.size(); ++i)
    for (auto [dim, split] : llvm::zip(edge.tensor(i), graph.nodes[edge.nodes[i]].sharding.dims))
      if (!split.axes.empty())
        projectToFactors(dim, split, edge.rule, graph.mesh, [&](unsigned factor, Split part) {
          Split &have = splits[factor];
          if (part.axes.empty())
            return;
          if (have.axes.empty())
            have.axes = part.axes;
          if (have.axes != part.axes)
            return;
          have.unit = std::lcm(have.unit, part.unit);
          have.repeat = std::max(have.repeat, part.repeat);
          if (have.parts.width() == 1)
            have.parts = part.parts;
        });
  return splits;
}

// Whether there are repeats, taken on or (without them) wanted.
static bool propagate(Graph &graph, bool withRepeats) {
  bool repeats = false;
  // An edge is looked at again when one of its tensors changed. Units and repeats only grow and are bounded by the
  // dimensions' sizes, so this ends.
  llvm::BitVector stale(graph.edges.size(), true);
  while (stale.any())
    for (auto [number, edge] : llvm::enumerate(graph.edges)) {
      if (!stale[number])
        continue;
      stale.reset(number);
      if (graph.agrees(edge))
        continue;
      FactorSplits splits = factorGrains(graph, edge);
      for (unsigned i = 0; i < edge.nodes.size(); ++i) {
        Node &node = graph.nodes[edge.nodes[i]];
        Sharding wanted = projectToTensor(edge.tensor(i), splits, edge.rule, graph.mesh);
        bool changed = false;
        for (unsigned d = 0; d < wanted.dims.size(); ++d) {
          Split &have = node.sharding.dims[d];
          const Split &want = wanted.dims[d];
          int64_t unit = std::lcm(have.unit, want.unit), repeat = std::max(have.repeat, want.repeat);
          repeats |= repeat > have.repeat;
          if (!withRepeats)
            repeat = have.repeat;
          const Parts &parts = have.parts.width() == 1 ? want.parts : have.parts;
          if (have.axes.empty() || want.axes != have.axes || node.type.getDimSize(d) % (unit * parts.width()) ||
              (unit == have.unit && repeat == have.repeat && parts == have.parts))
            continue;
          have.unit = unit;
          have.repeat = repeat;
          have.parts = parts;
          changed = true;
        }
        if (changed)
          for (unsigned other : node.edges)
            stale.set(other);
      }
    }
  return repeats;
}

void tp::propagateGrains(Graph &graph) {
  // Units first: where query heads turn out to be cut in groups, key heads need no repeat.
  if (propagate(graph, /*withRepeats=*/false))
    propagate(graph, /*withRepeats=*/true);
  for (Node &node : graph.nodes)
    canonicalise(node.sharding, node.type, graph.mesh);
}
