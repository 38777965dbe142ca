// What the runtime asks of a message-passing library, as a C table, so that the library is opened at run time and a
// runtime without one still starts. libtp_comm_mpi.so provides it for Open MPI; every algorithm stays in the runtime.
#ifndef TP_TRANSPORT_H
#define TP_TRANSPORT_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TP_TRANSPORT_VERSION 1
#define TP_TRANSPORT_SYMBOL "tp_transport_open"

// One message to and one from a peer; messages of 0 bytes are not sent. Both sides agree on the sizes.
typedef struct tp_message {
  int peer;
  const void *send;
  int64_t send_bytes;
  void *receive;
  int64_t receive_bytes;
} tp_message;

typedef struct tp_transport {
  int rank, size;
  int local_size; // ranks on this host
  // Exchanges all messages at once. `yield`: offer the core to others while waiting. Returns -1 when done, the rank of
  // a peer that did not answer within `seconds`, or -2 on an error of the library, with its text in `error`.
  int (*exchange)(const tp_message *messages, int count, int yield, double seconds, char *error, int error_size);
  // Ends every rank at once; does not return.
  void (*abort)(int code);
  // Waits for every rank, then ends message passing.
  void (*finalize)(void);
} tp_transport;

// Joins the job. Null on failure, with a message in `error`. Calls may come from any thread, one at a time.
typedef const tp_transport *(*tp_transport_open_fn)(int version, char *error, int error_size);

#ifdef __cplusplus
}
#endif

#endif
