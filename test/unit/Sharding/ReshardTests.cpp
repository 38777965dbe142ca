// planReshard, over all pairs of shardings of small matrices: the steps are run element by element, and must end in the
// target.
#include "Layouts.h"

#include "llvm/Support/raw_ostream.h"
#include <gtest/gtest.h>

using namespace mlir;
using namespace tp;
using namespace tp::test;

namespace {

struct ReshardTest : testing::Test {
  MLIRContext context;
  ReshardTest() { context.loadDialect<TpDialect>(); }

  std::string name(const Sharding &sharding) {
    std::string text;
    llvm::raw_string_ostream(text) << sharding.toAttribute(FlatSymbolRefAttr::get(&context, "m"), &context);
    return text;
  }

  // Ordered lists of distinct axes, the empty one included.
  static std::vector<Axes> axisLists(MeshAttr mesh) {
    std::vector<Axes> lists = {{}};
    for (size_t i = 0; i < lists.size(); ++i)
      for (StringAttr axis : mesh.getAxes())
        if (!llvm::is_contained(lists[i], axis)) {
          lists.push_back(lists[i]);
          lists.back().push_back(axis);
        }
    return lists;
  }

  // Grains of a dimension: plain, every unit that divides it, and blocks that follow others.
  static std::vector<Split> splitsOf(const Axes &axes, int64_t size, bool grains) {
    Split plain;
    plain.axes = axes;
    plain.closed = true;
    std::vector<Split> splits = {plain};
    if (!grains || axes.empty())
      return splits;
    for (int64_t unit = 1; unit <= size; ++unit)
      for (int64_t repeat : {1, 3})
        if (size % unit == 0 && unit * repeat > 1) {
          splits.push_back(plain);
          splits.back().unit = unit;
          splits.back().repeat = repeat;
        }
    if (size % 2 == 0) {
      splits.push_back(plain);
      splits.back().parts.outer = 2;
    }
    if (size % 3 == 0) {
      splits.push_back(plain);
      splits.back().parts.sections = {2, 1};
    }
    return splits;
  }

  // All shardings of a matrix, with partial sums over any axes that are left.
  std::vector<Sharding> shardingsOf(RankedTensorType type, MeshAttr mesh, bool grains) {
    std::vector<Sharding> result;
    for (const Axes &rows : axisLists(mesh))
      for (const Axes &columns : axisLists(mesh))
        for (const Axes &partial : axisLists(mesh)) {
          Sharding sharding;
          if (llvm::any_of(
                  rows,
                  [&](StringAttr a) { return llvm::is_contained(columns, a) || llvm::is_contained(partial, a); }) ||
              llvm::any_of(columns, [&](StringAttr a) { return llvm::is_contained(partial, a); }))
            continue;
          for (const Split &row : splitsOf(rows, type.getDimSize(0), grains))
            for (const Split &column : splitsOf(columns, type.getDimSize(1), grains)) {
              sharding.dims = {row, column};
              sharding.partial = partial;
              result.push_back(sharding);
            }
        }
    return result;
  }

  // Runs the plan and compares what every device holds.
  void check(World &world, RankedTensorType type, const Sharding &from, const Sharding &to) {
    SCOPED_TRACE(name(from) + " -> " + name(to));
    Devices now = world.place(type, from, from.partial), want = world.place(type, to, from.partial);
    std::vector<ReshardStep> steps = planReshard(type, from, to, world.mesh);
    for (auto [i, step] : llvm::enumerate(steps)) {
      std::string error;
      now = world.run(step, now, error);
      ASSERT_EQ(error, "") << "step " << i;
      ASSERT_EQ(ArrayRef(now[0].shape), step.result.getShape()) << "step " << i;
    }
    for (int64_t rank = 0; rank < world.mesh.devices(); ++rank) {
      ASSERT_EQ(now[rank].shape, want[rank].shape) << "rank " << rank << " after " << steps.size() << " steps";
      for (size_t i = 0; i < now[rank].elements.size(); ++i)
        ASSERT_EQ(now[rank].elements[i], want[rank].elements[i]) << "rank " << rank << ", local element " << i;
    }
  }

  static bool within(const Axes &inner, const Axes &outer) {
    return llvm::all_of(inner, [&](StringAttr axis) { return llvm::is_contained(outer, axis); });
  }

  void checkAll(ArrayRef<std::pair<std::string, int64_t>> axes, ArrayRef<int64_t> shape, bool grains) {
    World world(context, axes);
    RankedTensorType type = world.type(shape);
    std::vector<Sharding> shardings = shardingsOf(type, world.mesh, grains);
    for (const Sharding &from : shardings)
      for (const Sharding &to : shardings) {
        if (!within(to.partial, from.partial))
          continue;
        check(world, type, from, to);
        if (HasFatalFailure() && ++failures > 5)
          return;
      }
  }
  int failures = 0;
};

} // namespace

TEST_F(ReshardTest, OneAxisEven) { checkAll({{"t", 4}}, {8, 4}, false); }
TEST_F(ReshardTest, OneAxisUneven) { checkAll({{"t", 4}}, {7, 5}, false); }
TEST_F(ReshardTest, OneAxisFewerElementsThanDevices) { checkAll({{"t", 4}}, {3, 2}, false); }
TEST_F(ReshardTest, OneAxisUnitsAndRepeats) { checkAll({{"t", 4}}, {6, 4}, true); }
TEST_F(ReshardTest, ThreeDevicesUnitsAndRepeats) { checkAll({{"t", 3}}, {9, 4}, true); }
TEST_F(ReshardTest, TwoByTwoEven) { checkAll({{"d", 2}, {"t", 2}}, {4, 8}, false); }
TEST_F(ReshardTest, TwoByTwoUneven) { checkAll({{"d", 2}, {"t", 2}}, {5, 6}, false); }
TEST_F(ReshardTest, TwoByTwoUnitsAndRepeats) { checkAll({{"d", 2}, {"t", 2}}, {4, 3}, true); }
TEST_F(ReshardTest, TwoByThreeEven) { checkAll({{"d", 2}, {"t", 3}}, {6, 12}, false); }
TEST_F(ReshardTest, TwoByThreeUneven) { checkAll({{"d", 2}, {"t", 3}}, {5, 7}, false); }
TEST_F(ReshardTest, ThreeAxes) { checkAll({{"a", 2}, {"b", 2}, {"c", 2}}, {3, 2}, false); }

TEST_F(ReshardTest, NothingToDoIsNoStep) {
  World world(context, {{"t", 4}});
  for (const Sharding &sharding : shardingsOf(world.type({8, 4}), world.mesh, true))
    EXPECT_TRUE(planReshard(world.type({8, 4}), sharding, sharding, world.mesh).empty()) << name(sharding);
}

TEST_F(ReshardTest, SumThatBecomesSplitIsScattered) {
  World world(context, {{"t", 4}});
  Sharding from = Sharding::whole(2), to = Sharding::whole(2);
  from.partial = {world.axis("t")};
  to.dims[0].axes = {world.axis("t")};
  std::vector<ReshardStep> steps = planReshard(world.type({8, 4}), from, to, world.mesh);
  ASSERT_EQ(steps.size(), 1u);
  EXPECT_EQ(steps[0].kind, ReshardStep::ReduceScatter);
}

TEST_F(ReshardTest, SplitThatMovesIsAnAllToAll) {
  World world(context, {{"t", 4}});
  Sharding from = Sharding::whole(2), to = Sharding::whole(2);
  from.dims[0].axes = {world.axis("t")};
  to.dims[1].axes = {world.axis("t")};
  std::vector<ReshardStep> steps = planReshard(world.type({8, 4}), from, to, world.mesh);
  ASSERT_EQ(steps.size(), 1u);
  EXPECT_EQ(steps[0].kind, ReshardStep::AllToAll);
}

TEST_F(ReshardTest, WholeToSplitSendsNothing) {
  World world(context, {{"d", 2}, {"t", 3}});
  for (const Sharding &to : shardingsOf(world.type({6, 12}), world.mesh, false))
    if (to.partial.empty())
      EXPECT_EQ(reshardBytes(world.type({6, 12}), Sharding::whole(2), to, world.mesh), 0) << name(to);
}
