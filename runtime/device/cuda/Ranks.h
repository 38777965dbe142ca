// The GPUs of this process's ranks.
#ifndef TP_RT_CUDARANKS_H
#define TP_RT_CUDARANKS_H

#include "device/cuda/Rank.h"

namespace tp::rt::cuda {

class Ranks {
public:
  // Chooses a GPU for each of `count` ranks from `first` on, checks architecture and memory, and allocates. `host`: set
  // where the other ranks are processes, with the `transport` to them. Throws Error.
  Ranks(const Package &package, int first, int count, Communicator *host, const tp_transport *transport,
        WaitPolicy policy, const Fault &fault);
  ~Ranks();
  RankDevice &rank(int local) { return *ranks[size_t(local)]; }

private:
  // Chooses the GPUs and sees that they can run the package; true: the ranks share one.
  bool prepare(const Manifest &manifest, int first, int count, const tp_transport *transport);

  const Fault &fault;
  std::vector<std::unique_ptr<DeviceContext>> contexts; // by local rank
  std::unique_ptr<World> world;
  std::vector<std::unique_ptr<RankDevice>> ranks;
};

} // namespace tp::rt::cuda

#endif
