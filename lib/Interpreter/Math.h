// Numeric routines on row-major f32 arrays that the kernels share. All compute in f32 (sums in blocks, so that long
// ones stay exact to f32's precision) and leave rounding to the caller.
#ifndef TP_LIB_INTERPRETER_MATH_H
#define TP_LIB_INTERPRETER_MATH_H

#include "tp/Dialect/Tp.h"
#include "tp/Interpreter/Tensor.h"

#include "llvm/ADT/STLFunctionalExtras.h"
#include <cstdint>

namespace tp {

// Runs `body(i)` for i in [0, count), on all cores if `work` (operations in all) pays for it.
void parallelRows(int64_t count, double work, llvm::function_ref<void(int64_t)> body);

// y [m, n] = x [m, k] times the transpose of w [n, k], plus bias [n] (may be null).
void linear(const float *x, const float *w, const float *bias, float *y, int64_t m, int64_t n, int64_t k);

// y = x / sqrt(mean(x^2) + eps) * weight, for each of `rows` rows of d. `y` may be `x`.
void rmsNorm(const float *x, const float *weight, float *y, int64_t rows, int64_t d, double eps);

float activate(ActivationKind kind, float x);

// Rotates x [batch, seq, heads, size] in place; row s of sequence b is at position positions[b] + s (positions null:
// s).
void rotate(float *x, int64_t batch, int64_t seq, int64_t heads, int64_t size, const int64_t *positions,
            RotaryAttr rotary);

// Writes rows [batch, seq, ...] into cache [batch, length, ...] at positions[b]; rows outside the cache are dropped.
// `row` elements a row.
void updateCache(float *cache, const float *rows, const int64_t *positions, int64_t batch, int64_t length, int64_t seq,
                 int64_t row);

// Scaled dot-product attention: see tp.sdpa. A query that sees no key, or whose key head does not exist, gives zeros.
struct Attention {
  int64_t batch, seq, heads, size;     // query [batch, seq, heads, size]
  int64_t length, keyHeads, valueSize; // key [batch, length, keyHeads, size], value [.., valueSize]
  int64_t group, headOffset = 0, window = 0;
  const int64_t *positions = nullptr, *lengths = nullptr;
  const float *bias = nullptr; // [batch, heads, seq, length]
  bool causal = false;
  float scale = 1, softcap = 0;

  void run(const float *query, const float *key, const float *value, float *out) const;

private:
  void runRow(int64_t b, int64_t s, int64_t h, const float *query, const float *key, const float *value,
              float *out) const;
};

} // namespace tp

#endif
