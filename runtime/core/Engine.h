// The ranks of this process and their threads. A job is one function that every thread of every rank runs; inside it a
// thread is a Worker, which calls the package's entries and meets the others. Between jobs the threads sleep.
//
//   local:  all ranks of the package, as teams of threads
//   mpi:    this process's rank alone; the other processes must run the same jobs
#ifndef TP_RT_ENGINE_H
#define TP_RT_ENGINE_H

#include "comm/Communicator.h"
#include "comm/tp_transport.h"
#include "core/Package.h"

#include <functional>
#include <memory>

namespace tp::rt {

struct EngineState;
struct RankState;

struct EngineOptions {
  int threads = 0;                         // per rank; 0: hardware threads / ranks on this host, at least 1
  const tp_transport *transport = nullptr; // set: mpi
  // Told while weights are copied to a GPU, in bytes; by threads of ranks.
  std::function<void(int rank, int64_t done, int64_t total)> onLoad = {};
};

// What a rank has called and used; bytes throughout.
struct CollectiveCount {
  CollectiveKind kind;
  int64_t count = 0, bytes = 0;
};
struct RankStats {
  int64_t rank = 0, weightBytes = 0, arenaBytes = 0;
  int64_t peakRssBytes = 0; // of the process: with local ranks, all of them together
  std::vector<CollectiveCount> collectives;
};

// A thread inside a job.
class Worker {
public:
  Worker(EngineState &engine, RankState &state, int localRank, int thread)
      : engine(engine), state(state), localRank(localRank), thread(thread) {}

  int rank() const;
  bool first() const { return thread == 0; } // the rank's thread that talks to other ranks' hosts
  Communicator &comm() const;
  // Meets the rank's other threads; throws Stopped or RankError.
  void barrier();
  // Brings the rank's weights to where they are used.
  void load();
  // Runs an entry; every thread of the rank calls it. Inputs must be in place, and visible through a barrier, before;
  // outputs are complete after the next barrier. Throws Stopped when any rank failed meanwhile.
  void call(const Entry &entry);
  // An input or output of an entry in this rank's arena. T: int32_t or float.
  template <typename T> T *data(const Tensor &tensor) const { return static_cast<T *>(memory(tensor)); }

  EngineState &engine;
  RankState &state;
  const int localRank; // index among the ranks of this process
  const int thread;

private:
  void *memory(const Tensor &tensor) const;
};

class Engine {
public:
  // Maps the weights of this process's ranks, allocates their memory and starts their threads. Throws Error.
  Engine(std::shared_ptr<const Package> package, EngineOptions options);
  ~Engine();
  Engine(const Engine &) = delete;
  Engine &operator=(const Engine &) = delete;

  // Runs the job and waits. The first failure of any rank ends it on every rank, is thrown as Error ("rank 2: why"),
  // and leaves the engine unusable.
  void run(const std::function<void(Worker &)> &job);

  int localRanks() const;
  int threads() const;
  // Rank 0 is in this process: it samples, prints and writes.
  bool hasRoot() const;
  // Of the first rank in this process, for use between jobs.
  Communicator &comm() const;
  // Zeroes the caches and the counters, between jobs.
  void reset();
  // Of every rank; under mpi every process must call it.
  std::vector<RankStats> stats() const;

private:
  std::shared_ptr<EngineState> state; // shared with the threads: a stuck one keeps what it uses alive
};

// The rank whose code the calling thread runs, -1 for none; for a handler of crashes.
int crashRank();

} // namespace tp::rt

#endif
