#include "SmallTokenizer.h"

#include <gtest/gtest.h>

#include <fstream>

using namespace tp::rt;
using namespace tp::rt::test;

namespace {
/// The message of the error that `text` gives, or "" when it loads.
std::string errorOf(const std::string &text) {
  try {
    Tokenizer::parse(text).encode("hello <|end|> added \u00e9 12", true, true);
    return "";
  } catch (const std::runtime_error &error) {
    return error.what();
  }
}

void expectError(const json &file, const std::string &part) {
  std::string error = errorOf(file.dump());
  EXPECT_NE(error.find(part), std::string::npos) << "expected " << part << ", found: " << error;
  EXPECT_EQ(error.find('\n'), std::string::npos) << error;
}

/// Puts a wrong value in the place of each value of the file, one at a time.
void spoilEach(const json &file, const json::json_pointer &at, const json &wrong, int &errors) {
  json spoilt = file;
  spoilt[at] = wrong;
  errors += !errorOf(spoilt.dump()).empty();
  const json &value = file[at];
  if (value.is_array())
    for (size_t i = 0; i < value.size(); ++i)
      spoilEach(file, at / i, wrong, errors);
  else if (value.is_object() && value.size() < 100)
    for (const auto &[key, unused] : value.items())
      spoilEach(file, at / key, wrong, errors);
}
} // namespace

TEST(BadFiles, MissingFileNamesItsPath) {
  try {
    Tokenizer::load("no/such/tokenizer.json");
    FAIL();
  } catch (const std::runtime_error &error) {
    EXPECT_STREQ(error.what(), "no/such/tokenizer.json: cannot read the file");
  }
}

TEST(BadFiles, EachTruncationIsAnError) {
  json file = byteLevelFile();
  file["model"]["vocab"] = {{"a", 0}};
  file["model"]["merges"] = json::array();
  std::string text = file.dump();
  for (size_t length = 0; length < text.size(); ++length)
    EXPECT_NE(errorOf(text.substr(0, length)), "") << length;
}

TEST(BadFiles, WrongValuesAnywhereNeverCrash) {
  for (const json &file : {byteLevelFile(), markedFile()})
    for (const json &wrong : {json(nullptr), json(-1), json(1e300), json("x"), json(true), json::array({1, "a"}),
                              json{{"type", "Sequence"}}, json(4'000'000'000u)}) {
      int errors = 0;
      spoilEach(file, json::json_pointer(""), wrong, errors);
      EXPECT_GT(errors, 0);
    }
}

TEST(BadFiles, UnknownModelTypeIsNamed) {
  json file = byteLevelFile();
  file["model"]["type"] = "Unigram";
  expectError(file, "model: expected type 'BPE', found 'Unigram'");
  expectError(json::object(), "model: expected an object, found null");
}

TEST(BadFiles, UnknownPartsAreNamed) {
  for (const char *key : {"normalizer", "pre_tokenizer", "decoder", "post_processor"}) {
    json file = byteLevelFile();
    file[key] = {{"type", "Novel"}};
    expectError(file, "'Novel'");
    expectError(file, key);
  }
}

TEST(BadFiles, MergeOfUnknownTokensIsNamed) {
  json file = byteLevelFile();
  file["model"]["merges"].push_back("q z");
  expectError(file, "'qz' in merge 4");
  file["model"]["merges"].back() = "nospace";
  expectError(file, "'nospace'");
}

TEST(BadFiles, TwoTokensOfOneIdAreNamed) {
  json file = byteLevelFile();
  file["model"]["vocab"]["other"] = 259;
  expectError(file, "id 259, found 'hello' and 'other'");
  file = byteLevelFile();
  file["added_tokens"][0]["id"] = 301;
  expectError(file, "id 301, found '<|end|>' and 'added'");
}

TEST(BadFiles, HugeIdsAreRefused) {
  json file = byteLevelFile();
  file["model"]["vocab"]["other"] = 4'000'000'000u;
  expectError(file, "4000000000");
}

TEST(BadFiles, DeepNestingIsRefused) {
  for (auto [key, list] : {std::pair("normalizer", "normalizers"), std::pair("pre_tokenizer", "pretokenizers"),
                           std::pair("decoder", "decoders"), std::pair("post_processor", "processors")}) {
    std::string open, close;
    for (int i = 0; i < 50000; ++i) {
      open += std::string(R"({"type":"Sequence",")") + list + "\":[";
      close += "]}";
    }
    std::string text = byteLevelFile().dump();
    text = "{\"" + std::string(key) + "\":" + open + close + "," +
           json{{"model", byteLevelFile()["model"]}}.dump().substr(1);
    EXPECT_NE(errorOf(text).find("nested"), std::string::npos) << key;
  }
}

TEST(BadFiles, EmptyPatternsDoNotHang) {
  for (const char *pattern : {"", "a*", "(?=l)", "\\b|"}) {
    json file = byteLevelFile();
    json cut = {{"type", "Split"}, {"pattern", {{"Regex", pattern}}}, {"behavior", "Isolated"}, {"invert", false}};
    file["pre_tokenizer"] = {{"type", "Sequence"}, {"pretokenizers", {cut, file["pre_tokenizer"]}}};
    errorOf(file.dump());
    cut["pattern"] = {{"String", ""}};
    file["pre_tokenizer"]["pretokenizers"][0] = cut;
    EXPECT_EQ(errorOf(file.dump()), "");
  }
}

TEST(BadFiles, SelfReferringTemplateDoesNotHang) {
  json file = byteLevelFile();
  file["post_processor"]["single"] = json::array({{{"Sequence", {{"id", "A"}}}}, {{"Sequence", {{"id", "A"}}}}});
  expectError(file, "once");
}

TEST(BadFiles, PatternThatExplodesIsAnError) {
  json file = byteLevelFile();
  json cut = {{"type", "Split"}, {"pattern", {{"Regex", "(x+x+)+[yz]"}}}, {"behavior", "Isolated"}};
  file["pre_tokenizer"] = {{"type", "Sequence"}, {"pretokenizers", {cut, file["pre_tokenizer"]}}};
  EXPECT_THROW(make(file).encode(std::string(60, 'x'), false, false), std::runtime_error);
}
