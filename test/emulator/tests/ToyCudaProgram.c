// The host program of the toy package for GPUs: two layers of features that the ranks sum, a GEMM to logits, and for
// the entries that return a token a gather of the logits' slices on the communication stream. TOY_RACE_BEFORE and
// TOY_RACE_AFTER forget to wait for what comes before the gather, and for the gather.
#include "tp_cuda.h"

enum { store, features, add, slice, best }; // kernels
enum { sumFeatures, gatherLogits };         // collectives
enum { sliced, gathered };                  // events
enum { matrixAt = 256 };                    // bytes into the weights

// The arena; bytes. ToyCudaPackage.cpp has the first five.
enum { tokensAt = 0, positionAt = 256, lastAt = 512, tokenAt = 768, logitsAt = 1024 };
enum { partAt = 1536, sumAt = 1792, xAt = 2048, sliceAt = 2304, allAt = 3072 };

static void launch(tp_cuda_frame *f, int32_t kernel, uint64_t *args) {
  const int32_t grid[3] = {1, 1, 1}, block[3] = {32, 1, 1};
  args[0] = (uint64_t)f->rank;
  f->launch(f, TP_CUDA_COMPUTE, kernel, grid, block, 0, args);
}

static void logits(tp_cuda_frame *f, uint64_t rows) {
  const uint64_t at = f->arena, last = rows == 1 ? 0 : at + lastAt;
  launch(f, store, (uint64_t[]){0, at + tokensAt, at + positionAt, f->state, rows});
  for (uint64_t layer = 0; layer < 2; ++layer) {
    launch(f, features, (uint64_t[]){0, f->weights, f->state, at + positionAt, last, at + partAt, layer});
    f->collective(f, TP_CUDA_COMPUTE, sumFeatures, at + partAt, at + sumAt);
    launch(f, add, (uint64_t[]){0, at + xAt, at + sumAt, layer == 0});
  }
  f->gemm(f, TP_CUDA_COMPUTE, 0, at + xAt, f->weights + matrixAt, 0, at + logitsAt);
}

static void token(tp_cuda_frame *f, uint64_t rows) {
  const uint64_t at = f->arena;
  logits(f, rows);
  launch(f, slice, (uint64_t[]){0, f->weights, at + logitsAt, at + sliceAt});
  f->record(f, TP_CUDA_COMPUTE, sliced);
#ifndef TOY_RACE_BEFORE
  f->wait(f, TP_CUDA_COMMUNICATION, sliced);
#endif
  f->collective(f, TP_CUDA_COMMUNICATION, gatherLogits, at + sliceAt, at + allAt);
  f->record(f, TP_CUDA_COMMUNICATION, gathered);
#ifndef TOY_RACE_AFTER
  f->wait(f, TP_CUDA_COMPUTE, gathered);
#endif
  launch(f, best, (uint64_t[]){0, at + allAt, at + tokenAt});
}

void toy_prefill_4(tp_cuda_frame *f) { logits(f, 4); }
void toy_prefill_16(tp_cuda_frame *f) { logits(f, 16); }
void toy_decode(tp_cuda_frame *f) { logits(f, 1); }
void toy_prefill_token_4(tp_cuda_frame *f) { token(f, 4); }
void toy_prefill_token_16(tp_cuda_frame *f) { token(f, 16); }
void toy_decode_token(tp_cuda_frame *f) { token(f, 1); }
