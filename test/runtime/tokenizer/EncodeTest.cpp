#include "SmallTokenizer.h"

#include <gtest/gtest.h>

using namespace tp::rt;
using namespace tp::rt::test;

TEST(Encode, MergesInTheOrderOfTheList) {
  Tokenizer tokenizer = make(byteLevelFile());
  EXPECT_EQ(tokenizer.encode("hello", false, false), Ids{259});
  EXPECT_EQ(tokenizer.encode("hell hel", false, false), (Ids{258, ' ', 256, 'l'}));
}

TEST(Encode, EmptyTextHasNoTokens) { EXPECT_EQ(make(byteLevelFile()).encode("", false, true), Ids{}); }

TEST(Encode, AddSpecialPutsBosFirst) { EXPECT_EQ(make(byteLevelFile()).encode("h", true, true), (Ids{300, 'h'})); }

TEST(Encode, SpecialTokensAreTextUnlessAskedFor) {
  Tokenizer tokenizer = make(byteLevelFile());
  EXPECT_EQ(tokenizer.encode("h<|end|>h", false, true), (Ids{'h', 300, 'h'}));
  EXPECT_EQ(tokenizer.encode("<|end|>", false, false), (Ids{'<', '|', 'e', 'n', 'd', '|', '>'}));
}

TEST(Encode, PlainAddedTokensAreAlwaysFound) {
  EXPECT_EQ(make(byteLevelFile()).encode("xadded", false, false), (Ids{'x', 301}));
}

TEST(Encode, LongestAddedTokenWins) {
  json file = byteLevelFile();
  file["added_tokens"].push_back({{"id", 302}, {"content", "addedmore"}, {"special", false}});
  EXPECT_EQ(make(file).encode("addedmoreadded", false, true), (Ids{302, 301}));
}

TEST(Encode, UnknownCharactersBecomeBytes) {
  // U+00E9 is C3 A9.
  EXPECT_EQ(make(markedFile()).encode("a a\u00e9", false, false), (Ids{4, 4, 5 + 0xC3, 5 + 0xA9}));
}

TEST(Encode, UnknownCharactersWithoutBytesAreFused) {
  json file = markedFile();
  file["model"]["byte_fallback"] = false;
  EXPECT_EQ(make(file).encode("axyz", false, false), (Ids{4, 0}));
  file["model"]["fuse_unk"] = false;
  EXPECT_EQ(make(file).encode("axyz", false, false), (Ids{4, 0, 0, 0}));
}

TEST(Encode, IgnoreMergesTakesWholeWords) {
  json file = byteLevelFile();
  file["model"]["merges"] = json::array();
  file["model"]["ignore_merges"] = true;
  EXPECT_EQ(make(file).encode("hello", false, false), Ids{259});
}

TEST(Encode, InvalidUtf8IsAnError) {
  Tokenizer tokenizer = make(byteLevelFile());
  for (const char *text : {"\xff", "ab\xc3", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80"}) {
    try {
      tokenizer.encode(text, false, false);
      FAIL() << text;
    } catch (const std::runtime_error &error) {
      EXPECT_NE(std::string(error.what()).find("UTF-8"), std::string::npos);
    }
  }
}

TEST(Encode, AWordOfAMillionBytesIsQuick) {
  json file = byteLevelFile();
  file["pre_tokenizer"]["use_regex"] = false;
  std::string text;
  for (int i = 0; i < 200000; ++i)
    text += "hello";
  EXPECT_EQ(make(file).encode(text, false, false), Ids(200000, 259));
}

TEST(Encode, MergeChainOverTheWholeWordIsQuick) {
  // Each merge doubles the length: a, aa, aaaa, ...
  json vocab = json::object(), merges = json::array();
  std::string token = "a";
  for (int i = 0; i < 14; ++i, token += token) {
    vocab[token] = i;
    if (i + 1 < 14)
      merges.push_back(json::array({token, token}));
  }
  json file = {{"model", {{"type", "BPE"}, {"vocab", vocab}, {"merges", merges}}}};
  EXPECT_EQ(make(file).encode(std::string(1 << 18, 'a'), false, false), Ids(1 << 5, 13));
}

TEST(Vocabulary, FindsTokensBothWays) {
  Tokenizer tokenizer = make(byteLevelFile());
  EXPECT_EQ(tokenizer.vocabSize(), 302);
  EXPECT_EQ(tokenizer.tokenToId("<|end|>"), 300);
  EXPECT_EQ(tokenizer.tokenToId("hello"), 259);
  EXPECT_EQ(tokenizer.tokenToId("nothing"), std::nullopt);
  EXPECT_EQ(tokenizer.idToToken(301), "added");
  EXPECT_EQ(tokenizer.idToToken(280), std::nullopt);
  EXPECT_EQ(tokenizer.idToToken(-1), std::nullopt);
  EXPECT_TRUE(tokenizer.isSpecial(300));
  EXPECT_FALSE(tokenizer.isSpecial(301));
}
