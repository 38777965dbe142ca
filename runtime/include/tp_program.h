// The ABI between a package's program.so (made by tp-compile) and the runtime. C, and nothing but C: the program links
// against nothing.
#ifndef TP_PROGRAM_H
#define TP_PROGRAM_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// One per rank, shared by the rank's threads. The order of the fields is part of the ABI (package version 1).
typedef struct tp_frame {
  const char *weights; // this rank's weight file, mapped; 64-byte aligned
  char *state;         // KV cache, `state_bytes`; 64-byte aligned, zeroed before a run
  char *arena;         // `arena_bytes`; 64-byte aligned
  int64_t rank;        // 0 <= rank < ranks; row-major over the mesh
  int64_t threads;     // threads in this rank, >= 1
  // Returns when every thread of this rank has called it.
  void (*barrier)(struct tp_frame *frame, int64_t thread);
  // Runs collective `id` of the manifest; called by every thread of the rank.
  void (*collective)(struct tp_frame *frame, int64_t thread, int64_t id, const void *src, void *dst);
  // Runs `n` collectives of one group as one: the ranks meet once. The arrays need not live longer than the call.
  void (*collectives)(struct tp_frame *frame, int64_t thread, int64_t n, const int64_t *ids, const void *const *srcs,
                      void *const *dsts);
} tp_frame;

// An entry point, called by every thread of a rank with its number, 0 <= thread < frame->threads.
typedef void (*tp_entry)(tp_frame *frame, int64_t thread);

#ifdef __cplusplus
}
#endif

#endif
