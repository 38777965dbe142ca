#include "core/Sampler.h"

#include "core/Error.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>

namespace tp::rt::test {
namespace {

std::map<int32_t, int> draw(Sampling sampling, std::vector<float> logits, int count) {
  Sampler sampler(sampling, 0, int64_t(logits.size()));
  std::map<int32_t, int> found;
  for (int i = 0; i < count; ++i)
    ++found[sampler.choose(logits, i)];
  return found;
}

TEST(Argmax, TheLowestOfEqualOnesWins) {
  std::vector<float> logits(100, 1);
  logits[17] = logits[18] = logits[99] = 2;
  EXPECT_EQ(argmax(logits), 17);
  EXPECT_EQ(argmax(std::vector<float>{-5}), 0);
}

TEST(Argmax, NaNNeverWins) {
  std::vector<float> logits(40, NAN);
  logits[33] = -3;
  EXPECT_EQ(argmax(logits), 33);
}

TEST(Argmax, NothingFiniteIsAnError) {
  EXPECT_THROW(argmax(std::vector<float>(5, NAN)), Error);
  EXPECT_THROW(argmax(std::vector<float>(5, -INFINITY)), Error);
  EXPECT_THROW(argmax(std::vector<float>{1, INFINITY}), Error);
}

TEST(Sampler, TemperatureZeroIsGreedy) { EXPECT_EQ(draw({}, {1, 3, 2}, 50), (std::map<int32_t, int>{{1, 50}})); }

TEST(Sampler, FrequenciesFollowTheSoftmax) {
  auto found = draw({.temperature = 2, .seed = 5}, {0, 2 * std::log(3.0f), -INFINITY}, 40000);
  EXPECT_NEAR(found[0], 10000, 500);
  EXPECT_NEAR(found[1], 30000, 500);
  EXPECT_EQ(found.count(2), 0u);
}

TEST(Sampler, TopKKeepsTheKMostLikely) {
  auto found = draw({.temperature = 10, .topK = 2}, {5, 1, 4, 3}, 2000);
  EXPECT_EQ(found.size(), 2u);
  EXPECT_TRUE(found.count(0) && found.count(2));
}

TEST(Sampler, TopKKeepsTokensThatAreEquallyLikely) {
  EXPECT_EQ(draw({.temperature = 1, .topK = 2}, {1, 2, 1, 0}, 2000).size(), 3u);
}

TEST(Sampler, TopPKeepsTheFewestThatReachIt) {
  // probabilities 0.5, 0.3, 0.15, 0.05
  std::vector<float> logits{std::log(0.15f), std::log(0.5f), std::log(0.05f), std::log(0.3f)};
  EXPECT_EQ(draw({.temperature = 1, .topP = 0.7}, logits, 5000).size(), 2u);
  EXPECT_EQ(draw({.temperature = 1, .topP = 0.9}, logits, 5000).size(), 3u);
  EXPECT_EQ(draw({.temperature = 1, .topP = 0.01}, logits, 500), (std::map<int32_t, int>{{1, 500}}));
}

TEST(Sampler, TheSeedAndTheSequenceDecide) {
  std::vector<float> logits(50, 0);
  auto tokens = [&](uint64_t seed, int64_t index) {
    Sampler sampler({.temperature = 1, .seed = seed}, index, 50);
    std::vector<int32_t> list;
    for (int i = 0; i < 20; ++i)
      list.push_back(sampler.choose(logits, i));
    return list;
  };
  EXPECT_EQ(tokens(1, 0), tokens(1, 0));
  EXPECT_NE(tokens(1, 0), tokens(2, 0));
  EXPECT_NE(tokens(1, 0), tokens(1, 1));
}

} // namespace
} // namespace tp::rt::test
