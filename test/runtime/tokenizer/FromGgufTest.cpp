#include "tokenizer/FromGguf.h"
#include "tokenizer/Tokenizer.h"

#include <gtest/gtest.h>

#include <cmath>

using namespace tp::rt;
using Ids = std::vector<int32_t>;

// The real file's keys, and other pre-tokenizers, are compared in test/python/tokenizer_test.py.

namespace {
GgufTokenizerMetadata byteLevel() {
  GgufTokenizerMetadata m;
  m.model = "gpt2";
  m.pre = "smollm";
  m.tokens = {"<|end|>", "a", "b", "ab", "1", "11", "<user>"};
  m.tokenTypes = {3, 1, 1, 1, 1, 1, 4};
  m.merges = {"a b", "1 1"};
  m.bosId = 0;
  return m;
}

GgufTokenizerMetadata sentencePiece() {
  GgufTokenizerMetadata m;
  m.model = "llama";
  m.tokens = {"<unk>", "<s>", "\u2581", "a", "b", "ab", "\u2581a", "ba"};
  m.tokenTypes = {2, 3, 1, 1, 1, 1, 1, 1};
  m.scores = {0, 0, -9, -9, -9, -2, -3, -1};
  m.bosId = 1;
  m.unknownId = 0;
  return m;
}

Tokenizer make(const GgufTokenizerMetadata &m) { return Tokenizer::parse(tokenizerJsonFromGguf(m).dump()); }

void expectError(const GgufTokenizerMetadata &m, const std::string &part) {
  try {
    tokenizerJsonFromGguf(m);
    FAIL() << "expected " << part;
  } catch (const std::runtime_error &error) {
    EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
  }
}
} // namespace

TEST(FromGguf, SmollmCutsDigits) {
  Tokenizer tokenizer = make(byteLevel());
  EXPECT_EQ(tokenizer.encode("ab11<|end|><user>", false, true), (Ids{3, 4, 4, 0, 6}));
  EXPECT_TRUE(tokenizer.isSpecial(0));
  EXPECT_FALSE(tokenizer.isSpecial(6));
}

TEST(FromGguf, Gpt2KeepsDigitsTogether) {
  GgufTokenizerMetadata m = byteLevel();
  m.pre = "gpt-2";
  EXPECT_EQ(make(m).encode("11", false, true), Ids{5});
}

TEST(FromGguf, BosIsAddedWhereTheFileOrTheKindSaysSo) {
  GgufTokenizerMetadata m = byteLevel();
  EXPECT_FALSE(addsBos(m));
  EXPECT_EQ(make(m).encode("a", true, true), Ids{1});
  m.addBos = true;
  EXPECT_TRUE(addsBos(m));
  EXPECT_EQ(make(m).encode("a", true, true), (Ids{0, 1}));
  m.addBos.reset();
  m.pre = "llama-bpe";
  EXPECT_TRUE(addsBos(m));
  EXPECT_TRUE(addsBos(sentencePiece()));
}

TEST(FromGguf, ScoresDecideWhatIsJoinedFirst) {
  // "▁aba": "ba" (-1) is joined before "ab" (-2), and "▁a" (-3) after.
  EXPECT_EQ(make(sentencePiece()).encode("aba", false, true), (Ids{6, 7}));
}

TEST(FromGguf, SpacePrefixCanBeOff) {
  GgufTokenizerMetadata m = sentencePiece();
  m.addSpacePrefix = false;
  EXPECT_EQ(make(m).encode("b a", false, true), (Ids{4, 6}));
  EXPECT_EQ(make(m).decode(Ids{6, 3}, true), " aa");
}

TEST(FromGguf, SameKeysGiveTheSameBytes) {
  EXPECT_EQ(tokenizerJsonFromGguf(sentencePiece()).dump(), tokenizerJsonFromGguf(sentencePiece()).dump());
}

TEST(FromGguf, BadKeysAreNamed) {
  auto m = byteLevel();
  m.pre = "nobody";
  expectError(m, "tokenizer.ggml.pre: expected one of default, ");
  m = byteLevel();
  m.model = "bert";
  expectError(m, "tokenizer.ggml.model: expected 'gpt2' or 'llama', found 'bert'");
  m = byteLevel();
  m.tokenTypes.pop_back();
  expectError(m, "tokenizer.ggml.token_type: expected 7 entries");
  m = byteLevel();
  m.bosId = 7;
  expectError(m, "tokenizer.ggml.bos_token_id: expected an id in 0..6, found 7");
  m = byteLevel();
  m.tokens[2] = "a";
  expectError(m, "each token once");
  m = byteLevel();
  m.tokens[2] = "\xff";
  expectError(m, "UTF-8");
  m = byteLevel();
  m.merges.clear();
  expectError(m, "merges");
  expectError({}, "model");
}

TEST(FromGguf, BadScoresAreNamed) {
  auto m = sentencePiece();
  m.scores.clear();
  expectError(m, "scores");
  m = sentencePiece();
  m.scores[3] = std::nanf("");
  expectError(m, "nan");
  m = sentencePiece();
  m.tokens[5] = std::string(1 << 20, 'a');
  expectError(m, "4096 bytes");
}
