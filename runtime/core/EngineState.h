// The inside of Engine: shared by Engine.cpp and Worker.cpp.
#ifndef TP_RT_ENGINESTATE_H
#define TP_RT_ENGINESTATE_H

#include "comm/LocalCommunicator.h"
#include "core/Engine.h"
#include "device/cuda/Ranks.h"

#include <array>
#include <condition_variable>
#include <csetjmp>
#include <mutex>
#include <pthread.h>

namespace tp::rt {

// By kind. Collectives that meet once are one.
struct CollectiveCounts {
  std::array<int64_t, 5> counts{}, bytes{};
};

// The frame that the program sees, first so that the callbacks find their rank from it.
struct RankState {
  tp_frame frame{};
  EngineState *engine = nullptr;
  MappedFile weights;
  Buffer state, arena;
  std::unique_ptr<Communicator> comm;
  std::unique_ptr<Barrier> team;
  CollectiveCounts calls; // counted by thread 0
  struct alignas(128) ThreadState {
    std::jmp_buf exit; // where it goes on when a callback fails: the program's frames know no exceptions
    std::vector<Communicator::Part> parts; // of the collective that it runs
  };
  std::unique_ptr<ThreadState[]> threads;
};

struct EngineState {
  EngineState(std::shared_ptr<const Package> package, EngineOptions options);

  std::shared_ptr<const Package> package;
  int threads = 1; // per rank
  WaitPolicy policy;
  Fault fault;
  std::unique_ptr<LocalWorld> world; // local only
  std::vector<std::unique_ptr<RankState>> ranks;
  std::unique_ptr<cuda::Ranks> gpus; // packages for GPUs: by rank of this process
  std::function<void(int, int64_t, int64_t)> onLoad;
  bool pin = false;

  // The job, handed to sleeping threads: a new number means a new job.
  std::mutex mutex;
  std::condition_variable wake, finished;
  std::shared_ptr<const std::function<void(Worker &)>> job;
  int64_t jobNumber = 0;
  int running = 0;
  bool quit = false;
  std::vector<pthread_t> handles;

private:
  void choosePolicy(const EngineOptions &options, int ranksHere);
  void addRank(int rank, const EngineOptions &options);
};

// Records what ended this thread's part; for use in a catch block.
void raiseCurrentException(Fault &fault, int rank) noexcept;

} // namespace tp::rt

#endif
