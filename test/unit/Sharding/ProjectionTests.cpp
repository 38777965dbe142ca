// Factors and dimensions: projecting one way and the other, and reshapes in local shapes.
#include "Layouts.h"

#include "llvm/Support/raw_ostream.h"
#include <gtest/gtest.h>

using namespace mlir;
using namespace tp;
using namespace tp::test;

namespace {

struct ProjectionTest : testing::Test {
  MLIRContext context;
  ProjectionTest() { context.loadDialect<TpDialect>(); }

  Split over(ArrayRef<StringRef> names, int64_t unit = 1, int64_t repeat = 1) {
    Split split;
    for (StringRef name : names)
      split.axes.push_back(StringAttr::get(&context, name));
    split.unit = unit;
    split.repeat = repeat;
    return split;
  }
  std::string name(const Split &split) {
    std::string text;
    llvm::raw_string_ostream(text) << toAttribute(split, &context);
    return text;
  }

  // A rule of one dimension (a b).
  static ShardingRule pairRule(int64_t a, int64_t b) {
    ShardingRule rule;
    rule.addFactor(a);
    rule.addFactor(b);
    return rule;
  }
  static FactorSplits project(const DimFactors &dim, const Split &split, const ShardingRule &rule, MeshAttr mesh) {
    FactorSplits factors(rule.factors.size());
    projectToFactors(dim, split, rule, mesh, [&](unsigned factor, Split part) { factors[factor] = part; });
    return factors;
  }
};

} // namespace

TEST_F(ProjectionTest, WholeDimensionIsWholeFactors) {
  World world(context, {{"t", 3}});
  ShardingRule rule = pairRule(3, 4);
  for (const Split &part : project({{0, 1}, 1}, Split(), rule, world.mesh))
    EXPECT_TRUE(part.axes.empty());
}

TEST_F(ProjectionTest, OuterFactorTakesTheAxesUntilItIsUsedUp) {
  World world(context, {{"d", 2}, {"t", 3}});
  ShardingRule rule = pairRule(2, 6);
  FactorSplits factors = project({{0, 1}, 1}, over({"d", "t"}), rule, world.mesh);
  EXPECT_EQ(factors[0].axes, over({"d"}).axes);
  EXPECT_EQ(factors[1].axes, over({"t"}).axes);
}

TEST_F(ProjectionTest, SplitOuterFactorIsAUnitOfTheDimension) {
  World world(context, {{"t", 2}});
  ShardingRule rule = pairRule(9, 64);
  Split split = projectToDim({{0, 1}, 1}, FactorSplits{over({"t"}), Split()}, rule, world.mesh);
  EXPECT_EQ(split.axes, over({"t"}).axes);
  EXPECT_EQ(split.unit, 64);
}

TEST_F(ProjectionTest, FactorWithARepeatIsARepeatOfTheDimension) {
  World world(context, {{"t", 2}});
  ShardingRule rule;
  rule.addFactor(9);
  Split split = projectToDim({{0}, 3}, FactorSplits{over({"t"})}, rule, world.mesh);
  EXPECT_EQ(split.unit, 1);
  EXPECT_EQ(split.repeat, 3);
  FactorSplits back = project({{0}, 3}, split, rule, world.mesh);
  EXPECT_EQ(back[0].repeat, 1);
}

// What factors can say of a dimension, the dimension says back: the same layout, or fewer axes.
TEST_F(ProjectionTest, DimensionToFactorsAndBackKeepsTheLayout) {
  World world(context, {{"d", 2}, {"t", 3}});
  for (int64_t a = 1; a <= 9; ++a)
    for (int64_t b = 1; b <= 6; ++b)
      for (const std::vector<StringRef> &axes : std::vector<std::vector<StringRef>>{{"d"}, {"t"}, {"d", "t"}})
        for (int64_t unit : {int64_t(1), b}) {
          ShardingRule rule = pairRule(a, b);
          Split split = over(axes, unit);
          SCOPED_TRACE("(" + std::to_string(a) + " " + std::to_string(b) + ") as " + name(split));
          Split back = projectToDim({{0, 1}, 1}, project({{0, 1}, 1}, split, rule, world.mesh), rule, world.mesh);
          ASSERT_LE(back.axes.size(), split.axes.size());
          EXPECT_TRUE(std::equal(back.axes.begin(), back.axes.end(), split.axes.begin()));
          if (a % world.mesh.sizeOf(split.axes) == 0) {
            EXPECT_EQ(back.axes, split.axes);
            EXPECT_TRUE(sameLayout(back, split, a * b, world.mesh));
          }
        }
}

// A reshape of local shapes is the local shape of the reshape: what partitioning relies on, for all splits of the
// factors that projectToDim can say.
TEST_F(ProjectionTest, LocalReshapeHoldsTheSameElements) {
  World world(context, {{"d", 2}, {"t", 3}});
  std::vector<Split> splits = {Split(), over({"d"}), over({"t"}), over({"d", "t"})};
  int64_t compared = 0;
  for (int64_t a = 1; a <= 8; ++a)
    for (int64_t b = 1; b <= 6; ++b)
      for (const Split &outer : splits)
        for (const Split &inner : splits) {
          if (llvm::any_of(outer.axes, [&](StringAttr x) { return llvm::is_contained(inner.axes, x); }))
            continue;
          ShardingRule rule = pairRule(a, b);
          FactorSplits factors = {outer, inner};
          SCOPED_TRACE("(" + std::to_string(a) + " " + std::to_string(b) + ") as " + name(outer) + name(inner));
          Split coarse = projectToDim({{0, 1}, 1}, factors, rule, world.mesh);
          if (coarse.axes.size() != outer.axes.size() + inner.axes.size())
            continue; // cannot be said: the caller must not split the fine side so either
          ++compared;
          Sharding fineSharding = Sharding::whole(2), coarseSharding = Sharding::whole(1);
          fineSharding.dims = {outer, inner};
          coarseSharding.dims = {coarse};
          Devices fine = world.place(world.type({a, b}), fineSharding, {}),
                  flat = world.place(world.type({a * b}), coarseSharding, {});
          for (int64_t rank = 0; rank < world.mesh.devices(); ++rank) {
            ASSERT_EQ(fine[rank].elements.size(), flat[rank].elements.size()) << "rank " << rank;
            for (size_t i = 0; i < fine[rank].elements.size(); ++i)
              EXPECT_EQ(fine[rank].elements[i], flat[rank].elements[i]) << "rank " << rank << ", element " << i;
          }
        }
  EXPECT_GT(compared, 100);
}
