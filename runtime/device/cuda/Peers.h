// Memory of GPUs that other GPUs' kernels use: each rank brings a buffer. Ranks of one process reach each other by peer
// access, those of several processes on one host by inter-process handles; where the hardware does not let them, they
// do not.
#ifndef TP_RT_CUDAPEERS_H
#define TP_RT_CUDAPEERS_H

#include "comm/Communicator.h"
#include "comm/Transport.h"
#include "device/cuda/Context.h"

namespace tp::rt::cuda {

class Peers {
public:
  // Zeroed buffers of `bytes` on the GPUs of the local ranks, the first of which is `firstRank`; `host` and
  // `transport`: set where the others are processes. All ranks make it together. Throws Error.
  Peers(int ranks, const std::vector<const DeviceContext *> &contexts, int firstRank, Communicator *host,
        const tp_transport *transport, int64_t bytes);
  // Closes what leave() has not; waits for nobody.
  ~Peers() { close(); }
  // At the end of a run that went well, all ranks together: returns when no other uses the buffers any more. This
  // rank's work is done.
  void leave();

  // By rank: where its buffer is for the GPU of this local rank; 0: out of reach.
  const std::vector<Pointer> &bases(int rank) const { return rows[size_t(rank - firstRank)]; }
  // Whether each of these ranks reaches each; the same on all ranks.
  bool meet(const std::vector<int> &group) const;

private:
  void reachWithin();
  void reachProcesses();
  void shareReach();
  void close() noexcept;

  const int ranks, firstRank;
  const std::vector<const DeviceContext *> contexts;
  Communicator *const host;
  const tp_transport *const transport;
  std::vector<DeviceBuffer> buffers;      // by local rank
  std::vector<std::vector<Pointer>> rows; // by local rank
  std::vector<char> reach;                // [from, to] of all ranks
};

} // namespace tp::rt::cuda

#endif
