// Laws of Geometry, over all small dimensions.
#include "tp/Sharding/Geometry.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <set>
#include <vector>

using namespace tp;

namespace {

std::string name(const Geometry &g) {
  return "size " + std::to_string(g.size) + ", parts " + std::to_string(g.parts) + ", unit " + std::to_string(g.unit) +
         ", repeat " + std::to_string(g.repeat);
}

// Every geometry with at most 12 elements and 9 devices, and larger repeats than devices or elements.
template <typename Fn> void forEachGeometry(Fn check) {
  for (int64_t size = 1; size <= 12; ++size)
    for (int64_t parts = 1; parts <= 9; ++parts)
      for (int64_t unit = 1; unit <= size; ++unit)
        for (int64_t repeat = 1; repeat <= 5; ++repeat)
          if (size % unit == 0) {
            Geometry g{size, parts, unit, repeat};
            SCOPED_TRACE(name(g));
            check(g);
          }
}

// The definition in #tp.split, element by element: what the virtual blocks [r*c, (r+1)*c) touch.
std::set<int64_t> elementsByDefinition(const Geometry &g, int64_t part) {
  int64_t blocks = g.size / g.unit, total = blocks * g.repeat, chunk = (total + g.parts - 1) / g.parts;
  std::set<int64_t> elements;
  for (int64_t v = part * chunk; v < std::min((part + 1) * chunk, total); ++v)
    for (int64_t e = 0; e < g.unit; ++e)
      elements.insert(v / g.repeat * g.unit + e);
  return elements;
}

std::set<int64_t> window(const Geometry &g, int64_t part) {
  std::set<int64_t> elements;
  for (int64_t i = 0; i < g.valid(part); ++i)
    elements.insert(g.start(part) + i);
  return elements;
}

} // namespace

TEST(Geometry, WindowsHoldWhatTheDefinitionSays) {
  forEachGeometry([](const Geometry &g) {
    for (int64_t r = 0; r < g.parts; ++r) {
      std::set<int64_t> have = window(g, r), want = elementsByDefinition(g, r);
      // A shard may be larger than what its virtual blocks touch, never smaller.
      EXPECT_TRUE(std::includes(have.begin(), have.end(), want.begin(), want.end())) << "device " << r;
    }
  });
}

TEST(Geometry, WindowsCoverTheDimension) {
  forEachGeometry([](const Geometry &g) {
    std::set<int64_t> all;
    for (int64_t r = 0; r < g.parts; ++r)
      all.merge(window(g, r));
    ASSERT_EQ(all.size(), size_t(g.size));
    EXPECT_EQ(*all.begin(), 0);
    EXPECT_EQ(*all.rbegin(), g.size - 1);
  });
}

TEST(Geometry, StartsAreMonotone) {
  forEachGeometry([](const Geometry &g) {
    EXPECT_EQ(g.start(0), 0);
    for (int64_t r = 1; r < g.parts; ++r)
      EXPECT_LE(g.start(r - 1), g.start(r)) << "device " << r;
  });
}

TEST(Geometry, StartsAndLocalSizesAreWholeUnits) {
  forEachGeometry([](const Geometry &g) {
    EXPECT_EQ(g.local() % g.unit, 0);
    for (int64_t r = 0; r < g.parts; ++r)
      EXPECT_EQ(g.start(r) % g.unit, 0);
  });
}

TEST(Geometry, LocalIsTheLargestShard) {
  forEachGeometry([](const Geometry &g) {
    int64_t most = 0;
    for (int64_t r = 0; r < g.parts; ++r)
      most = std::max<int64_t>(most, elementsByDefinition(g, r).size());
    EXPECT_EQ(g.local(), most);
  });
}

TEST(Geometry, ValidIsWithinTheShardAndTheDimension) {
  forEachGeometry([](const Geometry &g) {
    for (int64_t r = 0; r < g.parts; ++r) {
      EXPECT_GE(g.valid(r), 0);
      EXPECT_LE(g.valid(r), g.local());
      if (g.valid(r) > 0)
        EXPECT_LE(g.start(r) + g.valid(r), g.size);
    }
  });
}

TEST(Geometry, PaddedMeansThatAShardIsNotFull) {
  forEachGeometry([](const Geometry &g) {
    bool padded = false;
    for (int64_t r = 0; r < g.parts; ++r)
      padded |= g.valid(r) < g.local();
    EXPECT_EQ(g.padded(), padded);
  });
}

TEST(Geometry, OverlapsMeansThatDevicesShareElements) {
  forEachGeometry([](const Geometry &g) {
    size_t held = 0;
    for (int64_t r = 0; r < g.parts; ++r)
      held += window(g, r).size();
    // Shards that could overlap need not: it is enough that none do where overlaps() is false.
    if (!g.overlaps())
      EXPECT_EQ(held, size_t(g.size));
    if (held > size_t(g.size))
      EXPECT_TRUE(g.overlaps());
  });
}

TEST(Geometry, DisjointWindowsPartitionTheDimension) {
  forEachGeometry([](const Geometry &g) {
    llvm::SmallVector<int64_t> starts, lengths;
    g.disjointWindows(starts, lengths);
    ASSERT_EQ(starts.size(), size_t(g.parts));
    ASSERT_EQ(lengths.size(), size_t(g.parts));
    std::multiset<int64_t> covered;
    for (int64_t r = 0; r < g.parts; ++r) {
      std::set<int64_t> own = window(g, r);
      EXPECT_GE(lengths[r], 0);
      EXPECT_LE(lengths[r], g.local());
      // What is gathered from a device lies at the front of its shard.
      if (lengths[r] > 0)
        EXPECT_EQ(starts[r], g.start(r)) << "device " << r;
      for (int64_t i = 0; i < lengths[r]; ++i) {
        EXPECT_TRUE(own.count(starts[r] + i)) << "device " << r << " does not hold element " << starts[r] + i;
        covered.insert(starts[r] + i);
      }
    }
    ASSERT_EQ(covered.size(), size_t(g.size));
    for (int64_t i = 0; i < g.size; ++i)
      EXPECT_EQ(covered.count(i), 1u) << "element " << i;
  });
}

TEST(Geometry, CanonicalKeepsTheLayout) {
  forEachGeometry([](const Geometry &g) {
    Geometry c = g.canonical();
    EXPECT_TRUE(c.sameAs(g));
    EXPECT_EQ(c.local(), g.local());
    for (int64_t r = 0; r < g.parts; ++r)
      EXPECT_EQ(window(c, r), window(g, r)) << "device " << r;
    EXPECT_LE(c.unit, g.unit);
    EXPECT_LE(c.repeat, g.repeat);
    Geometry again = c.canonical();
    EXPECT_EQ(again.unit, c.unit);
    EXPECT_EQ(again.repeat, c.repeat);
  });
}

TEST(Geometry, SameAsIsAnEquivalenceThatSeesTheWindows) {
  for (int64_t size = 1; size <= 12; ++size)
    for (int64_t parts = 1; parts <= 5; ++parts)
      for (int64_t unit : {1, 2, 3, 4, 6})
        for (int64_t other : {1, 2, 3, 4, 6}) {
          if (size % unit || size % other)
            continue;
          Geometry a{size, parts, unit}, b{size, parts, other};
          SCOPED_TRACE(name(a) + " and " + name(b));
          bool equal = a.local() == b.local();
          for (int64_t r = 0; r < parts; ++r)
            equal &= window(a, r) == window(b, r);
          EXPECT_EQ(a.sameAs(b), equal);
          EXPECT_EQ(b.sameAs(a), equal);
        }
}

// 3 kv heads of 64 that follow 9 query heads, for each degree that the model is tested with.
TEST(Geometry, KvHeadsFollowTheirQueryHeads) {
  for (int64_t parts : {1, 2, 3, 4, 5, 7, 9}) {
    Geometry query{9 * 64, parts, 64}, kv{3 * 64, parts, 64, 3};
    SCOPED_TRACE(name(query));
    for (int64_t r = 0; r < parts; ++r)
      for (int64_t element : window(query, r)) {
        int64_t head = element / 64;
        EXPECT_TRUE(window(kv, r).count(head / 3 * 64))
            << "device " << r << " reads kv head " << head / 3 << " for query head " << head;
        // Its place in the shard, as tp.sdpa computes it: (h + o) / group - o / group.
        int64_t o = query.virtualStart(r) / 64, local = head - o;
        EXPECT_EQ((local + o) / 3 - o / 3, head / 3 - kv.start(r) / 64);
      }
  }
}
