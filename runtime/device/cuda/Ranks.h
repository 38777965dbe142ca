// The GPUs of this process's ranks.
#ifndef TP_RT_CUDARANKS_H
#define TP_RT_CUDARANKS_H

#include "device/cuda/Rank.h"

namespace tp::rt::cuda {

class Ranks {
public:
  // Chooses a GPU for each of `count` ranks from `first` on, checks architecture and memory, and allocates. `host`: set
  // where the other ranks are processes, `ranksOnHost` of them here. Throws Error.
  Ranks(const Package &package, int first, int count, Communicator *host, int ranksOnHost, WaitPolicy policy,
        const Fault &fault);
  ~Ranks();
  RankDevice &rank(int local) { return *ranks[size_t(local)]; }

private:
  std::vector<std::unique_ptr<DeviceContext>> contexts; // by local rank
  std::unique_ptr<World> world;
  std::vector<std::unique_ptr<RankDevice>> ranks;
};

} // namespace tp::rt::cuda

#endif
