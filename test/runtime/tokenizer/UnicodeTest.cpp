#include "tokenizer/Unicode.h"
#include "tokenizer/Utf8.h"

#include <gtest/gtest.h>

using namespace tp::rt;

TEST(Utf8, FindsTheFirstBadByte) {
  EXPECT_EQ(utf8::findInvalid("a\u00e9\U0001f600"), std::nullopt);
  EXPECT_EQ(utf8::findInvalid("ab\xc3"), 2u);
  EXPECT_EQ(utf8::findInvalid("\xc0\x80"), 0u);     // overlong
  EXPECT_EQ(utf8::findInvalid("\xed\xa0\x80"), 0u); // surrogate
  EXPECT_EQ(utf8::findInvalid("\xf4\x90\x80\x80"), 0u);
  EXPECT_EQ(utf8::findInvalid("\xf8"), 0u);
}

TEST(Utf8, TellsIncompleteFromInvalid) {
  EXPECT_EQ(utf8::next("\xf0\x9f").status, utf8::Status::Incomplete);
  EXPECT_EQ(utf8::next("\xf0\x20").status, utf8::Status::Invalid);
  EXPECT_EQ(utf8::next("\xf0\x9f\x98\x80").codePoint, U'\U0001f600');
}

TEST(Normalization, ComposesAndDecomposes) {
  EXPECT_EQ(toNfc("e\u0301"), "\u00e9");
  EXPECT_EQ(toNfd("\u00e9"), "e\u0301");
  EXPECT_EQ(toNfc("\u212b"), "\u00c5");               // a character that stands for another
  EXPECT_EQ(toNfc("\u0958"), "\u0915\u093c");         // excluded from composition
  EXPECT_EQ(toNfc("q\u0307\u0323"), "q\u0323\u0307"); // marks are ordered by class
  EXPECT_EQ(toNfc("a\u0323\u0302"), "\u1ead");        // composes twice
}

TEST(Normalization, HangulIsComposedByArithmetic) {
  EXPECT_EQ(toNfc("\u1112\u1161\u11ab"), "\ud55c");
  EXPECT_EQ(toNfd("\ud55c"), "\u1112\u1161\u11ab");
}

TEST(Normalization, BlockedMarksStayApart) { EXPECT_EQ(toNfc("a\u0305\u0301"), "a\u0305\u0301"); }

TEST(Normalization, LongRunsOfMarksAreQuick) {
  std::string marks;
  for (int i = 0; i < 100000; ++i)
    marks += i % 2 ? "\u0301" : "\u0323";
  EXPECT_EQ(utf8::length(toNfd("a" + marks)), 100001u);
}

TEST(Space, IsCountedAtBothEnds) {
  EXPECT_EQ(spacesAtStart(" \u3000x"), 4u);
  EXPECT_EQ(spacesAtEnd("x\u3000 "), 4u);
  EXPECT_EQ(spacesAtEnd("  "), 2u);
  EXPECT_EQ(spacesAtStart(""), 0u);
}
