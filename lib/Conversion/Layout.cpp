// Weight layouts; the kernels in Linear*.cpp and Lookup.cpp read what is packed here.
#include "tp/Conversion/CpuProgram.h"
#include <cstring>

namespace tp::cpu {

static constexpr int64_t kPanel = 16;

int64_t bytesOf(ElementType type) { return type == ElementType::bf16 ? 2 : 4; }

const char *nameOf(ElementType type) {
  return type == ElementType::f32 ? "f32" : type == ElementType::bf16 ? "bf16" : "i32";
}

const char *nameOf(Layout layout) { return layout == Layout::plain ? "plain" : "panel"; }

int64_t Weight::rows() const {
  int64_t rows = 1;
  for (size_t i = 0; i + 1 < shape.size(); ++i)
    rows *= shape[i];
  return rows;
}

int64_t packedBytes(Layout layout, ElementType type, int64_t rows, int64_t cols) {
  if (layout == Layout::plain)
    return rows * cols * bytesOf(type);
  int64_t paddedCols = type == ElementType::bf16 ? (cols + 1) / 2 * 2 : cols;
  return (rows + kPanel - 1) / kPanel * kPanel * paddedCols * bytesOf(type);
}

static uint16_t toBf16(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  if ((bits & 0x7fffffffu) > 0x7f800000u)
    return uint16_t(bits >> 16) | 0x40; // a NaN stays one
  return uint16_t((bits + 0x7fffu + ((bits >> 16) & 1)) >> 16);
}

static void store(ElementType type, void *dst, int64_t index, float value) {
  if (type == ElementType::bf16)
    static_cast<uint16_t *>(dst)[index] = toBf16(value);
  else if (type == ElementType::f32)
    static_cast<float *>(dst)[index] = value;
  else
    static_cast<int32_t *>(dst)[index] = int32_t(value);
}

void packWeight(Layout layout, ElementType type, int64_t rows, int64_t cols, const float *src, void *dst) {
  if (layout == Layout::plain) {
    for (int64_t i = 0; i < rows * cols; ++i)
      store(type, dst, i, src[i]);
    return;
  }
  int64_t pack = type == ElementType::bf16 ? 2 : 1, steps = (cols + pack - 1) / pack, index = 0;
  for (int64_t first = 0; first < rows; first += kPanel)
    for (int64_t step = 0; step < steps; ++step)
      for (int64_t row = first; row < first + kPanel; ++row)
        for (int64_t col = step * pack; col < (step + 1) * pack; ++col)
          store(type, dst, index++, row < rows && col < cols ? src[row * cols + col] : 0.0f);
}

} // namespace tp::cpu
