//===- DequantizeTests.cpp - Each element type as float32 ----------------------------------------------------===//
#include "TestFiles.h"
#include <bit>
#include <cmath>

using namespace tp;
using namespace tp::test;

namespace {

enum Ggml : uint32_t { F32 = 0, F16 = 1, Q4_0 = 2, Q4_1 = 3, Q8_0 = 8, BF16 = 30 };

std::vector<float> readAs(uint32_t type, std::vector<uint64_t> shape, const std::string &bytes) {
  TempDir dir;
  auto checkpoint = Checkpoint::open(dir.write("model.gguf", llamaGguf().tensor("t", shape, type, bytes).build()));
  return readAll(*checkpoint, "t");
}

/// The value of an IEEE half by its definition.
float halfByDefinition(uint16_t bits) {
  int exponent = (bits >> 10) & 31, fraction = bits & 1023;
  float magnitude = exponent == 31  ? (fraction ? NAN : INFINITY)
                    : exponent == 0 ? std::ldexp(float(fraction), -24)
                                    : std::ldexp(float(fraction + 1024), exponent - 25);
  return bits & 0x8000 ? -magnitude : magnitude;
}

TEST(Dequantize, everyHalf) {
  std::string bytes;
  for (uint32_t bits = 0; bits < 65536; ++bits)
    bytes += rawBytes(uint16_t(bits));
  std::vector<float> values = readAs(F16, {65536}, bytes);
  for (uint32_t bits = 0; bits < 65536; ++bits) {
    float expected = halfByDefinition(uint16_t(bits));
    if (std::isnan(expected))
      EXPECT_TRUE(std::isnan(values[bits])) << bits;
    else
      EXPECT_EQ(std::bit_cast<uint32_t>(values[bits]), std::bit_cast<uint32_t>(expected)) << bits;
  }
}

TEST(Dequantize, bf16IsTheUpperHalfOfF32) {
  std::vector<float> values =
      readAs(BF16, {3}, rawBytes(uint16_t(0x3f80)) + rawBytes(uint16_t(0xc2f7)) + rawBytes(uint16_t(0x0001)));
  EXPECT_EQ(values[0], 1.0f);
  EXPECT_EQ(values[1], -123.5f);
  EXPECT_EQ(std::bit_cast<uint32_t>(values[2]), 0x10000u);
}

const std::string half = rawBytes(uint16_t(0x3800)); // 0.5
const std::string two = rawBytes(uint16_t(0x4000));  // 2.0

TEST(Dequantize, q8_0IsScaleTimesInt8) {
  std::string block = half;
  for (int i = 0; i < 32; ++i)
    block += char(i * 8 - 128);
  std::vector<float> values = readAs(Q8_0, {1, 32}, block);
  for (int i = 0; i < 32; ++i)
    EXPECT_EQ(values[size_t(i)], float(i * 8 - 128) / 2);
}

std::string nibbles() {
  std::string bytes;
  for (int i = 0; i < 16; ++i)
    bytes += char(i | (15 - i) << 4);
  return bytes;
}

TEST(Dequantize, q4_0IsScaleTimesNibbleLess8) {
  std::vector<float> values = readAs(Q4_0, {1, 32}, half + nibbles());
  for (size_t i = 0; i < 16; ++i) {
    EXPECT_EQ(values[i], (float(i) - 8) / 2);
    EXPECT_EQ(values[i + 16], (7 - float(i)) / 2);
  }
}

TEST(Dequantize, q4_1IsScaleTimesNibblePlusMinimum) {
  std::vector<float> values = readAs(Q4_1, {1, 32}, half + two + nibbles());
  for (size_t i = 0; i < 16; ++i) {
    EXPECT_EQ(values[i], float(i) / 2 + 2);
    EXPECT_EQ(values[i + 16], (15 - float(i)) / 2 + 2);
  }
}

TEST(Dequantize, quantisedVectorCanBeReadFromInsideABlock) {
  std::string blocks;
  for (int i = 0; i < 3; ++i) {
    blocks += half;
    for (int j = 0; j < 32; ++j)
      blocks += char(i * 32 + j);
  }
  TempDir dir;
  auto checkpoint = Checkpoint::open(dir.write("model.gguf", llamaGguf().tensor("t", {96}, Q8_0, blocks).build()));
  for (int64_t first = 0; first < 96; ++first)
    for (int64_t count : {int64_t(1), int64_t(5), int64_t(40), 96 - first}) {
      if (first + count > 96)
        continue;
      std::vector<float> values(size_t(count) + 1, -7);
      checkpoint->readRows(*checkpoint->find("t"), first, count, values.data());
      for (int64_t i = 0; i < count; ++i)
        ASSERT_EQ(values[size_t(i)], float(first + i) / 2);
      ASSERT_EQ(values.back(), -7);
    }
}

TEST(Dequantize, emptyTensorsReadAsNothing) {
  EXPECT_TRUE(readAs(F32, {0, 5}, "").empty());
  EXPECT_TRUE(readAs(Q8_0, {5, 0}, "").empty());
}

} // namespace
