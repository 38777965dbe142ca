// The C interface, used as C code uses it.
#include "tp_runtime.h"

#include "core/ToyPackage.h"

#include <gtest/gtest.h>

#include <string>

namespace tp::rt::test {
namespace {

TEST(CApi, OpensRunsAndCloses) {
  ScratchFolder scratch;
  writeToyPackage(scratch.path, 3);
  tp_package *package = tp_package_open(scratch.path.c_str());
  ASSERT_NE(package, nullptr) << tp_last_error();
  tp_package_info info;
  tp_package_describe(package, &info);
  EXPECT_EQ(info.ranks, 3);
  EXPECT_EQ(info.max_seq, toyMaxSeq);
  EXPECT_EQ(info.is_encoder, 0);
  tp_session *session = tp_session_open(package, 1);
  ASSERT_NE(session, nullptr) << tp_last_error();
  tp_package_close(package); // the session keeps what it needs

  auto tokens = toyPrompt(9);
  tp_prompt prompt{tokens.data(), int64_t(tokens.size())};
  tp_request request;
  tp_request_init(&request);
  request.prompts = &prompt;
  request.prompt_count = 1;
  request.max_tokens = 7;
  request.ignore_eos = 1;
  request.want_output = 1;
  int seen = 0;
  request.user = &seen;
  request.on_token = [](void *user, int64_t, int32_t) { return ++*static_cast<int *>(user); };
  ASSERT_EQ(tp_generate(session, &request), 1) << tp_last_error();
  EXPECT_EQ(seen, 7);
  int64_t count = 0;
  const int32_t *found = tp_result_tokens(session, 0, &count);
  EXPECT_EQ(std::vector<int32_t>(found, found + count), toyGreedy(tokens, 7));
  EXPECT_EQ(tp_result_tokens(session, 1, &count), nullptr);
  EXPECT_STREQ(tp_result_finish(session, 0), "length");
  int64_t shape[3];
  int32_t rank = 0;
  ASSERT_NE(tp_result_output(session, shape, &rank), nullptr);
  EXPECT_EQ(rank, 2);
  EXPECT_EQ(shape[0], 9);
  EXPECT_EQ(shape[1], toyVocab);
  tp_timing timing;
  tp_result_timing(session, &timing);
  EXPECT_EQ(timing.decode_tokens, 6);

  tokens[3] = 1000;
  EXPECT_EQ(tp_generate(session, &request), 0);
  EXPECT_STREQ(tp_last_error(), "prompt 1: token 1000 is not in the vocabulary, 0 to 36");
  tp_session_close(session);
}

TEST(CApi, FailuresLeaveAMessage) {
  EXPECT_EQ(tp_package_open("/absent/package"), nullptr);
  EXPECT_STREQ(tp_last_error(), "/absent/package: expected a package folder");
  ScratchFolder scratch;
  writeToyPackage(scratch.path, 1);
  tp_package *package = tp_package_open(scratch.path.c_str());
  ASSERT_NE(package, nullptr);
  int32_t tokens[4];
  EXPECT_EQ(tp_tokenize(package, "hello", tokens, 4), -1);
  EXPECT_STREQ(tp_last_error(), "the package has no tokenizer");
  EXPECT_EQ(tp_session_open(package, -1), nullptr);
  tp_package_close(package);
}

} // namespace
} // namespace tp::rt::test
