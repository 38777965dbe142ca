// The transport over Open MPI: nothing but point-to-point messages on a communicator of its own. MPI keeps messages
// between two ranks in order and every rank runs the same collectives in the same order, so one tag is enough for all
// groups.
#define _POSIX_C_SOURCE 200809L
#include "tp_transport.h"

#include <mpi.h>

#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { tag = 7, largestPiece = 1 << 30 };

static MPI_Comm comm = MPI_COMM_NULL;
static tp_transport table;

// Requests of one exchange; grows to the largest exchange and stays, so that steady state allocates nothing.
static MPI_Request *requests;
static int *peers; // of each request
static int capacity;

static int reserve(int count) {
  if (count <= capacity)
    return 1;
  int larger = count * 2;
  MPI_Request *newRequests = realloc(requests, sizeof(*requests) * (size_t)larger);
  if (newRequests)
    requests = newRequests;
  int *newPeers = realloc(peers, sizeof(*peers) * (size_t)larger);
  if (newPeers)
    peers = newPeers;
  if (!newRequests || !newPeers)
    return 0;
  capacity = larger;
  return 1;
}

// MPI counts in int: a message above 1 GiB goes in pieces.
static int piecesOf(int64_t bytes) { return (int)((bytes + largestPiece - 1) / largestPiece); }

static int pieceBytes(int64_t bytes, int piece) {
  int64_t rest = bytes - (int64_t)piece * largestPiece;
  return rest < largestPiece ? (int)rest : largestPiece;
}

static int fail(int code, char *error, int errorSize) {
  char text[MPI_MAX_ERROR_STRING] = "";
  int length = 0;
  MPI_Error_string(code, text, &length);
  snprintf(error, (size_t)errorSize, "%s", text);
  return -2;
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int post(const tp_message *messages, int count, int *posted) {
  int n = 0, code = MPI_SUCCESS;
  for (int i = 0; i < count; ++i)
    for (int piece = 0; piece < piecesOf(messages[i].receive_bytes); ++piece, ++n) {
      peers[n] = messages[i].peer;
      code =
          MPI_Irecv((char *)messages[i].receive + (int64_t)piece * largestPiece,
                    pieceBytes(messages[i].receive_bytes, piece), MPI_BYTE, messages[i].peer, tag, comm, &requests[n]);
      if (code != MPI_SUCCESS)
        return code;
    }
  for (int i = 0; i < count; ++i)
    for (int piece = 0; piece < piecesOf(messages[i].send_bytes); ++piece, ++n) {
      peers[n] = messages[i].peer;
      code = MPI_Isend((const char *)messages[i].send + (int64_t)piece * largestPiece,
                       pieceBytes(messages[i].send_bytes, piece), MPI_BYTE, messages[i].peer, tag, comm, &requests[n]);
      if (code != MPI_SUCCESS)
        return code;
    }
  *posted = n;
  return code;
}

static int latePeer(int posted) {
  for (int i = 0; i < posted; ++i)
    if (requests[i] != MPI_REQUEST_NULL) {
      int done = 0;
      if (MPI_Test(&requests[i], &done, MPI_STATUS_IGNORE) != MPI_SUCCESS || !done)
        return peers[i];
    }
  return -1;
}

static int exchange(const tp_message *messages, int count, int yield, double seconds, char *error, int errorSize) {
  int64_t needed = 0;
  for (int i = 0; i < count; ++i)
    needed += piecesOf(messages[i].send_bytes) + piecesOf(messages[i].receive_bytes);
  if (needed > INT_MAX / 4 || !reserve((int)needed)) {
    snprintf(error, (size_t)errorSize, "out of memory");
    return -2;
  }
  int posted = 0, done = 0;
  int code = post(messages, count, &posted);
  if (code != MPI_SUCCESS)
    return fail(code, error, errorSize);
  double end = 0;
  for (unsigned spins = 1;; ++spins) {
    code = MPI_Testall(posted, requests, &done, MPI_STATUSES_IGNORE);
    if (code != MPI_SUCCESS)
      return fail(code, error, errorSize);
    if (done)
      return -1;
    if (yield || spins > 4096)
      sched_yield();
    if (spins % 256 == 0) {
      double time = now();
      if (end == 0)
        end = time + seconds;
      else if (time > end)
        return latePeer(posted);
    }
  }
}

static void abortAll(int code) {
  MPI_Abort(MPI_COMM_WORLD, code);
  _Exit(code);
}

static void finalize(void) {
  MPI_Comm_free(&comm);
  MPI_Finalize();
}

const tp_transport *tp_transport_open(int version, char *error, int errorSize) {
  if (version != TP_TRANSPORT_VERSION) {
    snprintf(error, (size_t)errorSize, "the plugin is of version %d, the runtime of %d", TP_TRANSPORT_VERSION, version);
    return NULL;
  }
  int provided = 0, initialized = 0;
  MPI_Initialized(&initialized);
  if (initialized)
    MPI_Query_thread(&provided);
  else
    MPI_Init_thread(NULL, NULL, MPI_THREAD_SERIALIZED, &provided);
  if (provided < MPI_THREAD_SERIALIZED) {
    snprintf(error, (size_t)errorSize, "the MPI library cannot be called from more than one thread");
    return NULL;
  }
  MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
  MPI_Comm host;
  if (MPI_Comm_dup(MPI_COMM_WORLD, &comm) != MPI_SUCCESS ||
      MPI_Comm_split_type(comm, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &host) != MPI_SUCCESS) {
    snprintf(error, (size_t)errorSize, "cannot make a communicator");
    return NULL;
  }
  MPI_Comm_size(host, &table.local_size);
  MPI_Comm_free(&host);
  MPI_Comm_rank(comm, &table.rank);
  MPI_Comm_size(comm, &table.size);
  table.exchange = exchange;
  table.abort = abortAll;
  table.finalize = finalize;
  return &table;
}
