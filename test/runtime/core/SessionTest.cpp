// Generation with the toy package, as threads, against what the toy must compute.
#include "core/Session.h"

#include "core/Generation.h"
#include "core/ToyPackage.h"

#include <gtest/gtest.h>

#include <chrono>

namespace tp::rt::test {
namespace {

class SessionTest : public testing::TestWithParam<std::pair<int, int>> {
protected:
  void SetUp() override { writeToyPackage(scratch.path, GetParam().first); }
  Session open() { return Session(std::make_shared<const Package>(scratch.path), {GetParam().second, nullptr}); }
  static Request request(std::vector<std::vector<int32_t>> prompts, int64_t count) {
    Request r;
    r.prompts = std::move(prompts);
    r.maxTokens = count;
    r.ignoreEos = true;
    return r;
  }
  ScratchFolder scratch;
};

TEST_P(SessionTest, GreedyTokensOfEveryPromptLength) {
  Session session = open();
  for (int length = 1; length <= 40; ++length) {
    auto prompt = toyPrompt(length);
    EXPECT_EQ(session.generate(request({prompt}, 10)).sequences[0].tokens, toyGreedy(prompt, 10)) << length;
  }
}

TEST_P(SessionTest, PromptsOfDifferentLengthsDoNotDisturbEachOther) {
  Session session = open();
  for (auto [a, b] : {std::pair{1, 40}, {40, 1}, {16, 17}, {4, 33}, {20, 20}}) {
    auto first = toyPrompt(a, 2), second = toyPrompt(b, 3);
    Result result = session.generate(request({first, second}, 12));
    EXPECT_EQ(result.sequences[0].tokens, toyGreedy(first, 12)) << a << " beside " << b;
    EXPECT_EQ(result.sequences[1].tokens, toyGreedy(second, 12)) << b << " beside " << a;
    EXPECT_EQ(result.prefill.tokens, a + b);
    EXPECT_EQ(result.decode.tokens, 22);
  }
}

TEST_P(SessionTest, LogitsOfEveryPosition) {
  Session session = open();
  auto first = toyPrompt(21), second = toyPrompt(9, 4);
  Request r = request({first, second}, 3);
  r.wantOutput = true;
  Result result = session.generate(r);
  ASSERT_EQ(result.outputShape, (std::vector<int64_t>{2, 21, toyVocab}));
  for (int b = 0; b < 2; ++b)
    for (int p = 0; p < 21; ++p) {
      const auto &prompt = b == 0 ? first : second;
      std::vector<float> expected(toyVocab);
      if (p < int(prompt.size()))
        expected = toyLogits({prompt.begin(), prompt.begin() + p + 1});
      std::vector<float> found(result.output.begin() + (b * 21 + p) * toyVocab,
                               result.output.begin() + (b * 21 + p + 1) * toyVocab);
      EXPECT_EQ(found, expected) << "prompt " << b << ", position " << p;
    }
  EXPECT_EQ(result.sequences[1].tokens, toyGreedy(second, 3));
  r.prompts = {first};
  r.maxTokens = 0;
  result = session.generate(r);
  EXPECT_EQ(result.outputShape, (std::vector<int64_t>{21, toyVocab}));
  EXPECT_TRUE(result.sequences[0].tokens.empty());
}

TEST_P(SessionTest, TheEndOfTheCacheEndsTheSequence) {
  Session session = open();
  auto prompt = toyPrompt(60);
  Result result = session.generate(request({prompt}, 100));
  EXPECT_EQ(result.sequences[0].tokens, toyGreedy(prompt, 5)); // the fifth needs no place in the cache
  EXPECT_EQ(result.sequences[0].finish, Finish::maxSeq);
  auto full = toyPrompt(64), other = toyPrompt(3);
  result = session.generate(request({full, other}, 8));
  EXPECT_EQ(result.sequences[0].tokens, toyGreedy(full, 1));
  EXPECT_EQ(result.sequences[1].tokens, toyGreedy(other, 8));
  EXPECT_EQ(result.sequences[1].finish, Finish::length);
}

TEST_P(SessionTest, TheCallbackSeesEveryTokenAndCanStop) {
  Session session = open();
  auto prompt = toyPrompt(5);
  Request r = request({prompt}, 20);
  std::vector<int32_t> seen;
  r.onToken = [&](int64_t, int32_t token) {
    seen.push_back(token);
    return seen.size() < 4;
  };
  Result result = session.generate(r);
  EXPECT_EQ(seen, toyGreedy(prompt, 4));
  EXPECT_EQ(result.sequences[0].tokens, seen);
  EXPECT_EQ(result.sequences[0].finish, Finish::stopped);
}

TEST_P(SessionTest, AnEosEndsOneSequenceAlone) {
  Session session = open();
  // Prompts whose greedy continuation has the eos within ten tokens.
  std::vector<int32_t> ending;
  size_t at = 0;
  for (int seed = 0; seed < 300 && ending.empty(); ++seed) {
    auto tokens = toyGreedy(toyPrompt(6, seed), 10);
    at = size_t(std::find(tokens.begin(), tokens.end(), eosToken) - tokens.begin());
    if (at > 0 && at < 8)
      ending = toyPrompt(6, seed);
  }
  ASSERT_FALSE(ending.empty());
  Request r = request({ending, toyPrompt(7, 1)}, 10);
  r.ignoreEos = false;
  Result result = session.generate(r);
  EXPECT_EQ(result.sequences[0].tokens, toyGreedy(ending, int(at) + 1));
  EXPECT_EQ(result.sequences[0].finish, Finish::eos);
  r.ignoreEos = true;
  EXPECT_EQ(session.generate(r).sequences[0].tokens, toyGreedy(ending, 10));
}

TEST_P(SessionTest, StatsCountWhatRan) {
  Session session = open();
  session.generate(request({toyPrompt(20)}, 6)); // chunks of 16 and 4, then five steps
  auto stats = session.stats();
  ASSERT_EQ(int(stats.size()), GetParam().first);
  for (const RankStats &rank : stats) {
    ASSERT_EQ(rank.collectives.size(), 1u);
    EXPECT_EQ(rank.collectives[0].count, 7);
    EXPECT_EQ(rank.collectives[0].bytes, 7 * toyBatch * toyVocab * 4);
    EXPECT_EQ(rank.weightBytes, 12);
    EXPECT_EQ(rank.arenaBytes, 16384);
    EXPECT_GT(rank.peakRssBytes, 0);
  }
}

TEST_P(SessionTest, BadRequestsAreRefusedAndTheSessionGoesOn) {
  Session session = open();
  auto refused = [&](Request r, const std::string &message) {
    try {
      session.generate(r);
      ADD_FAILURE() << "accepted, expected: " << message;
    } catch (const Error &e) {
      EXPECT_EQ(std::string(e.what()), message);
    }
  };
  refused(request({}, 1), "no prompt");
  refused(request({{1}, {}}, 1), "prompt 2 is empty");
  refused(request({{1}, {1}, {1}}, 1), "the package runs 2 prompts at once (its batch), found 3");
  refused(request({{1, 37}}, 1), "prompt 1: token 37 is not in the vocabulary, 0 to 36");
  refused(request({{-1}}, 1), "prompt 1: token -1 is not in the vocabulary, 0 to 36");
  refused(request({std::vector<int32_t>(65, 1)}, 1), "prompt 1 has 65 tokens, the package holds max_seq 64");
  refused(request({{1}}, -1), "expected a number of tokens of 0 or more, found -1");
  EXPECT_EQ(session.generate(request({{1}}, 2)).sequences[0].tokens, toyGreedy({1}, 2));
}

std::string failureOf(Session &session, int32_t token) {
  Request r;
  r.prompts = {{1, 2, token}};
  try {
    session.generate(r);
  } catch (const Error &e) {
    return e.what();
  }
  return "none";
}

TEST_P(SessionTest, AFailingRankEndsTheRun) {
  Session session = open();
  std::string last = std::to_string(GetParam().first - 1);
  EXPECT_EQ(failureOf(session, failToken), "rank " + last + ": the program calls collective 99, the manifest has 2");
  EXPECT_EQ(failureOf(session, 3),
            "an earlier run failed: rank " + last + ": the program calls collective 99, the manifest has 2");
}

TEST_P(SessionTest, LogitsThatAreNotFiniteEndTheRun) {
  Session session = open();
  EXPECT_EQ(failureOf(session, nanToken), "rank 0: the logits are not finite");
}

TEST_P(SessionTest, AStalledThreadEndsTheRun) {
  auto [ranks, threads] = GetParam();
  if (ranks == 1 && threads == 1)
    GTEST_SKIP() << "there is no one to notice";
  setenv("TP_TIMEOUT", "0.3", 1);
  Session session = open();
  unsetenv("TP_TIMEOUT");
  auto begin = std::chrono::steady_clock::now();
  std::string message = failureOf(session, stallToken);
  EXPECT_EQ(message.find("rank " + std::to_string(ranks - 1) + ": stalled: "), 0u) << message;
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(4));
  // The sleeping thread is let go; it must find its memory when it wakes up.
}

INSTANTIATE_TEST_SUITE_P(Ranks, SessionTest,
                         testing::Values(std::pair{1, 1}, std::pair{1, 2}, std::pair{2, 1}, std::pair{3, 2},
                                         std::pair{7, 1}),
                         [](const auto &info) {
                           return std::to_string(info.param.first) + "x" + std::to_string(info.param.second);
                         });

TEST(Encoder, GivesTheHiddenStatesOfEveryPrompt) {
  ScratchFolder scratch;
  writeToyPackage(scratch.path, 2);
  writeManifest(scratch.path, toyEncoderManifest(2, true).dump());
  Session session(std::make_shared<const Package>(scratch.path), {2, nullptr});
  Request request;
  request.prompts = {{5, 6, 7}, {1}};
  Result result = session.generate(request);
  ASSERT_EQ(result.outputShape, (std::vector<int64_t>{2, 3, 8}));
  for (int p = 0; p < 3; ++p)
    EXPECT_EQ(result.output[size_t(p * 8 + 2)], float(500 + 100 * p + 2));
  EXPECT_EQ(result.output[3 * 8 + 1], 101);
  EXPECT_EQ(result.output[4 * 8 + 1], 0);
  request.prompts = {std::vector<int32_t>(17, 1)};
  EXPECT_THROW(session.generate(request), Error);
}

TEST(Encoder, WithoutLengthsTakesFullRowsAlone) {
  ScratchFolder scratch;
  writeToyPackage(scratch.path, 1);
  writeManifest(scratch.path, toyEncoderManifest(1, false).dump());
  Session session(std::make_shared<const Package>(scratch.path), {1, nullptr});
  Request request;
  request.prompts = {{5, 6, 7}};
  try {
    session.generate(request);
    ADD_FAILURE() << "accepted";
  } catch (const Error &e) {
    EXPECT_STREQ(e.what(), "prompt 1 has 3 tokens, the package encodes exactly 16");
  }
}

TEST(Chunks, PaddingIsPreferredToManyChunks) {
  Manifest manifest;
  manifest.maxSeq = 256;
  for (int rows : {128, 16})
    manifest.entries.push_back({"prefill", "", rows, {}, {}});
  auto rows = [&](int64_t start, int64_t remaining) {
    return Generation::chunkFor(manifest, "prefill", start, remaining).rows;
  };
  EXPECT_EQ(rows(0, 300), 128);
  EXPECT_EQ(rows(0, 128), 128);
  EXPECT_EQ(rows(0, 100), 128);
  EXPECT_EQ(rows(0, 32), 128);
  EXPECT_EQ(rows(0, 31), 16);
  EXPECT_EQ(rows(0, 16), 16);
  EXPECT_EQ(rows(0, 1), 16);
  EXPECT_EQ(rows(144, 100), 16); // 128 more would leave the cache
}

} // namespace
} // namespace tp::rt::test
