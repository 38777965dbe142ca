// What stands in the weight files.
#include "TestPackage.h"

using namespace tp;
using namespace tp::test;

using cpu::Layout;

namespace {

void expectAllRanks(const TestModel &model) {
  std::string package = model.dir.file("package");
  model.write(package);
  for (int64_t rank = 0; rank < model.ranks(); ++rank)
    model.expectWeights(package, rank);
}

constexpr cpu::ElementType f32 = cpu::ElementType::f32, bf16 = cpu::ElementType::bf16;
const TestSplit tp1{{"tp"}};

TEST(Weights, splitRowsAndColumnsAndNeither) {
  expectAllRanks(TestModel({{"tp", 3}}, {{"up", {96, 40}, {tp1}, f32, Layout::panel},
                                         {"down", {40, 96}, {{}, tp1}, f32, Layout::panel},
                                         {"norm", {40}, {}},
                                         {"bias", {96}, {tp1}}}));
}

TEST(Weights, padWhatDoesNotDivideWithZeros) {
  for (int64_t parts : {2, 3, 5, 7, 40})
    expectAllRanks(TestModel({{"tp", parts}}, {{"vocabulary", {37, 21}, {tp1}, bf16, Layout::panel},
                                               {"columns", {21, 37}, {{}, tp1}, bf16, Layout::panel},
                                               {"bias", {37}, {tp1}}}));
}

// 3 kv heads that follow 9 query heads: a head lives on two ranks where the cut falls inside its group.
TEST(Weights, kvHeadsOverlapWhereTheCutFallsInsideAGroup) {
  for (int64_t parts : {1, 2, 3, 4, 5, 7, 9, 11})
    expectAllRanks(TestModel({{"tp", parts}}, {{"k", {3 * 8, 24}, {{{"tp"}, 8, 3}}, f32, Layout::panel},
                                               {"bias", {3 * 8}, {{{"tp"}, 8, 3}}}}));
}

// A fused query/key/value weight: a rank has its share of each of the three.
TEST(Weights, outerPartsAreSplitEachByItself) {
  for (int64_t parts : {1, 2, 3, 5})
    expectAllRanks(TestModel({{"tp", parts}}, {{"rows", {3 * 8, 24}, {{{"tp"}, 1, 1, 3}}, f32, Layout::panel},
                                               {"columns", {24, 3 * 8}, {{}, {{"tp"}, 2, 1, 3}}, bf16, Layout::panel},
                                               {"bias", {3 * 8}, {{{"tp"}, 4, 1, 3}}}}));
}

// With fewer key and value heads than query heads.
TEST(Weights, sectionsAreSplitEachByItself) {
  for (int64_t parts : {1, 2, 3, 5})
    expectAllRanks(
        TestModel({{"tp", parts}}, {{"rows", {6 * 8, 24}, {{{"tp"}, 1, 1, 1, {4, 1, 1}}}, f32, Layout::panel},
                                    {"columns", {24, 2 * 5 * 8}, {{}, {{"tp"}, 2, 1, 2, {3, 2}}}, bf16, Layout::panel},
                                    {"bias", {6 * 8}, {{{"tp"}, 2, 2, 1, {4, 1, 1}}}}}));
}

TEST(Weights, severalAxesInAnyOrder) {
  TestModel::Mesh mesh{{"dp", 2}, {"tp", 3}, {"ep", 2}};
  expectAllRanks(TestModel(mesh, {{"a", {50, 18}, {{{"tp", "dp"}}, {{"ep"}}}},
                                  {"b", {50, 18}, {{{"dp", "ep"}}, {{"tp"}}}, bf16, Layout::panel},
                                  {"c", {7}, {{{"ep", "tp", "dp"}}}}}));
}

TEST(Weights, otherRanksAreRowsTimesTheLastDimension) {
  expectAllRanks(
      TestModel({{"ep", 2}, {"tp", 2}}, {{"experts", {3, 10, 12}, {{{"ep"}}, tp1}, f32, Layout::panel},
                                         {"middle", {3, 10, 12}, {{}, {{"ep"}}, tp1}},
                                         {"four", {2, 3, 5, 6}, {{}, {{"tp"}}, {{"ep"}}}, bf16, Layout::panel}}));
}

TEST(Weights, tensorsOfManyBlocks) {
  // Rows of 3000 are read 80 at a time.
  expectAllRanks(TestModel({{"tp", 3}}, {{"rows", {700, 3000}, {tp1}, f32, Layout::panel},
                                         {"columns", {333, 3000}, {{}, tp1}, bf16, Layout::panel}}));
}

// Tied embeddings: the table is looked up in one layout and multiplied in another.
TEST(Weights, sameTensorInTwoLayouts) {
  expectAllRanks(TestModel({{"tp", 3}}, {{"embedding", {37, 16}, {tp1}, bf16, Layout::plain},
                                         {"embedding", {37, 16}, {tp1}, bf16, Layout::panel}}));
}

TEST(Weights, randomModels) {
  for (unsigned seed = 0; seed < 60; ++seed) {
    std::mt19937 random(seed);
    auto pick = [&](int64_t low, int64_t high) { return std::uniform_int_distribution<int64_t>(low, high)(random); };
    TestModel::Mesh mesh{{"x", pick(1, 4)}, {"y", pick(1, 4)}};
    std::vector<TestWeight> weights;
    for (int64_t i = pick(1, 4); i > 0; --i) {
      TestWeight weight{"w" + std::to_string(i), {}, {}};
      std::vector<std::string> axes{"x", "y"};
      std::shuffle(axes.begin(), axes.end(), random);
      for (int64_t dim = pick(1, 3); dim > 0; --dim) {
        TestSplit split{{}, pick(1, 4), pick(1, 3), pick(1, 2), {}};
        int64_t sections = pick(0, 3) ? 1 : 5;
        if (sections > 1)
          split.sections = {2, 3};
        for (int64_t count = pick(0, int64_t(axes.size())); count > 0; --count, axes.pop_back())
          split.axes.push_back(axes.back());
        weight.shape.push_back(split.unit * split.outer * sections * pick(1, 12));
        weight.splits.push_back(split);
      }
      weight.type = pick(0, 1) ? f32 : bf16;
      weight.layout = pick(0, 1) ? Layout::plain : Layout::panel;
      weights.push_back(weight);
    }
    SCOPED_TRACE("seed " + std::to_string(seed));
    expectAllRanks(TestModel(mesh, weights, seed));
  }
}

TEST(Weights, ranksWithTheSameSlicesShareAFile) {
  TestModel model({{"dp", 2}, {"tp", 3}}, {{"up", {96, 40}, {tp1}}, {"norm", {40}}});
  std::string package = model.dir.file("package");
  model.write(package);
  nlohmann::json files = readManifest(package)["weight_files"];
  nlohmann::json expected = {"weights/0.bin", "weights/1.bin", "weights/2.bin",
                             "weights/0.bin", "weights/1.bin", "weights/2.bin"};
  EXPECT_EQ(files, expected);
  EXPECT_EQ(readFolder(package + "/weights").size(), 3u);
}

TEST(Weights, replicasAreOneFile) {
  TestModel model({{"tp", 5}}, {{"up", {96, 40}}, {"norm", {40}}});
  model.write(model.dir.file("package"));
  EXPECT_EQ(readFolder(model.dir.file("package") + "/weights").size(), 1u);
}

TEST(Weights, sameBytesWithAnyNumberOfThreads) {
  TestModel model({{"tp", 3}}, {{"up", {700, 3000}, {tp1}, bf16, Layout::panel}, {"norm", {40}}});
  model.threads = 1;
  model.write(model.dir.file("one"));
  for (unsigned threads : {0, 2, 5}) {
    model.threads = threads;
    model.write(model.dir.file("more"));
    EXPECT_EQ(readFolder(model.dir.file("one")), readFolder(model.dir.file("more"))) << threads;
  }
}

TEST(Weights, progressEndsAtTheTotal) {
  TestModel model({{"tp", 3}}, {{"up", {700, 3000}, {tp1}}, {"norm", {40}}});
  int64_t last = 0, all = 0;
  model.write(model.dir.file("package"), [&](int64_t done, int64_t total) {
    EXPECT_GT(done, last);
    EXPECT_LE(done, total);
    last = done;
    all = total;
  });
  EXPECT_EQ(last, all);
  EXPECT_EQ(all, 3 * (234 * 3000 + 40) * 4);
}

} // namespace
