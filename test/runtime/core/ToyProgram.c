// A program that a test package carries: a "model" whose logits depend on every token of the prefix and need every
// rank.
//
// Rank r adds, for each position p <= here with p % ranks == r, score(token, p, v), a small integer, so that sums are
// exact; an all_reduce makes the logits. Some tokens make a rank misbehave. ToyPackage.h has the same constants.
#include "tp_program.h"

#include <stdlib.h>
#include <unistd.h>

enum { batch = 2, vocab = 37, maxSeq = 64 };
// Arena: tokens [2, 16] i32, position [2], last [2], logits [2, 16, 37], partial sums of the same size; bytes.
enum { tokensAt = 0, positionAt = 128, lastAt = 192, logitsAt = 256, partialAt = 8192 };
enum { stallToken = 30, failToken = 31, crashToken = 32, spinToken = 33, infiniteToken = 34 };

// What the rank's own weight file says: ranks, scale, this rank.
typedef struct {
  int32_t ranks, scale, rank;
} Weights;

static float score(const Weights *w, int32_t token, int64_t p, int64_t v) {
  return (float)((token * 31 + p * 17 + v * 7 + token * v) % 13 * w->scale);
}

static void misbehave(tp_frame *frame, int64_t thread, int32_t token) {
  const Weights *w = (const Weights *)frame->weights;
  if (frame->rank != w->ranks - 1 || thread != frame->threads - 1)
    return;
  if (token == stallToken)
    sleep(3);
  if (token == failToken)
    frame->collective(frame, thread, 99, 0, 0);
  if (token == crashToken)
    abort();
  while (token == spinToken)
    ;
}

// Logits of `rows` rows, or with `only` of the row last[b] alone.
static void run(tp_frame *frame, int64_t thread, int64_t rows, int only, int64_t collective) {
  const Weights *w = (const Weights *)frame->weights;
  int32_t *cache = (int32_t *)frame->state; // [batch, maxSeq]
  const int32_t *tokens = (const int32_t *)(frame->arena + tokensAt);
  const int32_t *position = (const int32_t *)(frame->arena + positionAt);
  const int32_t *last = (const int32_t *)(frame->arena + lastAt);
  float *partial = (float *)(frame->arena + partialAt), *logits = (float *)(frame->arena + logitsAt);
  if (w->rank != frame->rank)
    frame->collective(frame, thread, 98, 0, 0); // not this rank's weights
  for (int64_t b = 0; b < batch; ++b)
    for (int64_t i = 0; i < rows; ++i) {
      misbehave(frame, thread, tokens[b * rows + i]);
      if (thread == 0)
        cache[b * maxSeq + position[b] + i] = tokens[b * rows + i];
    }
  frame->barrier(frame, thread);
  int64_t kept = only ? 1 : rows;
  for (int64_t b = 0; b < batch; ++b)
    for (int64_t k = 0; k < kept; ++k) {
      int64_t row = only ? (rows == 1 ? 0 : last[b]) : k;
      for (int64_t v = thread; v < vocab; v += frame->threads) {
        float sum = 0;
        for (int64_t p = frame->rank; p <= position[b] + row; p += w->ranks)
          sum += score(w, cache[b * maxSeq + p], p, v);
        partial[(b * kept + k) * vocab + v] = sum;
        if (cache[b * maxSeq + position[b] + row] == infiniteToken)
          partial[(b * kept + k) * vocab + v] = 0.0f / 0.0f;
      }
    }
  frame->collective(frame, thread, collective, partial, logits);
}

void toy_prefill_4(tp_frame *frame, int64_t thread) { run(frame, thread, 4, 1, 0); }
void toy_prefill_16(tp_frame *frame, int64_t thread) { run(frame, thread, 16, 1, 0); }
void toy_decode(tp_frame *frame, int64_t thread) { run(frame, thread, 1, 1, 0); }
void toy_score_8(tp_frame *frame, int64_t thread) { run(frame, thread, 8, 0, 1); }

// hidden[b][i][d] = 100 * token + d, of the rows below length[b] (at position's place); 8 wide.
void toy_encode_16(tp_frame *frame, int64_t thread) {
  const int32_t *tokens = (const int32_t *)(frame->arena + tokensAt);
  const int32_t *length = (const int32_t *)(frame->arena + positionAt);
  float *hidden = (float *)(frame->arena + logitsAt);
  for (int64_t i = thread; i < batch * 16; i += frame->threads)
    for (int64_t d = 0; d < 8; ++d)
      hidden[i * 8 + d] = i % 16 < length[i / 16] ? (float)(100 * tokens[i] + d) : -1;
}
