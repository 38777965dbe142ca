#include "SmallTokenizer.h"

#include <gtest/gtest.h>

using namespace tp::rt;
using namespace tp::rt::test;

namespace {
constexpr const char *kFace = "\U0001f600"; // F0 9F 98 80
const Ids kFaceBytes = {0xF0, 0x9F, 0x98, 0x80};

std::vector<std::string> stream(const Tokenizer &tokenizer, const Ids &ids, bool skipSpecial = true) {
  StreamDecoder decoder(tokenizer, skipSpecial);
  std::vector<std::string> pieces;
  for (int32_t id : ids)
    pieces.push_back(decoder.push(id));
  pieces.push_back(decoder.finish());
  return pieces;
}

Ids marked(const Ids &bytes) {
  Ids ids;
  for (int32_t byte : bytes)
    ids.push_back(5 + byte);
  return ids;
}
} // namespace

TEST(Decode, GivesTheTextBack) {
  Tokenizer tokenizer = make(byteLevelFile());
  std::string text = std::string("hello \u00e9\n") + kFace;
  EXPECT_EQ(tokenizer.decode(tokenizer.encode(text, true, true), true), text);
}

TEST(Decode, SkipsSpecialTokensWhenAsked) {
  Tokenizer tokenizer = make(byteLevelFile());
  EXPECT_EQ(tokenizer.decode(Ids{'h', 300, 'h'}, true), "hh");
  EXPECT_EQ(tokenizer.decode(Ids{'h', 300, 'h'}, false), "h<|end|>h");
}

TEST(Decode, IdsWithoutATokenStandForNothing) {
  EXPECT_EQ(make(byteLevelFile()).decode(Ids{'h', -1, 280, 99999, 'h'}, false), "hh");
}

TEST(Decode, IncompleteCharacterIsOneReplacement) {
  EXPECT_EQ(make(byteLevelFile()).decode(Ids{'a', 0xF0, 0x9F}, false), "a\uFFFD");
}

TEST(Decode, ByteFallbackReplacesEachByteOfABadRun) {
  Ids ids = marked({0xC3, 0xA9, 0xF0});
  ids.insert(ids.begin(), 4);
  EXPECT_EQ(make(markedFile()).decode(ids, false), "a\uFFFD\uFFFD\uFFFD");
}

TEST(Decode, OneSpaceIsStrippedFromTheStart) { EXPECT_EQ(make(markedFile()).decode(Ids{2, 4, 4}, false), " a a"); }

TEST(Stream, HoldsBackIncompleteCharacters) {
  std::vector<std::string> expected = {"", "", "", kFace, ""};
  EXPECT_EQ(stream(make(byteLevelFile()), kFaceBytes), expected);
  EXPECT_EQ(stream(make(markedFile()), marked(kFaceBytes)), expected);
}

TEST(Stream, GivesUpOnACharacterThatBreaksOff) {
  std::vector<std::string> expected = {"", "", "\uFFFDa", ""};
  EXPECT_EQ(stream(make(byteLevelFile()), {0xF0, 0x9F, 'a'}), expected);
}

TEST(Stream, FinishShowsWhatIsHeldBack) {
  std::vector<std::string> expected = {"a", "", "\uFFFD"};
  EXPECT_EQ(stream(make(byteLevelFile()), {'a', 0xC3}), expected);
}

TEST(Stream, StartsAgainAfterFinish) {
  Tokenizer tokenizer = make(markedFile());
  StreamDecoder decoder(tokenizer);
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(decoder.push(4), "a");
    EXPECT_EQ(decoder.push(4), " a");
    EXPECT_EQ(decoder.finish(), "");
  }
}

TEST(Stream, OutlivesItsTokenizer) {
  auto decoder = [] { return StreamDecoder(make(byteLevelFile())); }();
  EXPECT_EQ(decoder.push(259), "hello");
}
