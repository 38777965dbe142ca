#include "tokenizer/Regex.h"
#include "tokenizer/PreTokenizer.h"

#include <gtest/gtest.h>

#include <stdexcept>

using namespace tp::rt;

namespace {
std::vector<std::string> matches(std::string_view pattern, std::string_view text) {
  std::vector<std::string> found;
  for (Range range : Regex(pattern).findAll(text))
    found.emplace_back(text.substr(range.begin, range.end - range.begin));
  return found;
}

std::vector<std::string> pieces(std::string_view text, SplitBehavior behavior, bool invert = false) {
  std::vector<std::string> out;
  for (Range range : splitAt(text, Regex("-").findAll(text), behavior, invert))
    out.emplace_back(text.substr(range.begin, range.end - range.begin));
  return out;
}

using Texts = std::vector<std::string>;
} // namespace

TEST(Regex, MatchesUnicodeClasses) {
  EXPECT_EQ(matches(R"(\p{L}+|\p{N})", "\u00e9\u4f60 \u0661\u00b2"), (Texts{"\u00e9\u4f60", "\u0661", "\u00b2"}));
}

TEST(Regex, SpaceIsUnicodeWhiteSpace) {
  EXPECT_EQ(matches(R"(\s+)", "a\u3000\u0085b\u180ec"), Texts{"\u3000\u0085"});
  EXPECT_EQ(matches(R"([^\s]+)", "a\u3000b\u180ec"), (Texts{"a", "b\u180ec"}));
  EXPECT_EQ(matches(R"(\S+)", "a\u180e b"), (Texts{"a\u180e", "b"}));
}

TEST(Regex, ClassInsideAClassIsAUnion) { EXPECT_EQ(matches(R"( ?[^(\s|[.,!])]+)", "ab, cd!"), (Texts{"ab", " cd"})); }

TEST(Regex, ClosingBracketFirstIsACharacter) { EXPECT_EQ(matches("[]a]+", "x]a"), Texts{"]a"}); }

TEST(Regex, EmptyMatchesMoveOn) { EXPECT_EQ(matches("x*", "axb"), (Texts{"", "x", ""})); }

TEST(Regex, WhatDiffersIsRefused) {
  for (const char *pattern : {R"(\h)", R"(\bword)", "[a-z&&[^b]]", "[a[^b]]", "[a", "(", "a\\", "*"})
    EXPECT_THROW(Regex{pattern}, std::runtime_error) << pattern;
}

TEST(Regex, LongRunsAreQuick) {
  std::string spaces(1 << 20, ' ');
  EXPECT_EQ(matches(R"(\s+(?!\S)|\s+)", spaces + "x").size(), 2u);
}

TEST(Split, BehavesAsNamed) {
  EXPECT_EQ(pieces("a--b-", SplitBehavior::Removed), (Texts{"a", "b"}));
  EXPECT_EQ(pieces("a--b-", SplitBehavior::Isolated), (Texts{"a", "-", "-", "b", "-"}));
  EXPECT_EQ(pieces("a--b-", SplitBehavior::MergedWithPrevious), (Texts{"a-", "-", "b-"}));
  EXPECT_EQ(pieces("a--b-", SplitBehavior::MergedWithNext), (Texts{"a", "-", "-b", "-"}));
  EXPECT_EQ(pieces("a--b-", SplitBehavior::Contiguous), (Texts{"a", "--", "b", "-"}));
  EXPECT_EQ(pieces("a--b-", SplitBehavior::Removed, true), (Texts{"-", "-", "-"}));
}
