//===- Dequantize.cpp - Element types and their conversion to float32 ----------------------------------------===//
//
// Arithmetic is float32, as in the `gguf` package. A product of a half and a quantised integer is exact (11 + 8 bits),
// so a compiler that fuses it with the sum after it changes nothing. Formats and hosts are little-endian.
//
//===----------------------------------------------------------------------------------------------------------===//
#include "Dequantize.h"
#include <algorithm>
#include <bit>
#include <cstring>

static_assert(std::endian::native == std::endian::little, "checkpoints are read in the host's byte order");

namespace tp::checkpoint {
namespace {

constexpr int64_t quantBlock = 32;

/// IEEE half to single, exact; NaNs become quiet. Branches are selects, so that loops vectorise without F16C.
inline float halfToFloat(uint16_t half) {
  uint32_t magnitude = uint32_t(half & 0x7fff) << 13;
  // Read as a float this is the value times 2^-112, subnormals too; the multiplication is exact.
  float scaled = std::bit_cast<float>(magnitude) * 0x1p112f;
  uint32_t bits = std::bit_cast<uint32_t>(scaled);
  uint32_t special = magnitude | 0x7f800000u | ((half & 0x3ff) ? 0x400000u : 0u);
  bits = (half & 0x7c00) == 0x7c00 ? special : bits;
  return std::bit_cast<float>(bits | uint32_t(half & 0x8000) << 16);
}

template <typename T> inline T load(const uint8_t *from) {
  T value;
  std::memcpy(&value, from, sizeof(T));
  return value;
}

// Each of the functions below converts `count` blocks at `in`.

void fromF32(const uint8_t *in, int64_t count, float *out) { std::memcpy(out, in, size_t(count) * sizeof(float)); }

void fromF16(const uint8_t *in, int64_t count, float *out) {
  for (int64_t i = 0; i < count; ++i)
    out[i] = halfToFloat(load<uint16_t>(in + 2 * i));
}

void fromBF16(const uint8_t *in, int64_t count, float *out) {
  for (int64_t i = 0; i < count; ++i)
    out[i] = std::bit_cast<float>(uint32_t(load<uint16_t>(in + 2 * i)) << 16);
}

/// Block: half scale, 32 int8. Value: scale * q.
void fromQ8_0(const uint8_t *in, int64_t count, float *out) {
  for (int64_t block = 0; block < count; ++block, in += 34, out += quantBlock) {
    float scale = halfToFloat(load<uint16_t>(in));
    for (int64_t i = 0; i < quantBlock; ++i)
      out[i] = float(int8_t(in[2 + i])) * scale;
  }
}

/// Block: half scale, 16 bytes whose low nibbles are elements 0..15 and high nibbles 16..31. Value: scale * (q - 8).
void fromQ4_0(const uint8_t *in, int64_t count, float *out) {
  for (int64_t block = 0; block < count; ++block, in += 18, out += quantBlock) {
    float scale = halfToFloat(load<uint16_t>(in));
    for (int64_t i = 0; i < quantBlock / 2; ++i) {
      out[i] = scale * float(int(in[2 + i] & 15) - 8);
      out[i + 16] = scale * float(int(in[2 + i] >> 4) - 8);
    }
  }
}

/// Block: half scale, half minimum, nibbles as in Q4_0. Value: scale * q + minimum.
void fromQ4_1(const uint8_t *in, int64_t count, float *out) {
  for (int64_t block = 0; block < count; ++block, in += 20, out += quantBlock) {
    float scale = halfToFloat(load<uint16_t>(in));
    float minimum = halfToFloat(load<uint16_t>(in + 2));
    for (int64_t i = 0; i < quantBlock / 2; ++i) {
      out[i] = scale * float(in[4 + i] & 15) + minimum;
      out[i + 16] = scale * float(in[4 + i] >> 4) + minimum;
    }
  }
}

void convertBlocks(ElementType type, const uint8_t *in, int64_t count, float *out) {
  switch (type) {
  case ElementType::F32:
    return fromF32(in, count, out);
  case ElementType::F16:
    return fromF16(in, count, out);
  case ElementType::BF16:
    return fromBF16(in, count, out);
  case ElementType::Q8_0:
    return fromQ8_0(in, count, out);
  case ElementType::Q4_0:
    return fromQ4_0(in, count, out);
  case ElementType::Q4_1:
    return fromQ4_1(in, count, out);
  case ElementType::Other:
    return;
  }
}

} // namespace

BlockSize blockSizeOf(ElementType type) {
  switch (type) {
  case ElementType::F32:
    return {1, 4};
  case ElementType::F16:
  case ElementType::BF16:
    return {1, 2};
  case ElementType::Q8_0:
    return {quantBlock, 34};
  case ElementType::Q4_0:
    return {quantBlock, 18};
  case ElementType::Q4_1:
    return {quantBlock, 20};
  case ElementType::Other:
    break;
  }
  return {0, 0};
}

void dequantize(ElementType type, const uint8_t *data, int64_t first, int64_t count, float *out) {
  auto [elements, bytes] = blockSizeOf(type);
  if (count <= 0 || elements == 0)
    return;
  // Rows of matrices are whole blocks; only a slice of a quantised vector can begin or end inside one.
  auto partial = [&](int64_t block, int64_t skip, int64_t take) {
    float values[quantBlock];
    convertBlocks(type, data + block * bytes, 1, values);
    std::copy_n(values + skip, take, out);
    out += take;
  };
  int64_t last = first + count;
  if (first % elements) {
    int64_t take = std::min(count, elements - first % elements);
    partial(first / elements, first % elements, take);
    first += take;
  }
  int64_t whole = (last - first) / elements;
  convertBlocks(type, data + first / elements * bytes, whole, out);
  out += whole * elements;
  first += whole * elements;
  if (first < last)
    partial(first / elements, 0, last - first);
}

} // namespace tp::checkpoint
