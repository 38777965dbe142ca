// The inside of Engine: shared by Engine.cpp and Worker.cpp.
#ifndef TP_RT_ENGINESTATE_H
#define TP_RT_ENGINESTATE_H

#include "comm/LocalCommunicator.h"
#include "core/Engine.h"

#include <condition_variable>
#include <csetjmp>
#include <mutex>
#include <pthread.h>

namespace tp::rt {

// The frame that the program sees, first so that the callbacks find their rank from it.
struct RankState {
  tp_frame frame{};
  EngineState *engine = nullptr;
  MappedFile weights;
  Buffer state, arena;
  std::unique_ptr<Communicator> comm;
  std::unique_ptr<Barrier> team;
  std::vector<int64_t> calls; // by collective; counted by thread 0
  // Where each thread goes on when a callback fails: the program's frames know no exceptions.
  struct alignas(128) Exit {
    std::jmp_buf target;
  };
  std::unique_ptr<Exit[]> exits;
};

struct EngineState {
  EngineState(std::shared_ptr<const Package> package, EngineOptions options);

  std::shared_ptr<const Package> package;
  int threads = 1; // per rank
  WaitPolicy policy;
  Fault fault;
  std::unique_ptr<LocalWorld> world; // local only
  std::vector<std::unique_ptr<RankState>> ranks;
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
