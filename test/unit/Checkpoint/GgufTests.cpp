//===- GgufTests.cpp - Reading GGUF files, and refusing bad ones ---------------------------------------------===//
#include "TestFiles.h"

using namespace tp;
using namespace tp::test;

namespace {

std::string errorOf(const GgufBuilder &builder) {
  TempDir dir;
  return openError(dir.write("model.gguf", builder.build()));
}

TEST(Gguf, listsTensorsOutermostDimensionFirst) {
  TempDir dir;
  auto checkpoint = Checkpoint::open(dir.write("model.gguf", llamaGguf().build()));
  ASSERT_EQ(checkpoint->tensors().size(), 1u);
  EXPECT_EQ(checkpoint->tensors()[0].shape, (std::vector<int64_t>{8, 32}));
  EXPECT_EQ(checkpoint->tensors()[0].typeName, "F32");
  EXPECT_EQ(checkpoint->find("output.weight"), nullptr);
  EXPECT_TRUE(checkpoint->hasWeights());
  EXPECT_EQ(checkpoint->format(), "gguf");
}

TEST(Gguf, readsOnlyTheRowsAskedFor) {
  TempDir dir;
  auto checkpoint = Checkpoint::open(dir.write("model.gguf", llamaGguf().build()));
  std::vector<float> rows(64, -1);
  checkpoint->readRows(*checkpoint->find("token_embd.weight"), 3, 1, rows.data());
  EXPECT_EQ(rows[0], 96);
  EXPECT_EQ(rows[31], 127);
  EXPECT_EQ(rows[32], -1);
}

TEST(Gguf, refusesRowsOutsideTheTensor) {
  TempDir dir;
  auto checkpoint = Checkpoint::open(dir.write("model.gguf", llamaGguf().build()));
  const TensorInfo &tensor = *checkpoint->find("token_embd.weight");
  float value;
  EXPECT_THROW(checkpoint->readRows(tensor, 8, 1, &value), Error);
  EXPECT_THROW(checkpoint->readRows(tensor, -1, 1, &value), Error);
  EXPECT_THROW(checkpoint->readRows(tensor, 1, INT64_MAX, &value), Error);
  EXPECT_NO_THROW(checkpoint->readRows(tensor, 8, 0, nullptr));
}

TEST(Gguf, readsVersion2) {
  TempDir dir;
  GgufBuilder builder = llamaGguf();
  builder.version = 2;
  EXPECT_NO_THROW(Checkpoint::open(dir.write("model.gguf", builder.build())));
}

TEST(Gguf, honoursAlignment) {
  for (uint32_t alignment : {1u, 8u, 4096u}) {
    TempDir dir;
    GgufBuilder builder = llamaGguf();
    builder.u32("general.alignment", alignment).alignment = alignment;
    auto checkpoint = Checkpoint::open(dir.write("model.gguf", builder.build()));
    std::vector<float> values = readAll(*checkpoint, "token_embd.weight");
    EXPECT_EQ(values[0], 0);
    EXPECT_EQ(values[255], 255);
  }
}

TEST(Gguf, expectChecksNameShapeAndType) {
  TempDir dir;
  GgufBuilder builder = llamaGguf();
  builder.tensor("k", {1, 256}, 14, std::string(210, '\0'));
  auto checkpoint = Checkpoint::open(dir.write("model.gguf", builder.build()));
  auto messageOf = [&](const char *name, std::vector<int64_t> shape) -> std::string {
    try {
      checkpoint->expect(name, shape);
    } catch (const Error &error) {
      return error.what();
    }
    return "";
  };
  EXPECT_EQ(messageOf("token_embd.weight", {8, 32}), "");
  expectContains(messageOf("token_embd.weight", {8, 33}), "has shape [8, 32]; expected [8, 33]");
  expectContains(messageOf("missing", {1}), "expected tensor 'missing' [1], found none");
  EXPECT_EQ(messageOf("k", {1, 256}), "tensor 'k' has type Q6_K; expected one of F32, F16, BF16, Q8_0, Q4_0, Q4_1");
}

TEST(GgufErrors, unreadableTypeIsListedAndRefusedWhenRead) {
  TempDir dir;
  GgufBuilder builder = llamaGguf();
  builder.tensor("new", {4}, 77, std::string(4, '\0'));
  auto checkpoint = Checkpoint::open(dir.write("model.gguf", builder.build()));
  float values[4];
  EXPECT_THROW(checkpoint->readRows(*checkpoint->find("new"), 0, 4, values), Error);
  EXPECT_EQ(checkpoint->find("new")->typeName, "number 77");
}

TEST(GgufErrors, wrongMagic) {
  GgufBuilder builder = llamaGguf();
  builder.magic = "GGML";
  expectContains(errorOf(builder), "begins with 'GGUF', found 'GGML'");
}

TEST(GgufErrors, emptyFileDirectoryWithoutConfigAndNothing) {
  TempDir dir;
  expectContains(openError(dir.write("empty.gguf", "")), "found ''");
  expectContains(openError(dir.path()), "expected config.json, found none");
  expectContains(openError(dir.file("absent.gguf")), "found nothing at");
  expectContains(openError("/dev/null"), "not a regular file");
}

TEST(GgufErrors, otherVersions) {
  for (uint32_t version : {0u, 1u, 4u, 0x03000000u}) {
    GgufBuilder builder = llamaGguf();
    builder.version = version;
    expectContains(errorOf(builder), "expected GGUF version 2 or 3, found " + std::to_string(version));
  }
}

TEST(GgufErrors, everyTruncationIsRefused) {
  TempDir dir;
  std::string bytes = llamaGguf().build();
  for (size_t size = 0; size < bytes.size(); size += size < 2000 ? 1 : 61)
    openError(dir.write("model.gguf", bytes.substr(0, size)));
}

TEST(GgufErrors, absurdCounts) {
  GgufBuilder manyTensors = llamaGguf();
  manyTensors.extraTensors = uint64_t(1) << 60;
  expectContains(errorOf(manyTensors), "found a count of 1152921504606846977");
  GgufBuilder manyKeys = llamaGguf();
  manyKeys.extraKeys = uint64_t(1) << 60;
  expectContains(errorOf(manyKeys), "metadata keys");
  GgufBuilder longArray = llamaGguf();
  longArray.key("x", GgufBuilder::Array, rawBytes(uint32_t(GgufBuilder::U64)) + rawBytes(uint64_t(1) << 61));
  expectContains(errorOf(longArray), "array elements");
  GgufBuilder longString = llamaGguf();
  longString.key("x", GgufBuilder::String, rawBytes(~uint64_t(0)));
  expectContains(errorOf(longString), "truncated or damaged");
}

TEST(GgufErrors, arrayOfArraysAndUnknownMetadataType) {
  GgufBuilder nested = llamaGguf();
  nested.key("x", GgufBuilder::Array, rawBytes(uint32_t(GgufBuilder::Array)) + rawBytes(uint64_t(0)));
  expectContains(errorOf(nested), "array of arrays");
  GgufBuilder unknown = llamaGguf();
  unknown.key("x", 13, "");
  expectContains(errorOf(unknown), "expected a metadata type from 0 to 12 at key 'x', found 13");
}

TEST(GgufErrors, tensorOutsideTheFile) {
  expectContains(errorOf(llamaGguf().tensor("far", {32}, 0, "", 1 << 20)), "tensor 'far' at offset 1048576");
  expectContains(errorOf(llamaGguf().tensor("big", {1 << 20}, 0, "")), "expected 4194304 bytes of tensor 'big'");
  expectContains(errorOf(llamaGguf().tensor("odd", {1}, 0, "", 4)), "multiple of 32");
}

TEST(GgufErrors, overlappingTensors) {
  expectContains(errorOf(llamaGguf().tensor("over", {32}, 0, "", 32)), "do not overlap");
}

TEST(GgufErrors, overflowingShape) {
  uint64_t huge = uint64_t(1) << 40;
  expectContains(errorOf(llamaGguf().tensor("t", {huge, huge}, 0, "")), "below 2^63 elements");
  expectContains(errorOf(llamaGguf().tensor("t", {~uint64_t(0)}, 0, "")), "below 2^63 elements");
  expectContains(errorOf(llamaGguf().tensor("t", {uint64_t(1) << 62}, 0, "")), "below 2^64 bytes");
  expectContains(errorOf(llamaGguf().tensor("t", {1, 1, 1, 1, 1}, 0, "")), "at most 4 dimensions");
}

TEST(GgufErrors, quantisedRowOfPartialBlock) {
  expectContains(errorOf(llamaGguf().tensor("t", {2, 33}, 8, "")), "multiple of 32 elements (Q8_0)");
}

TEST(GgufErrors, duplicateNames) {
  expectContains(errorOf(llamaGguf().tensor("token_embd.weight", {1}, 0, "1234")), "found 'token_embd.weight' twice");
  expectContains(errorOf(llamaGguf().u32("llama.block_count", 3)), "found 'llama.block_count' twice");
}

TEST(GgufErrors, namesAreEscaped) {
  expectContains(errorOf(llamaGguf().tensor("a\nb", {1 << 20}, 0, "")), "'a\\x0ab'");
}

TEST(GgufErrors, alignmentThatIsNoPowerOfTwo) {
  expectContains(errorOf(llamaGguf().u32("general.alignment", 24)), "power of two");
  expectContains(errorOf(llamaGguf().u32("general.alignment", 0)), "power of two");
}

TEST(GgufErrors, partOfASplitModel) {
  expectContains(errorOf(llamaGguf().u32("split.count", 3)),
                 "expected the first of 3 parts, a file NAME-00001-of-00003.gguf");
  expectContains(errorOf(llamaGguf().u32("split.count", 3000000)), "split.count");
  TempDir folder;
  std::string first = folder.write("m-00001-of-00002.gguf", llamaGguf().u32("split.count", 2).build());
  expectContains(openError(first), "m-00002-of-00002.gguf");
  folder.write("m-00002-of-00002.gguf", llamaGguf().u32("split.count", 2).build());
  expectContains(openError(first), "found 'token_embd.weight' twice");
}

} // namespace
