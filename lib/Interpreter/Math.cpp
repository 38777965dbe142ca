#include "Math.h"

#include "llvm/Support/Parallel.h"
#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

using namespace tp;

// Compiled for several CPUs; the program loader takes the best one that the machine has.
#if defined(__x86_64__) && defined(__clang__)
#define TP_MULTIVERSION __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define TP_MULTIVERSION
#endif

void tp::parallelRows(int64_t count, double work, llvm::function_ref<void(int64_t)> body) {
  if (work < 1e5 || count < 2)
    for (int64_t i = 0; i < count; ++i)
      body(i);
  else
    llvm::parallelFor(0, count, [&](size_t i) { body(i); });
}

//===-- linear
//-------------------------------------------------------------------------------------------------------------------------===//

using Lanes = float __attribute__((vector_size(64)));

// Rows need not be aligned.
[[gnu::always_inline]] static inline Lanes load(const float *from) {
  Lanes lanes;
  __builtin_memcpy(&lanes, from, sizeof(lanes));
  return lanes;
}

// Elements of a dot product that are summed in f32 lanes before they join a double.
static constexpr int64_t kBlock = 1024;

// sums[i * Cols + j] += dot of rows i of x and j of w, elements [0, k).
template <int Rows, int Cols>
[[gnu::always_inline]] static inline void addDots(const float *x, const float *w, int64_t stride, int64_t k,
                                                  double *sums) {
  Lanes lanes[Rows][Cols] = {};
  int64_t c = 0;
  for (; c + 16 <= k; c += 16)
    for (int j = 0; j < Cols; ++j) {
      Lanes weights = load(w + j * stride + c);
      for (int i = 0; i < Rows; ++i)
        lanes[i][j] += weights * load(x + i * stride + c);
    }
  for (int i = 0; i < Rows; ++i)
    for (int j = 0; j < Cols; ++j) {
      float total = 0;
      for (int l = 0; l < 16; ++l)
        total += lanes[i][j][l];
      for (int64_t t = c; t < k; ++t)
        total += x[i * stride + t] * w[j * stride + t];
      sums[i * Cols + j] += total;
    }
}

template <int Rows, int Cols>
[[gnu::always_inline]] static inline void linearTile(const float *x, const float *w, const float *bias, float *y,
                                                     int64_t n, int64_t k) {
  double sums[Rows * Cols] = {};
  for (int64_t c = 0; c < k; c += kBlock)
    addDots<Rows, Cols>(x + c, w + c, k, std::min(kBlock, k - c), sums);
  for (int i = 0; i < Rows; ++i)
    for (int j = 0; j < Cols; ++j)
      y[i * n + j] = static_cast<float>(sums[i * Cols + j] + (bias ? bias[j] : 0.0f));
}

// Columns [begin, end) of y; the rows of w that they read stay in the cache while x passes.
TP_MULTIVERSION static void linearColumns(const float *x, const float *w, const float *bias, float *y, int64_t m,
                                          int64_t n, int64_t k, int64_t begin, int64_t end) {
  int64_t i = 0;
  for (; i + 4 <= m; i += 4) {
    int64_t j = begin;
    for (; j + 2 <= end; j += 2)
      linearTile<4, 2>(x + i * k, w + j * k, bias ? bias + j : nullptr, y + i * n + j, n, k);
    for (; j < end; ++j)
      linearTile<4, 1>(x + i * k, w + j * k, bias ? bias + j : nullptr, y + i * n + j, n, k);
  }
  for (; i < m; ++i) {
    int64_t j = begin;
    for (; j + 4 <= end; j += 4)
      linearTile<1, 4>(x + i * k, w + j * k, bias ? bias + j : nullptr, y + i * n + j, n, k);
    for (; j < end; ++j)
      linearTile<1, 1>(x + i * k, w + j * k, bias ? bias + j : nullptr, y + i * n + j, n, k);
  }
}

void tp::linear(const float *x, const float *w, const float *bias, float *y, int64_t m, int64_t n, int64_t k) {
  constexpr int64_t columns = 64;
  parallelRows((n + columns - 1) / columns, 2.0 * m * n * k,
               [&](int64_t i) { linearColumns(x, w, bias, y, m, n, k, i * columns, std::min(n, (i + 1) * columns)); });
}

//===-- norms, activations, rotation
//-----------------------------------------------------------------------------------------------------===//

void tp::rmsNorm(const float *x, const float *weight, float *y, int64_t rows, int64_t d, double eps) {
  for (int64_t r = 0; r < rows; ++r, x += d, y += d) {
    double squares = 0;
    for (int64_t i = 0; i < d; ++i)
      squares += static_cast<double>(x[i]) * x[i];
    float factor = static_cast<float>(1.0 / std::sqrt(squares / d + eps));
    for (int64_t i = 0; i < d; ++i)
      y[i] = x[i] * factor * weight[i];
  }
}

float tp::activate(ActivationKind kind, float x) {
  switch (kind) {
  case ActivationKind::Silu:
    return x / (1.0f + std::exp(-x));
  case ActivationKind::Gelu:
    return 0.5f * x * (1.0f + std::erf(x * 0.70710678118654752f));
  case ActivationKind::GeluTanh:
    return 0.5f * x * (1.0f + std::tanh(0.79788456080286536f * (x + 0.044715f * x * x * x)));
  case ActivationKind::Relu:
    return x > 0 ? x : x < 0 ? 0.0f : x; // keeps a NaN
  }
  return x;
}

void tp::rotate(float *x, int64_t batch, int64_t seq, int64_t heads, int64_t size, const int64_t *positions,
                RotaryAttr rotary) {
  llvm::SmallVector<double> frequencies = rotary.frequencies(size);
  int64_t half = frequencies.size();
  std::vector<float> cosines(half), sines(half);
  for (int64_t row = 0; row < batch * seq; ++row) {
    int64_t position = row % seq + (positions ? positions[row / seq] : 0);
    for (int64_t i = 0; i < half; ++i) {
      cosines[i] = static_cast<float>(std::cos(position * frequencies[i]));
      sines[i] = static_cast<float>(std::sin(position * frequencies[i]));
    }
    for (int64_t h = 0; h < heads; ++h) {
      float *head = x + (row * heads + h) * size;
      for (int64_t i = 0; i < half; ++i) {
        float &a = head[rotary.getInterleaved() ? 2 * i : i], &b = head[rotary.getInterleaved() ? 2 * i + 1 : i + half];
        float rotated = a * cosines[i] - b * sines[i];
        b = b * cosines[i] + a * sines[i];
        a = rotated;
      }
    }
  }
}

//===-- attention
//--------------------------------------------------------------------------------------------------------------------------===//

void tp::updateCache(float *cache, const float *rows, const int64_t *positions, int64_t batch, int64_t length,
                     int64_t seq, int64_t row) {
  for (int64_t b = 0; b < batch; ++b)
    for (int64_t s = 0; s < seq; ++s)
      if (int64_t t = positions[b] + s; t >= 0 && t < length)
        std::copy_n(rows + (b * seq + s) * row, row, cache + (b * length + t) * row);
}

TP_MULTIVERSION static float dot(const float *a, const float *b, int64_t n) {
#pragma clang fp reassociate(on)
  float sum = 0;
  for (int64_t i = 0; i < n; ++i)
    sum += a[i] * b[i];
  return sum;
}

void Attention::runRow(int64_t b, int64_t s, int64_t h, const float *query, const float *key, const float *value,
                       float *out) const {
  int64_t keyHead = (h + headOffset) / group - headOffset / group;
  int64_t position = s + (positions ? positions[b] : 0);
  int64_t end = causal ? std::min(length, position + 1) : length;
  if (lengths)
    end = std::min(end, lengths[b]);
  int64_t begin = causal && window > 0 ? std::max<int64_t>(0, position - window + 1) : 0;
  if (keyHead < 0 || keyHead >= keyHeads || begin >= end)
    return;
  const float *q = query + ((b * seq + s) * heads + h) * size;
  float *result = out + ((b * seq + s) * heads + h) * valueSize;
  auto keyRow = [&](int64_t t) { return (b * length + t) * keyHeads + keyHead; };
  std::vector<float> scores(end - begin);
  for (int64_t t = begin; t < end; ++t)
    scores[t - begin] = dot(q, key + keyRow(t) * size, size) * scale;
  if (softcap > 0)
    for (float &score : scores)
      score = softcap * std::tanh(score / softcap);
  if (bias)
    for (int64_t t = begin; t < end; ++t)
      scores[t - begin] += bias[((b * heads + h) * seq + s) * length + t];
  float most = *std::max_element(scores.begin(), scores.end());
  double sum = 0;
  for (float &score : scores)
    sum += score = std::exp(score - most);
  for (int64_t t = begin; t < end; ++t) {
    float weight = static_cast<float>(scores[t - begin] / sum);
    const float *v = value + keyRow(t) * valueSize;
    for (int64_t e = 0; e < valueSize; ++e)
      result[e] += weight * v[e];
  }
}

void Attention::run(const float *query, const float *key, const float *value, float *out) const {
  std::fill_n(out, batch * seq * heads * valueSize, 0.0f);
  int64_t rows = batch * seq * heads;
  parallelRows(rows, 4.0 * rows * length * size,
               [&](int64_t row) { runRow(row / heads / seq, row / heads % seq, row % heads, query, key, value, out); });
}
