// planReshard against Dijkstra's algorithm over all shardings. Which collectives lead from one sharding to another is
// found by running each on data (Layouts.h), not by reasoning about splits as the planner does.
#include "Layouts.h"

#include "llvm/Support/raw_ostream.h"
#include <gtest/gtest.h>
#include <queue>

using namespace mlir;
using namespace tp;
using namespace tp::test;

namespace {

struct Edge {
  size_t to;
  int64_t bytes, steps; // bytes of one device, times the number of devices; elements have one byte
};

// All shardings of a matrix, and the cheapest collective from each to each.
class Shardings {
public:
  // Dimensions are cut in plain blocks, in those of `ends`, and, on the way, in all others that divide one.
  Shardings(World &world, RankedTensorType type, ArrayRef<Split> ends)
      : world(world), type(type), grains(ends.begin(), ends.end()), devices(world.mesh.devices()) {
    for (int64_t size : type.getShape())
      for (int64_t unit = 2; unit < size; ++unit)
        if (size % unit == 0)
          grains.push_back({{}, true, unit, 1, 0});
    for (const Axes &rows : lists())
      for (const Axes &columns : lists())
        for (const Axes &partial : lists())
          if (llvm::is_sorted(partial, [&](StringAttr a, StringAttr b) { return indexOf(a) < indexOf(b); }))
            add(rows, columns, partial);
    edges.resize(nodes.size());
    for (size_t i = 0; i < nodes.size(); ++i)
      collectEdges(i);
  }

  std::vector<Sharding> nodes;

  // Bytes and collectives of the cheapest chain to every sharding from `from`, by way of those that `allowed` accepts.
  template <typename Fn> std::vector<std::pair<int64_t, int64_t>> distances(size_t from, Fn allowed) const {
    std::vector<std::pair<int64_t, int64_t>> best(nodes.size(), {std::numeric_limits<int64_t>::max(), 0});
    std::priority_queue<std::tuple<int64_t, int64_t, size_t>, std::vector<std::tuple<int64_t, int64_t, size_t>>,
                        std::greater<>>
        open;
    best[from] = {0, 0};
    open.push({0, 0, from});
    while (!open.empty()) {
      auto [bytes, steps, node] = open.top();
      open.pop();
      if (best[node] != std::pair(bytes, steps))
        continue;
      for (const Edge &edge : edges[node]) {
        std::pair cost(bytes + edge.bytes, steps + edge.steps);
        if (cost >= best[edge.to] || !allowed(nodes[edge.to]))
          continue;
        best[edge.to] = cost;
        open.push({cost.first, cost.second, edge.to});
      }
    }
    return best;
  }

  // In plain blocks, or in those of `grains`.
  bool isEnd(const Sharding &sharding, ArrayRef<Split> grains) const {
    return llvm::all_of(llvm::enumerate(sharding.dims), [&](auto entry) {
      return cutAs(entry.value(), entry.index(), {}) ||
             llvm::any_of(grains, [&](const Split &grain) { return cutAs(entry.value(), entry.index(), grain); });
    });
  }
  // In plain blocks, in those of an end, or in blocks as large as a shard there.
  bool hasGrain(const Split &split, unsigned dim, ArrayRef<Split> ends) const {
    return cutAs(split, dim, {}) || llvm::any_of(ends, [&](const Split &end) {
             int64_t part = type.getDimSize(dim) / end.parts.width();
             int64_t local = geometryOf(end, type.getDimSize(dim), world.mesh).local();
             return cutAs(split, dim, end) || (local < part && cutAs(split, dim, {{}, true, local, 1, 0, end.parts}));
           });
  }

  // The same cost of a chain.
  std::pair<int64_t, int64_t> costOf(const Sharding &from, ArrayRef<ReshardStep> steps) const {
    int64_t bytes = 0, before = localType(type, from, world.mesh).getNumElements();
    for (const ReshardStep &step : steps) {
      int64_t after = step.result.getNumElements();
      const Axes &axes = step.split.axes.empty() ? step.axes : step.split.axes;
      bytes += cost(step.kind, world.mesh.sizeOf(axes), before, after);
      before = after;
    }
    return {bytes, steps.size()};
  }

  bool same(const Split &a, const Split &b, unsigned dim) const {
    return sameLayout(a, b, type.getDimSize(dim), world.mesh);
  }

private:
  bool divides(const Split &grain, int64_t size) const {
    return grain.unit > 0 && size % (grain.parts.width() * grain.unit) == 0;
  }
  bool cutAs(const Split &split, unsigned dim, Split grain) const {
    grain.axes = split.axes;
    return divides(grain, type.getDimSize(dim)) && same(split, grain, dim);
  }
  size_t indexOf(StringAttr axis) const {
    return llvm::find(world.mesh.getAxes(), axis) - world.mesh.getAxes().begin();
  }

  // Ordered lists of distinct axes.
  std::vector<Axes> lists() const {
    std::vector<Axes> result = {{}};
    for (size_t i = 0; i < result.size(); ++i)
      for (StringAttr axis : world.mesh.getAxes())
        if (!llvm::is_contained(result[i], axis)) {
          result.push_back(result[i]);
          result.back().push_back(axis);
        }
    return result;
  }

  std::vector<Split> splits(const Axes &axes, unsigned dim) const {
    std::vector<Split> result = {Split{axes, true, 1, 1, 0}};
    for (const Split &grain : grains)
      if (!axes.empty() && divides(grain, type.getDimSize(dim))) {
        Split split = grain;
        split.axes = axes;
        if (llvm::none_of(result, [&](const Split &other) { return same(split, other, dim); }))
          result.push_back(split);
      }
    return result;
  }

  void add(const Axes &rows, const Axes &columns, const Axes &partial) {
    std::set<StringRef> used;
    for (const Axes *list : {&rows, &columns, &partial})
      used.insert(list->begin(), list->end());
    if (used.size() != rows.size() + columns.size() + partial.size())
      return;
    for (const Split &row : splits(rows, 0))
      for (const Split &column : splits(columns, 1)) {
        Sharding sharding;
        sharding.dims = {row, column};
        sharding.partial = partial;
        nodes.push_back(sharding);
      }
  }

  int64_t cost(ReshardStep::Kind kind, int64_t n, int64_t before, int64_t after) const {
    switch (kind) {
    case ReshardStep::AllReduce:
      return 2 * (n - 1) * before * devices / n;
    case ReshardStep::AllGather:
      return (n - 1) * after * devices / n;
    case ReshardStep::ReduceScatter:
    case ReshardStep::AllToAll:
      return (n - 1) * before * devices / n;
    case ReshardStep::AllSlice:
      return 0;
    case ReshardStep::Permute:
      return before * devices;
    }
    llvm_unreachable("all kinds are handled");
  }

  // All collectives that could give shards of the shape of `after`, whatever they hold. Only sums are summed up.
  std::vector<ReshardStep> stepsOn(const Axes &sums, ArrayRef<int64_t> before, ArrayRef<int64_t> after) const {
    std::vector<ReshardStep> result;
    for (const Axes &axes : lists()) {
      if (axes.empty())
        continue;
      bool summed = llvm::all_of(axes, [&](StringAttr axis) { return llvm::is_contained(sums, axis); });
      if (summed && before == after)
        result.push_back({.kind = ReshardStep::AllReduce, .axes = axes});
      for (unsigned dim = 0; dim < 2; ++dim)
        for (const Split &split : cuts(axes, before[dim], after[dim])) {
          if (before[1 - dim] == after[1 - dim]) {
            result.push_back({.kind = ReshardStep::AllSlice, .dim = dim, .size = before[dim], .split = split});
            if (summed && !geometryOf(split, before[dim], world.mesh).overlaps())
              result.push_back({.kind = ReshardStep::ReduceScatter, .dim = dim, .size = before[dim], .split = split});
          }
          for (const Split &left : cuts(axes, after[1 - dim], before[1 - dim]))
            if (!geometryOf(split, before[dim], world.mesh).overlaps() &&
                !geometryOf(left, after[1 - dim], world.mesh).overlaps())
              result.push_back({.kind = ReshardStep::AllToAll,
                                .dim = 1 - dim,
                                .size = after[1 - dim],
                                .split = left,
                                .toDim = dim,
                                .toSize = before[dim],
                                .toSplit = split});
        }
      for (unsigned dim = 0; dim < 2; ++dim)
        for (const Split &split : cuts(axes, after[dim], before[dim]))
          if (before[1 - dim] == after[1 - dim])
            result.push_back({.kind = ReshardStep::AllGather, .dim = dim, .size = after[dim], .split = split});
    }
    return result;
  }

  // The ways to cut `whole` elements into shards of `local`.
  std::vector<Split> cuts(const Axes &axes, int64_t whole, int64_t local) const {
    std::vector<Split> result, all = {Split{}};
    all.insert(all.end(), grains.begin(), grains.end());
    for (Split &split : all) {
      split.axes = axes;
      if (divides(split, whole) && localSize(split, whole, world.mesh) == local)
        result.push_back(split);
    }
    return result;
  }

  // Every device holds what it is to hold, and zeros in the padding.
  static bool holds(const LocalTensor &have, const LocalTensor &want) { return have.elements == want.elements; }
  static bool holds(const Devices &have, const Devices &want) {
    for (size_t rank = 0; rank < want.size(); ++rank)
      if (have[rank].shape != want[rank].shape || !holds(have[rank], want[rank]))
        return false;
    return true;
  }

  // Each device that needs something can be given another device's value (augmenting paths).
  static bool canPermute(const Devices &have, const Devices &want) {
    if (have[0].shape != want[0].shape)
      return false;
    std::vector<int> given(have.size(), -1);
    std::vector<bool> tried;
    auto place = [&](auto &&place, int rank) -> bool {
      for (size_t source = 0; source < have.size(); ++source) {
        if (tried[source] || !holds(have[source], want[rank]))
          continue;
        tried[source] = true;
        if (given[source] < 0 || place(place, given[source])) {
          given[source] = rank;
          return true;
        }
      }
      return false;
    };
    for (size_t rank = 0; rank < want.size(); ++rank) {
      tried.assign(have.size(), false);
      bool idle = llvm::all_of(want[rank].elements, [](const Addends &addends) { return addends.empty(); });
      if (!idle && !place(place, rank))
        return false;
    }
    return true;
  }

  // What the planner does not do in one step.
  static bool changesOuterParts(const Sharding &a, const Sharding &b) {
    return llvm::any_of(llvm::zip(a.dims, b.dims), [](auto pair) {
      auto &[x, y] = pair;
      return !x.axes.empty() && !y.axes.empty() && x.parts != y.parts;
    });
  }

  void collectEdges(size_t from) {
    const Sharding &a = nodes[from];
    Devices before = world.place(type, a, a.partial);
    std::map<std::vector<int64_t>, std::vector<std::pair<ReshardStep, Devices>>> results; // by shape
    for (size_t to = 0; to < nodes.size(); ++to) {
      const Sharding &b = nodes[to];
      if (to == from || !llvm::all_of(b.partial, [&](StringAttr x) { return llvm::is_contained(a.partial, x); }))
        continue;
      if (changesOuterParts(a, b))
        continue;
      Devices after = world.place(type, b, a.partial);
      if (a.partial == b.partial && holds(before, after)) {
        edges[from].push_back({to, 0, 0});
        continue;
      }
      ArrayRef<int64_t> shape = after[0].shape, shapeBefore = before[0].shape;
      auto [known, isNew] = results.try_emplace(shape.vec());
      if (isNew)
        for (ReshardStep &step : stepsOn(a.partial, shapeBefore, shape)) {
          std::string error;
          Devices made = world.run(step, before, error);
          if (error.empty())
            known->second.push_back({step, made});
        }
      auto count = [](ArrayRef<int64_t> sizes) {
        return std::accumulate(sizes.begin(), sizes.end(), int64_t(1), std::multiplies<>());
      };
      int64_t best = std::numeric_limits<int64_t>::max();
      for (auto &[step, made] : known->second)
        if (holds(made, after))
          best =
              std::min(best, cost(step.kind, world.mesh.sizeOf(step.split.axes.empty() ? step.axes : step.split.axes),
                                  count(shapeBefore), count(shape)));
      if (canPermute(before, after))
        best = std::min(best, cost(ReshardStep::Permute, 1, count(shapeBefore), 0));
      if (best != std::numeric_limits<int64_t>::max())
        edges[from].push_back({to, best, 1});
    }
  }

  World &world;
  RankedTensorType type;
  std::vector<Split> grains;
  int64_t devices;
  std::vector<std::vector<Edge>> edges;
};

struct ReshardOptimum : testing::Test {
  MLIRContext context;
  ReshardOptimum() { context.loadDialect<TpDialect>(); }

  std::string name(const Sharding &sharding) {
    std::string text;
    llvm::raw_string_ostream(text) << sharding.toAttribute(FlatSymbolRefAttr::get(&context, "m"), &context);
    return text;
  }

  // The planner's two rules: splits that stay, stay; axes that neither end uses are not used.
  // Dimensions are cut in plain blocks, in those of an end, or in blocks as large as a shard at an end.
  static bool onTheWay(const Shardings &all, MeshAttr mesh, const Sharding &from, const Sharding &to,
                       const Sharding &now) {
    for (unsigned dim = 0; dim < 2; ++dim)
      if (!all.hasGrain(now.dims[dim], dim, {from.dims[dim], to.dims[dim]}))
        return false;
    for (unsigned dim = 0; dim < 2; ++dim) {
      const Split &stays = from.dims[dim], &present = now.dims[dim];
      if (!all.same(stays, to.dims[dim], dim) || stays.axes.empty())
        continue;
      bool longer = present.axes.size() > stays.axes.size() &&
                    std::equal(stays.axes.begin(), stays.axes.end(), present.axes.begin());
      if (!longer && !all.same(stays, present, dim))
        return false;
    }
    return llvm::all_of(mesh.getAxes(),
                        [&](StringAttr axis) { return !now.uses(axis) || from.uses(axis) || to.uses(axis); });
  }

  // Returns how many pairs were compared.
  int64_t compareAll(ArrayRef<std::pair<std::string, int64_t>> axes, ArrayRef<int64_t> shape,
                     ArrayRef<Split> grains = {}) {
    World world(context, axes);
    RankedTensorType type = RankedTensorType::get(shape, IntegerType::get(&context, 8));
    Shardings all(world, type, grains);
    int64_t compared = 0, wrong = 0;
    for (size_t from = 0; from < all.nodes.size(); ++from)
      for (size_t to = 0; to < all.nodes.size() && wrong < 5; ++to) {
        const Sharding &a = all.nodes[from], &b = all.nodes[to];
        if (!all.isEnd(a, grains) || !all.isEnd(b, grains) ||
            !llvm::all_of(b.partial, [&](StringAttr x) { return llvm::is_contained(a.partial, x); }))
          continue;
        auto allowed = [&](const Sharding &now) { return onTheWay(all, world.mesh, a, b, now); };
        std::pair<int64_t, int64_t> want = all.distances(from, allowed)[to],
                                    have = all.costOf(a, planReshard(type, a, b, world.mesh));
        ++compared;
        wrong += have != want;
        EXPECT_EQ(have, want) << name(a) << " -> " << name(b);
      }
    return compared;
  }
};

} // namespace

TEST_F(ReshardOptimum, TwoByTwoEven) { EXPECT_GT(compareAll({{"a", 2}, {"b", 2}}, {8, 4}), 200); }
TEST_F(ReshardOptimum, TwoByTwoUneven) { compareAll({{"a", 2}, {"b", 2}}, {5, 6}); }
TEST_F(ReshardOptimum, TwoByTwoFewerElementsThanDevices) { compareAll({{"a", 2}, {"b", 2}}, {1, 3}); }
TEST_F(ReshardOptimum, TwoByFourEven) { compareAll({{"a", 2}, {"b", 4}}, {8, 8}); }
TEST_F(ReshardOptimum, TwoByFourUneven) { compareAll({{"a", 2}, {"b", 4}}, {7, 9}); }
TEST_F(ReshardOptimum, FourByTwoEven) { compareAll({{"a", 4}, {"b", 2}}, {8, 8}); }
TEST_F(ReshardOptimum, FourByTwoUneven) { compareAll({{"a", 4}, {"b", 2}}, {5, 3}); }
TEST_F(ReshardOptimum, TwoByThreeEven) { compareAll({{"a", 2}, {"b", 3}}, {6, 12}); }
TEST_F(ReshardOptimum, TwoByThreeUneven) { compareAll({{"a", 2}, {"b", 3}}, {5, 7}); }
TEST_F(ReshardOptimum, ThreeByTwoUneven) { compareAll({{"a", 3}, {"b", 2}}, {4, 10}); }
TEST_F(ReshardOptimum, OneAxisOfEight) { compareAll({{"a", 8}}, {12, 5}); }
TEST_F(ReshardOptimum, Units) { compareAll({{"a", 2}, {"b", 2}}, {6, 4}, {{{}, true, 2, 1, 0}}); }
TEST_F(ReshardOptimum, UnitsAndRepeats) { compareAll({{"a", 4}}, {6, 8}, {{{}, true, 2, 1, 0}, {{}, true, 1, 3, 0}}); }
TEST_F(ReshardOptimum, OuterParts) { compareAll({{"a", 2}, {"b", 2}}, {8, 6}, {{{}, true, 1, 1, 0, {2}}}); }
TEST_F(ReshardOptimum, OuterPartsUneven) { compareAll({{"a", 2}, {"b", 2}}, {6, 5}, {{{}, true, 1, 1, 0, {2}}}); }
TEST_F(ReshardOptimum, RepeatsOnTwoAxes) { compareAll({{"a", 2}, {"b", 2}}, {3, 8}, {{{}, true, 1, 3, 0}}); }
