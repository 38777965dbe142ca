// Kernels of the toy package for GPUs (ToyCudaPackage.h), as device code. Numbers are small integers, so sums are
// exact.
typedef int i32;
typedef long long i64;

enum { batch = 2, vocab = 37, wide = 16, maxSeq = 64 };

#define KERNEL __attribute__((nvptx_kernel, used)) void

static i32 thread(void) { return (i32)__nvvm_read_ptx_sreg_tid_x(); }

// What stands before the matrix of the rank's weights.
struct Weights {
  i32 ranks, rank;
};

// cache [batch, maxSeq] takes tokens [batch, rows] at their positions.
KERNEL toy_store(i64 rank, const i32 *tokens, const i32 *position, i32 *cache, i64 rows) {
  for (i64 i = thread(); i < batch * rows; i += 32)
    cache[i / rows * maxSeq + position[i / rows] + i % rows] = tokens[i];
}

// part [batch, wide]: this rank's and layer's share of the features of the prefix.
KERNEL toy_features(i64 rank, const struct Weights *weights, const i32 *cache, const i32 *position, const i32 *last,
                    float *part, i64 layer) {
  const i32 b = thread() / wide, j = thread() % wide;
  float sum = 0;
  for (i32 p = weights->rank; p <= position[b] + (last ? last[b] : 0); p += weights->ranks)
    if (p % 2 == layer) {
      const i32 token = cache[b * maxSeq + p];
      sum += (float)((token * 31 + p * 17 + j * 7 + token * j) % 13);
    }
  part[thread()] = sum;
}

// x becomes y, or x + y.
KERNEL toy_add(i64 rank, float *x, const float *y, i64 set) { x[thread()] = y[thread()] + (set ? 0.0f : x[thread()]); }

// slice [batch, local]: this rank's window of logits [batch, vocab], zeros behind it.
KERNEL toy_slice(i64 rank, const struct Weights *weights, const float *logits, float *slice) {
  const i64 local = (vocab + weights->ranks - 1) / weights->ranks;
  for (i64 i = thread(); i < batch * local; i += 32) {
    const i64 v = rank * local + i % local;
    slice[i] = v < vocab ? logits[i / local * vocab + v] : 0.0f;
  }
}

// token [batch]: the first largest of logits [batch, vocab].
KERNEL toy_best(i64 rank, const float *logits, i32 *token) {
  if (thread() >= batch)
    return;
  const float *row = logits + thread() * vocab;
  i32 best = 0;
  for (i32 v = 1; v < vocab; ++v)
    if (row[v] > row[best])
      best = v;
  token[thread()] = best;
}
