#include "core/Engine.h"

#include "comm/ProcessCommunicator.h"
#include "core/Cpus.h"
#include "core/EngineState.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <sys/resource.h>

namespace tp::rt {

void installCallbacks(tp_frame &frame); // Worker.cpp

namespace {

// Compiled kernels keep tiles on the stack.
constexpr size_t stackBytes = size_t(16) << 20;
// After a failure the other threads notice within milliseconds, unless they are stuck in the program.
constexpr auto grace = std::chrono::seconds(2);

struct ThreadStart {
  std::shared_ptr<EngineState> engine;
  int localRank, thread;
};

void work(EngineState &engine, int localRank, int thread, const std::function<void(Worker &)> &job) {
  RankState &rank = *engine.ranks[size_t(localRank)];
  Worker worker(engine, rank, localRank, thread);
  try {
    job(worker);
  } catch (...) {
    raiseCurrentException(engine.fault, int(rank.frame.rank));
    if (engine.gpus && thread == 0)
      engine.gpus->rank(localRank).abort(); // lest others' GPUs wait for this rank's
  }
}

void prepareThread(EngineState &engine, int localRank, int thread) {
  if (engine.pin) {
    auto cpus = allowedCpus();
    pinCallingThread(cpus[size_t(localRank * engine.threads + thread) % cpus.size()]);
  }
}

void *threadMain(void *argument) {
  std::unique_ptr<ThreadStart> start(static_cast<ThreadStart *>(argument));
  EngineState &engine = *start->engine;
  prepareThread(engine, start->localRank, start->thread);
  int64_t seen = 0;
  std::unique_lock<std::mutex> lock(engine.mutex);
  for (;;) {
    engine.wake.wait(lock, [&] { return engine.quit || engine.jobNumber != seen; });
    if (engine.quit)
      return nullptr;
    seen = engine.jobNumber;
    auto job = engine.job;
    lock.unlock();
    work(engine, start->localRank, start->thread, *job);
    job.reset();
    lock.lock();
    if (--engine.running == 0)
      engine.finished.notify_all();
  }
}

void startThread(const std::shared_ptr<EngineState> &engine, int localRank, int thread) {
  auto *start = new ThreadStart{engine, localRank, thread}; // the thread deletes it
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, stackBytes);
  pthread_t handle;
  int code = pthread_create(&handle, &attributes, threadMain, start);
  pthread_attr_destroy(&attributes);
  if (code != 0) {
    delete start;
    throw Error(std::string("cannot start a thread: ") + std::strerror(code));
  }
  engine->handles.push_back(handle);
}

// Ends the threads that are asleep. Those that are stuck in the program stay, with the state that they use.
void stopThreads(EngineState &engine) {
  bool stuck;
  {
    std::lock_guard<std::mutex> lock(engine.mutex);
    engine.quit = true;
    stuck = engine.running > 0;
  }
  engine.wake.notify_all();
  for (pthread_t handle : engine.handles)
    if (stuck)
      pthread_detach(handle);
    else
      pthread_join(handle, nullptr);
}

// What one rank tells the others under mpi.
struct PlainStats {
  int64_t rank, weightBytes, arenaBytes, peakRssBytes;
  CollectiveCounts collectives;
};

PlainStats plainStats(const EngineState &engine, const RankState &rank) {
  const Manifest &manifest = engine.package->manifest();
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return {rank.frame.rank, manifest.weightBytes, manifest.arenaBytes, int64_t(usage.ru_maxrss) * 1024, rank.calls};
}

RankStats expand(const PlainStats &plain) {
  RankStats stats{plain.rank, plain.weightBytes, plain.arenaBytes, plain.peakRssBytes, {}};
  for (size_t kind = 0; kind < 5; ++kind)
    if (auto &[counts, bytes] = plain.collectives; counts[kind] > 0)
      stats.collectives.push_back({CollectiveKind(kind), counts[kind], bytes[kind]});
  return stats;
}

} // namespace

EngineState::EngineState(std::shared_ptr<const Package> opened, EngineOptions options)
    : package(std::move(opened)), onLoad(options.onLoad) {
  const Manifest &manifest = package->manifest();
  const bool mpi = options.transport != nullptr;
  choosePolicy(options, mpi ? options.transport->local_size : int(manifest.ranks));
  if (!mpi)
    world = std::make_unique<LocalWorld>(manifest, threads, policy, fault);
  if (mpi)
    addRank(options.transport->rank, options);
  else
    for (int rank = 0; rank < manifest.ranks; ++rank)
      addRank(rank, options);
  if (manifest.cuda)
    gpus = std::make_unique<cuda::Ranks>(*package, int(ranks.front()->frame.rank), int(ranks.size()),
                                         mpi ? ranks.front()->comm.get() : nullptr, options.transport, policy, fault);
}

void EngineState::choosePolicy(const EngineOptions &options, int ranksHere) {
  const bool mpi = options.transport != nullptr;
  const int cpus = availableCpus();
  // mpirun may have bound this process to a part of the host.
  const int fairShare = mpi ? std::min(hostCpus() / ranksHere, cpus) : cpus / ranksHere;
  threads = options.threads > 0 ? options.threads : std::max(fairShare, 1);
  if (package->manifest().cuda) // one drives the GPU
    threads = 1;
  const int total = threads * ranksHere;
  policy.spin = mpi ? threads <= cpus && total <= hostCpus() : total <= cpus;
  policy.timeoutSeconds = timeoutFromEnvironment();
  // Pinned only where the ranks fill the machine exactly; elsewhere the scheduler knows better.
  const char *wanted = std::getenv("TP_PIN");
  pin = !mpi && total == cpus && total == int(allowedCpus().size()) && !(wanted && std::strcmp(wanted, "0") == 0);
}

void EngineState::addRank(int rank, const EngineOptions &options) {
  const Manifest &manifest = package->manifest();
  auto state = std::make_unique<RankState>();
  if (options.transport) // first, for it checks the number of ranks
    state->comm = makeProcessCommunicator(manifest, *options.transport, threads, policy, !policy.spin, fault);
  else
    state->comm = world->communicator(rank);
  state->engine = this;
  state->weights = package->mapWeights(rank);
  if (!manifest.cuda) {
    state->state = Buffer(manifest.stateBytes);
    state->arena = Buffer(manifest.arenaBytes);
  }
  state->team = std::make_unique<Barrier>(threads, policy, fault);
  state->threads = std::make_unique<RankState::ThreadState[]>(size_t(threads));
  state->frame.weights = state->weights.data();
  state->frame.state = state->state.data();
  state->frame.arena = state->arena.data();
  state->frame.rank = rank;
  state->frame.threads = threads;
  installCallbacks(state->frame);
  ranks.push_back(std::move(state));
}

Engine::Engine(std::shared_ptr<const Package> package, EngineOptions options)
    : state(std::make_shared<EngineState>(std::move(package), options)) {
  try {
    for (int rank = 0; rank < localRanks(); ++rank)
      for (int thread = 0; thread < state->threads; ++thread)
        startThread(state, rank, thread);
    run([](Worker &worker) { worker.load(); });
  } catch (...) {
    stopThreads(*state);
    throw;
  }
}

Engine::~Engine() { stopThreads(*state); }

void Engine::run(const std::function<void(Worker &)> &job) {
  if (state->fault.raised())
    throw Error("an earlier run failed: " + state->fault.message());
  std::unique_lock<std::mutex> lock(state->mutex);
  state->job = std::make_shared<const std::function<void(Worker &)>>(job);
  state->running = int(state->handles.size());
  ++state->jobNumber;
  state->wake.notify_all();
  auto done = [&] { return state->running == 0; };
  while (!state->finished.wait_for(lock, std::chrono::milliseconds(50), done))
    if (state->fault.raised()) {
      state->finished.wait_for(lock, grace, done);
      break;
    }
  // A stuck thread goes on with the job when it wakes up: then the job stays, with the state, until that thread is
  // gone.
  if (done())
    state->job.reset();
  if (state->fault.raised())
    throw Error(state->fault.message());
}

int Engine::localRanks() const { return int(state->ranks.size()); }
int Engine::threads() const { return state->threads; }
bool Engine::hasRoot() const { return state->ranks.front()->frame.rank == 0; }
Communicator &Engine::comm() const { return *state->ranks.front()->comm; }

void Engine::reset() {
  if (state->gpus)
    run([](Worker &worker) { worker.engine.gpus->rank(worker.localRank).clearState(); });
  for (auto &rank : state->ranks) {
    if (!state->gpus)
      rank->state.clear();
    rank->calls = {};
  }
}

std::vector<RankStats> Engine::stats() const {
  std::vector<RankStats> all;
  for (int rank = 0; rank < comm().size(); ++rank) {
    PlainStats plain{};
    if (state->world)
      plain = plainStats(*state, *state->ranks[size_t(rank)]);
    else {
      if (rank == comm().rank())
        plain = plainStats(*state, *state->ranks.front());
      comm().broadcast(&plain, sizeof(plain), rank);
    }
    all.push_back(expand(plain));
  }
  return all;
}

} // namespace tp::rt
