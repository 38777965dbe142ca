// The ABI between a CUDA package's program.so (made by tp-compile --target cuda) and the runtime. C, and nothing but C:
// the program links against nothing, and no NVIDIA header is needed. docs/cuda-abi.md says what lies around it.
#ifndef TP_CUDA_H
#define TP_CUDA_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// Streams of a rank.
enum { TP_CUDA_COMPUTE = 0, TP_CUDA_COMMUNICATION = 1, TP_CUDA_STREAMS = 2 };

// One per rank. Addresses are device addresses of that rank's GPU. The order of the fields is part of the ABI (package
// version 1).
//
// The callbacks enqueue and return; none waits for the device. After the first failure the runtime's callbacks do
// nothing until the entry has returned, so the program need not look at results; the runtime does afterwards. All may
// be called while a stream is being captured.
typedef struct tp_cuda_frame {
  uint64_t weights; // this rank's weight file; 256-byte aligned
  uint64_t state;   // KV cache, `state_bytes`; 256-byte aligned, zeroed before a run
  uint64_t arena;   // `arena_bytes`; 256-byte aligned
  int64_t rank;     // 0 <= rank < ranks; row-major over the mesh

  // Launches kernel number `kernel` of the manifest. `args` are the kernel's parameters, as many as the manifest says,
  // 8 bytes each; they are read before the call returns. `shared`: bytes of dynamic shared memory.
  void (*launch)(struct tp_cuda_frame *frame, int32_t stream, int32_t kernel, const int32_t grid[3],
                 const int32_t block[3], int32_t shared, const uint64_t *args);
  // GEMM number `gemm` of the manifest: y = epilogue(x w^T + bias). `bias` is 0 where the GEMM has none.
  void (*gemm)(struct tp_cuda_frame *frame, int32_t stream, int32_t gemm, uint64_t x, uint64_t w, uint64_t bias,
               uint64_t y);
  // Collective number `collective` of the manifest; `dst` may be `src` for an all_reduce and a permute is never in
  // place.
  void (*collective)(struct tp_cuda_frame *frame, int32_t stream, int32_t collective, uint64_t src, uint64_t dst);
  // Event `event` (0 <= event < `events` of the manifest) stands behind all that `stream` has been given.
  void (*record)(struct tp_cuda_frame *frame, int32_t stream, int32_t event);
  // What `stream` is given from now on runs after the event's last record.
  void (*wait)(struct tp_cuda_frame *frame, int32_t stream, int32_t event);
} tp_cuda_frame;

// An entry point, called by one host thread per rank. Begins and ends on TP_CUDA_COMPUTE: work before it on that stream
// (inputs) is seen, and when that stream is idle the entry's outputs are there. It enqueues the same work at each call
// with the same frame, whatever the inputs hold, so it can be captured once and replayed.
typedef void (*tp_cuda_entry)(tp_cuda_frame *frame);

#ifdef __cplusplus
}
#endif

#endif
