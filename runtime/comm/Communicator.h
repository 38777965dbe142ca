// How ranks talk: one object per rank, made for the collectives of one manifest. `local` and `mpi` implement it, and
// test/runtime/comm runs one suite on both: the same call gives the same bits on both, for sums run over the positions
// of a group in order, 0 to n-1.
#ifndef TP_RT_COMMUNICATOR_H
#define TP_RT_COMMUNICATOR_H

#include "core/Error.h"
#include "core/Manifest.h"

#include <span>

namespace tp::rt {

// A failure that is another rank's: it stalled, so it cannot report for itself.
class RankError : public Error {
public:
  RankError(int rank, const std::string &message) : Error(message), rank(rank) {}
  const int rank;
};

class Communicator {
public:
  // One collective of the manifest and its memory.
  struct Part {
    int64_t id;
    const void *src;
    void *dst;
  };

  virtual ~Communicator() = default;
  int rank() const { return myRank; }
  int size() const { return ranks; }

  // Runs collectives of the manifest that have one group, as one: the ranks meet once for all of them. Every thread of
  // the rank calls it with the same arguments; it starts with a barrier, so a `src` may have been written by any thread
  // before its call. On return all of each `dst` is readable and each `src` is free. all_reduce allows src == dst;
  // otherwise none may overlap. Throws RankError past the deadline, Stopped on a fault.
  virtual void run(std::span<const Part> parts, int64_t thread) = 0;
  void run(int64_t id, int64_t thread, const void *src, void *dst) {
    Part part{id, src, dst};
    run({&part, 1}, thread);
  }

  // Host messages, called by one thread of each rank, in the same order everywhere.
  virtual void broadcast(void *data, int64_t bytes, int root) = 0;
  virtual void barrier() = 0;

  // Ends the other ranks after a failure here. Under mpi it ends this process too and does not return.
  virtual void abort(const std::string &reason) = 0;

  // Between setHostBusy(true) and setHostBusy(false) the rank is in the caller's hands (printing, say), not stalled.
  virtual void setHostBusy(bool) {}

protected:
  Communicator(int rank, int ranks) : myRank(rank), ranks(ranks) {}
  const int myRank, ranks;
};

} // namespace tp::rt

#endif
