//===- SafetensorsTests.cpp - Reading safetensors files, and refusing bad ones -------------------------------===//
#include "TestFiles.h"

using namespace tp;
using namespace tp::test;

namespace {

const std::string eightFloats = floats({0, 1, 2, 3, 4, 5, 6, 7});

/// Writes a model's directory whose only weight file has this header and data.
std::string writeModel(const TempDir &dir, const std::string &bytes) {
  dir.write("config.json", llamaConfig().dump());
  dir.write("model.safetensors", bytes);
  return dir.path();
}

std::string errorOf(const std::string &header, const std::string &data = eightFloats) {
  TempDir dir;
  return openError(writeModel(dir, safetensors(header, data)));
}

std::string indexError(const std::string &index) {
  TempDir dir;
  dir.write("config.json", llamaConfig().dump());
  dir.write("model.safetensors.index.json", index);
  dir.write("one.safetensors",
            safetensors(R"({"a": {"dtype": "F32", "shape": [8], "data_offsets": [0, 32]}})", eightFloats));
  return openError(dir.path());
}

TEST(Safetensors, readsTensorsOfEachType) {
  TempDir dir;
  std::string header = R"({"__metadata__": {"format": "pt"},
    "a": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]},
    "b": {"dtype": "F16", "shape": [2], "data_offsets": [24, 28]},
    "c": {"dtype": "BF16", "shape": [], "data_offsets": [28, 30]}})";
  std::string data =
      floats({1, 2, 3, 4, 5, 6}) + rawBytes(uint16_t(0x3c00)) + rawBytes(uint16_t(0xc000)) + rawBytes(uint16_t(0x3f80));
  auto checkpoint = Checkpoint::open(writeModel(dir, safetensors(header, data)));
  EXPECT_EQ(checkpoint->tensors().size(), 3u);
  EXPECT_EQ(checkpoint->format(), "huggingface");
  EXPECT_EQ(readAll(*checkpoint, "a"), (std::vector<float>{1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(readAll(*checkpoint, "b"), (std::vector<float>{1, -2}));
  EXPECT_EQ(readAll(*checkpoint, "c"), (std::vector<float>{1}));
}

TEST(Safetensors, readsShardsThroughAnIndex) {
  TempDir dir;
  dir.write("config.json", llamaConfig().dump());
  dir.write("one.safetensors",
            safetensors(R"({"a": {"dtype": "F32", "shape": [8], "data_offsets": [0, 32]}})", eightFloats));
  dir.write("two.safetensors", safetensors(R"({"b": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]},
      "unlisted": {"dtype": "F32", "shape": [1], "data_offsets": [8, 12]}})",
                                           floats({9, 10, 11})));
  dir.write("model.safetensors.index.json",
            R"({"metadata": {}, "weight_map": {"a": "one.safetensors", "b": "two.safetensors"}})");
  auto checkpoint = Checkpoint::open(dir.path());
  EXPECT_EQ(checkpoint->tensors().size(), 2u);
  EXPECT_EQ(readAll(*checkpoint, "a")[7], 7);
  EXPECT_EQ(readAll(*checkpoint, "b"), (std::vector<float>{9, 10}));
}

TEST(Safetensors, configAloneHasNoWeights) {
  TempDir dir;
  dir.write("config.json", llamaConfig().dump());
  auto checkpoint = Checkpoint::open(dir.path());
  EXPECT_FALSE(checkpoint->hasWeights());
  EXPECT_EQ(checkpoint->tokenizerJson(), "");
  dir.write("tokenizer.json", "{}");
  EXPECT_EQ(checkpoint->tokenizerJson(), dir.file("tokenizer.json"));
}

TEST(SafetensorsErrors, typeThatCannotBeReadIsNamedWhenRead) {
  TempDir dir;
  std::string header = R"({"n": {"dtype": "I64", "shape": [4], "data_offsets": [0, 32]}})";
  auto checkpoint = Checkpoint::open(writeModel(dir, safetensors(header, eightFloats)));
  try {
    checkpoint->checkReadable(*checkpoint->find("n"));
    FAIL();
  } catch (const Error &error) {
    EXPECT_STREQ(error.what(), "tensor 'n' has type I64; expected one of F32, F16, BF16, Q8_0, Q4_0, Q4_1");
  }
}

TEST(SafetensorsErrors, headerBeyondTheFile) {
  TempDir dir;
  expectContains(openError(writeModel(dir, rawBytes(~uint64_t(0)) + "{}")), "found a length of 18446744073709551615");
  expectContains(openError(writeModel(dir, rawBytes(uint64_t(3)) + "{}")), "truncated or damaged");
  expectContains(openError(writeModel(dir, "abc")), "found 3 bytes");
  expectContains(openError(writeModel(dir, "")), "found 0 bytes");
}

TEST(SafetensorsErrors, badJson) {
  expectContains(errorOf("{\"a\": }"), "expected JSON in '");
  expectContains(errorOf("[1]"), "expected a JSON object in '");
  expectContains(errorOf(std::string(100000, '[')), "nested at most 64 deep");
  expectContains(errorOf(R"({"a": 1})"), "expected an object with \"dtype\"");
}

TEST(SafetensorsErrors, duplicateNames) {
  expectContains(errorOf(R"({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]},
                             "a": {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]}})"),
                 "found 'a' twice");
}

TEST(SafetensorsErrors, badShapes) {
  auto shape = [](const std::string &text) {
    return errorOf(R"({"a": {"dtype": "F32", "shape": )" + text + R"(, "data_offsets": [0, 4]}})");
  };
  expectContains(shape("[-1]"), "found the size -1");
  expectContains(shape("[1.5]"), "found the size 1.5");
  expectContains(shape("[\"x\"]"), "not a number");
  expectContains(shape("[18446744073709551615]"), "found the size 18446744073709551615");
  expectContains(shape("[4294967296, 4294967296]"), "2^63 elements or more");
  expectContains(shape("[4611686018427387905]"), "expected [4611686018427387905] elements of F32");
  expectContains(shape("7"), "found another value");
  expectContains(shape("[2]"), "found data_offsets of 4 bytes");
}

TEST(SafetensorsErrors, badOffsets) {
  auto offsets = [](const std::string &text) {
    return errorOf(R"({"a": {"dtype": "F32", "shape": [1], "data_offsets": )" + text + "}}");
  };
  expectContains(offsets("[32, 36]"), "within the 32 bytes of data");
  expectContains(offsets("[8, 4]"), "found [8, 4]");
  expectContains(offsets("[-4, 0]"), "two offsets");
  expectContains(offsets("[0]"), "two offsets");
  expectContains(errorOf(R"({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]},
                             "b": {"dtype": "F32", "shape": [2], "data_offsets": [4, 12]}})"),
                 "found 'a' and 'b' at byte");
}

TEST(SafetensorsErrors, badIndex) {
  expectContains(indexError("{"), "expected JSON in '");
  expectContains(indexError("{}"), "expected key 'weight_map'");
  expectContains(indexError(R"({"weight_map": []})"), "expected an object at key 'weight_map'");
  expectContains(indexError(R"({"weight_map": {"a": 1}})"), "expected the name of a file for tensor 'a'");
  expectContains(indexError(R"({"weight_map": {"a": "../one.safetensors"}})"), "beside the index");
  expectContains(indexError(R"({"weight_map": {"a": "two.safetensors"}})"), "expected shard 'two.safetensors'");
  expectContains(indexError(R"({"weight_map": {"b": "one.safetensors"}})"),
                 "expected tensor 'b' in shard 'one.safetensors'");
  expectContains(indexError(R"({"weight_map": {"a": "one.safetensors", "a": "one.safetensors"}})"), "'a' twice");
}

} // namespace
