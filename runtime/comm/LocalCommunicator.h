// Ranks as teams of threads in one process, which read and write each other's memory.
//
// Every collective is two barriers over all threads of the group: after the first, every rank's `src` is complete and
// every thread does its share of the work straight from the sources; after the second, sources may be overwritten. In
// all_reduce a thread reduces its slice of the elements once and writes it into every rank's `dst`.
#ifndef TP_RT_LOCALCOMMUNICATOR_H
#define TP_RT_LOCALCOMMUNICATOR_H

#include "comm/Communicator.h"
#include "core/Barrier.h"

#include <map>
#include <memory>

namespace tp::rt {

// What the ranks share. Outlives their communicators; `manifest` and `fault` outlive it.
class LocalWorld {
public:
  LocalWorld(const Manifest &manifest, int threads, WaitPolicy policy, Fault &fault);
  std::unique_ptr<Communicator> communicator(int rank);

private:
  friend class LocalCommunicator;
  struct alignas(128) Buffers {
    const void *src = nullptr;
  };
  // What a rank brings to a meeting.
  struct alignas(128) Posted {
    std::vector<Communicator::Part> parts;
  };
  struct Group {
    Group(std::vector<int> members, int threads, WaitPolicy policy, const Fault &fault);
    std::vector<int> members;   // by position
    Barrier barrier;            // party: position * threads + thread
    std::vector<Posted> posted; // by position
  };

  const Manifest &manifest;
  const int threads;
  const WaitPolicy policy;
  Fault &fault;
  std::map<std::vector<int>, std::unique_ptr<Group>> groups;
  Barrier host; // party: rank
  std::vector<Buffers> hostBuffers;
  std::atomic<bool> hostBusy{false};
};

} // namespace tp::rt

#endif
