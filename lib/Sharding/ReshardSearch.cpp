// Dijkstra's algorithm over the shardings that a chain may pass through. A dimension may have any list of the axes that
// change their place, in plain blocks or in the blocks that it has at either end.
#include "ReshardMoves.h"

#include <map>
#include <queue>

using namespace mlir;
using namespace tp;

namespace {
using AxisSet = uint32_t; // of the axes that change their place

// A way to split a dimension.
struct Choice {
  Split split;
  AxisSet axes;
  int64_t local;
  bool overlaps;
};

// A sharding on the way: for each dimension the number of a choice, and behind them the axes still summed over.
using State = std::vector<AxisSet>;

struct Node {
  State state;
  ReshardCost cost;
  int parent;
  ReshardStep step; // from the parent
};

class Search {
public:
  Search(const Moves &moves, const Sharding &from, const Sharding &to, ReshardCost limit)
      : moves(moves), from(from), to(to), rank(from.dims.size()), limit(limit) {}

  std::vector<ReshardStep> run() {
    if (!collect())
      return {};
    goal = stateOf(to);
    reach(stateOf(from), {}, -1, {});
    // A bound for meshes with many axes, where the walk's chain is taken as it is.
    for (int budget = 1 << 13; !open.empty() && budget > 0; --budget) {
      int number = open.top().number;
      open.pop();
      if (best[nodes[number].state] != number)
        continue; // reached more cheaply since
      if (nodes[number].state == goal)
        return chainTo(number);
      expand(number);
    }
    return {};
  }

private:
  //===-- what a dimension may be --===//

  bool collect() {
    auto add = [&](ArrayRef<StringAttr> list) {
      for (StringAttr axis : list)
        if (!llvm::is_contained(axes, axis))
          axes.push_back(axis);
    };
    SmallVector<bool> alike;
    for (unsigned dim = 0; dim < rank; ++dim) {
      alike.push_back(sameLayout(from.dims[dim], to.dims[dim], moves.type.getDimSize(dim), moves.mesh));
      if (alike.back())
        continue;
      add(from.dims[dim].axes);
      add(to.dims[dim].axes);
    }
    for (StringAttr axis : from.partial)
      if (!llvm::is_contained(to.partial, axis))
        add(axis);
    // The lists of five axes are hundreds in each dimension.
    if (axes.size() > 4)
      return false;
    choices.resize(rank);
    pieces.resize(rank);
    for (unsigned dim = 0; dim < rank; ++dim) {
      Split whole{.axes = {}, .closed = true};
      extend(dim, alike[dim] ? from.dims[dim] : whole, 0);
      pieces[dim].resize(choices[dim].size() * choices[dim].size());
    }
    return true;
  }

  AxisSet setOf(ArrayRef<StringAttr> list) const {
    AxisSet set = 0;
    for (auto [i, axis] : llvm::enumerate(axes))
      set |= llvm::is_contained(list, axis) << i;
    return set;
  }
  Axes axesOf(AxisSet set) const {
    Axes list;
    for (auto [i, axis] : llvm::enumerate(axes))
      if (set >> i & 1)
        list.push_back(axis);
    return list;
  }

  static bool startsWith(const Axes &list, const Axes &start) {
    return list.size() >= start.size() && std::equal(start.begin(), start.end(), list.begin());
  }

  // Adds `split`, and it with any further axes. Of many axes those that make no smaller shards are left out, but for
  // the ends: they can only leave devices idle.
  void extend(unsigned dim, const Split &split, AxisSet used) {
    int64_t local = addGrains(dim, split, used);
    for (unsigned i = 0; i < axes.size(); ++i) {
      if (used >> i & 1)
        continue;
      Split longer = split;
      longer.axes.push_back(axes[i]);
      longer.unit = longer.repeat = 1;
      longer.parts = {};
      if (axes.size() <= 2 || moves.local(longer, dim) < local || startsWith(from.dims[dim].axes, longer.axes) ||
          startsWith(to.dims[dim].axes, longer.axes))
        extend(dim, longer, used | 1u << i);
    }
  }

  // Adds the ways to cut a dimension over the axes of `split`, and returns the largest of the shards.
  int64_t addGrains(unsigned dim, const Split &split, AxisSet used) {
    int64_t largest = 0, size = moves.type.getDimSize(dim);
    SmallVector<Split> cuts = {split};
    for (const Split *end : {&from.dims[dim], &to.dims[dim]}) {
      if (used == 0)
        continue;
      int64_t part = size / end->parts.width(), local = moves.geometry(*end, dim).local();
      cuts.push_back({split.axes, true, end->unit, end->repeat, 0, end->parts});
      if (local > 0 && local < part && part % local == 0)
        cuts.push_back({split.axes, true, local, 1, 0, end->parts});
    }
    for (Split cut : cuts) {
      Geometry geometry = moves.geometry(cut, dim).canonical();
      cut.unit = geometry.unit;
      cut.repeat = geometry.repeat;
      auto same = [&](const Choice &c) { return sameLayout(c.split, cut, size, moves.mesh); };
      if (llvm::any_of(choices[dim], same))
        continue;
      choices[dim].push_back({cut, used, moves.local(cut, dim), geometry.overlaps()});
      largest = std::max(largest, moves.local(cut, dim));
    }
    return largest;
  }

  State stateOf(const Sharding &sharding) const {
    State state;
    for (unsigned dim = 0; dim < rank; ++dim) {
      auto choice = llvm::find_if(choices[dim], [&](const Choice &c) {
        return sameLayout(c.split, sharding.dims[dim], moves.type.getDimSize(dim), moves.mesh);
      });
      state.push_back(choice - choices[dim].begin());
    }
    state.push_back(setOf(sharding.partial));
    return state;
  }

  Sharding shardingOf(const State &state) const {
    Sharding sharding = to;
    for (unsigned dim = 0; dim < rank; ++dim)
      sharding.dims[dim] = choices[dim][state[dim]].split;
    Axes sums = axesOf(state.back());
    sharding.partial.append(sums);
    return sharding;
  }

  //===-- from one sharding to the next --===//

  double elements(const State &state) const {
    double result = 1;
    for (unsigned dim = 0; dim < rank; ++dim)
      result *= choices[dim][state[dim]].local;
    return result;
  }

  // Records that `state` can be reached; in equal cost the first way stands.
  void reach(State state, ReshardCost cost, int parent, ReshardStep step) {
    if (parent >= 0 && !pays(state, cost))
      return;
    best[state] = nodes.size();
    open.push({cost, (int)nodes.size()});
    nodes.push_back({std::move(state), cost, parent, std::move(step)});
  }

  bool pays(const State &state, ReshardCost cost) const {
    auto known = best.find(state);
    return cost < limit && (known == best.end() || cost < nodes[known->second].cost);
  }

  void take(int number, State next, int64_t group, ReshardStep step) {
    ReshardCost cost = nodes[number].cost,
                sent = moves.cost(step.kind, group, elements(nodes[number].state), elements(next));
    reach(std::move(next), {cost.bytes + sent.bytes, cost.steps + 1}, number, std::move(step));
  }

  // `longer` as pieces of the shards of `shorter`.
  const std::optional<Split> &rest(unsigned dim, unsigned shorter, unsigned longer) {
    auto &known = pieces[dim][shorter * choices[dim].size() + longer];
    if (!known)
      known = moves.rest(choices[dim][shorter].split, choices[dim][longer].split, dim);
    return *known;
  }

  void expand(int number) {
    const State state = nodes[number].state;
    AxisSet sums = state.back(), free = ~sums;
    for (unsigned dim = 0; dim < rank; ++dim)
      free &= ~choices[dim][state[dim]].axes;
    for (unsigned dim = 0; dim < rank; ++dim)
      for (unsigned other = 0; other < choices[dim].size(); ++other)
        resplit(number, state, dim, other, free);
    for (AxisSet some = sums; some; some = (some - 1) & sums) {
      State next = state;
      next.back() &= ~some;
      ReshardStep step{.kind = ReshardStep::AllReduce, .axes = axesOf(some)};
      int64_t group = moves.mesh.sizeOf(step.axes);
      take(number, next, group, std::move(step));
    }
    State next = state;
    permute(number, state, next, 0, sums);
  }

  // Dimension `dim` becomes `other`, which is longer (slice, scatter) or shorter (gather, exchange).
  void resplit(int number, const State &state, unsigned dim, unsigned other, AxisSet free) {
    const Choice &now = choices[dim][state[dim]], &then = choices[dim][other];
    State next = state;
    next[dim] = other;
    AxisSet added = then.axes & ~now.axes, sums = state.back();
    if (added) {
      bool scatters = (added & ~sums) == 0 && !then.overlaps;
      if ((!scatters && (added & ~free) != 0) || !rest(dim, state[dim], other))
        return;
      Split cut = *rest(dim, state[dim], other);
      next.back() &= ~added;
      take(number, next, moves.mesh.sizeOf(cut.axes),
           moves.step(scatters ? ReshardStep::ReduceScatter : ReshardStep::AllSlice, now.split, cut, dim));
      return;
    }
    if (!rest(dim, other, state[dim]))
      return;
    Split cut = *rest(dim, other, state[dim]);
    take(number, next, moves.mesh.sizeOf(cut.axes), moves.step(ReshardStep::AllGather, then.split, cut, dim));
    for (unsigned into = 0; into < rank && !now.overlaps; ++into)
      for (unsigned entered = 0; into != dim && entered < choices[into].size(); ++entered)
        exchange(number, next, state, dim, into, entered, cut);
  }

  void exchange(int number, State next, const State &state, unsigned dim, unsigned into, unsigned entered,
                const Split &cut) {
    const Choice &now = choices[into][state[into]], &then = choices[into][entered];
    if ((then.axes & ~now.axes) != setOf(cut.axes) || then.overlaps)
      return;
    // Both must list the axes in one order: each has another where most devices are idle.
    const Choice &full = choices[dim][state[dim]], &left = choices[dim][next[dim]];
    std::optional<Split> enteredCut = rest(into, state[into], entered), leftCut = cut;
    if (enteredCut && enteredCut->axes != cut.axes) {
      leftCut = moves.rest(left.split, full.split, dim, enteredCut->axes);
      if (!leftCut) {
        leftCut = cut;
        enteredCut = moves.rest(now.split, then.split, into, cut.axes);
      }
    }
    if (!enteredCut)
      return;
    next[into] = entered;
    take(number, next, moves.mesh.sizeOf(cut.axes),
         moves.allToAll(left.split, *leftCut, dim, now.split, *enteredCut, into));
  }

  // Every other sharding with shards of the same size, dimension by dimension.
  void permute(int number, const State &state, State &next, unsigned dim, AxisSet used) {
    if (dim == rank) {
      if (next == state)
        return;
      ReshardCost cost = nodes[number].cost, sent = moves.cost(ReshardStep::Permute, 1, elements(state), 0);
      if (!pays(next, {cost.bytes + sent.bytes, cost.steps + 1}))
        return;
      if (std::optional<ReshardStep> step = moves.permute(shardingOf(state), shardingOf(next)))
        take(number, next, 1, std::move(*step));
      return;
    }
    for (unsigned other = 0; other < choices[dim].size(); ++other) {
      const Choice &choice = choices[dim][other];
      if (choice.local != choices[dim][state[dim]].local || (choice.axes & used))
        continue;
      next[dim] = other;
      permute(number, state, next, dim + 1, used | choice.axes);
    }
    next[dim] = state[dim];
  }

  std::vector<ReshardStep> chainTo(int number) const {
    std::vector<ReshardStep> steps;
    for (; nodes[number].parent >= 0; number = nodes[number].parent) {
      steps.push_back(nodes[number].step);
      steps.back().reduce = from.reduce;
      steps.back().result = localType(moves.type, shardingOf(nodes[number].state), moves.mesh);
    }
    std::reverse(steps.begin(), steps.end());
    return steps;
  }

  const Moves &moves;
  const Sharding &from, &to;
  const unsigned rank;
  const ReshardCost limit;
  Axes axes;
  std::vector<std::vector<Choice>> choices;                             // by dimension
  std::vector<std::vector<std::optional<std::optional<Split>>>> pieces; // by dimension, shorter and longer choice
  State goal;
  struct Open {
    ReshardCost cost;
    int number;
    auto operator<=>(const Open &) const = default;
  };
  std::priority_queue<Open, std::vector<Open>, std::greater<>> open;
  std::vector<Node> nodes;
  std::map<State, int> best; // the number of the cheapest node
};
} // namespace

std::vector<ReshardStep> tp::searchReshard(const Moves &moves, const Sharding &from, const Sharding &to,
                                           ReshardCost limit) {
  return Search(moves, from, to, limit).run();
}
