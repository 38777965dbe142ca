#include "core/EngineState.h"

#include <new>
#include <string>

namespace tp::rt {
namespace {

void meetTeam(RankState &state, int64_t thread) {
  int missing = state.team->wait(int(thread));
  if (missing != Barrier::met)
    throw RankError(int(state.frame.rank),
                    "stalled: thread " + std::to_string(missing) + " is not at a barrier after " +
                        std::to_string(int64_t(state.engine->policy.timeoutSeconds + 0.999)) + " s");
}

// The callbacks must not throw through the program, which has no unwind tables: they record the failure and jump out.
// Nothing with a destructor may live in the frames that are jumped over, so the work is in functions of its own.
bool tryBarrier(RankState &state, int64_t thread) noexcept {
  try {
    meetTeam(state, thread);
    return true;
  } catch (...) {
    raiseCurrentException(state.engine->fault, int(state.frame.rank));
    return false;
  }
}

// The collective that the program names, for the group of `first`.
const Collective &checked(const Manifest &manifest, int64_t id, const Collective *first) {
  if (id < 0 || id >= int64_t(manifest.collectives.size()))
    throw Error("the program calls collective " + std::to_string(id) + ", the manifest has " +
                std::to_string(manifest.collectives.size()));
  const Collective &c = manifest.collectives[size_t(id)];
  if (first && c.axes != first->axes)
    throw Error("the program calls " + c.describe() + " with " + first->describe() + ", which has another group");
  return c;
}

void runCollectives(RankState &state, int64_t thread, std::span<const int64_t> ids, const void *const *srcs,
                    void *const *dsts) {
  const Manifest &manifest = state.engine->package->manifest();
  auto &parts = state.threads[size_t(thread)].parts;
  parts.clear();
  const Collective *first = nullptr;
  int64_t bytes = 0;
  for (size_t i = 0; i < ids.size(); ++i) {
    const Collective &c = checked(manifest, ids[i], first);
    first = first ? first : &c;
    bytes += c.bytes;
    parts.push_back({ids[i], srcs[i], dsts[i]});
  }
  if (!first)
    return;
  state.comm->run(parts, thread);
  if (thread == 0) {
    ++state.calls.counts[size_t(first->kind)];
    state.calls.bytes[size_t(first->kind)] += bytes;
  }
}

bool tryCollectives(RankState &state, int64_t thread, std::span<const int64_t> ids, const void *const *srcs,
                    void *const *dsts) noexcept {
  try {
    runCollectives(state, thread, ids, srcs, dsts);
    return true;
  } catch (...) {
    raiseCurrentException(state.engine->fault, int(state.frame.rank));
    return false;
  }
}

} // namespace

extern "C" {

static void tpBarrier(tp_frame *frame, int64_t thread) {
  auto &state = *reinterpret_cast<RankState *>(frame);
  if (!tryBarrier(state, thread))
    std::longjmp(state.threads[thread].exit, 1);
}

static void tpCollectives(tp_frame *frame, int64_t thread, int64_t n, const int64_t *ids, const void *const *srcs,
                          void *const *dsts) {
  auto &state = *reinterpret_cast<RankState *>(frame);
  if (!tryCollectives(state, thread, {ids, size_t(n)}, srcs, dsts))
    std::longjmp(state.threads[thread].exit, 1);
}

static void tpCollective(tp_frame *frame, int64_t thread, int64_t id, const void *src, void *dst) {
  tpCollectives(frame, thread, 1, &id, &src, &dst);
}

} // extern "C"

void installCallbacks(tp_frame &frame) {
  frame.barrier = tpBarrier;
  frame.collective = tpCollective;
  frame.collectives = tpCollectives;
}

void raiseCurrentException(Fault &fault, int rank) noexcept {
  try {
    throw;
  } catch (const Stopped &) { // NOLINT(bugprone-empty-catch): the failure is known already
  } catch (const RankError &e) {
    fault.raise(e.rank, e.what());
  } catch (const std::bad_alloc &) {
    fault.raise(rank, "out of memory");
  } catch (const std::exception &e) {
    fault.raise(rank, e.what());
  } catch (...) {
    fault.raise(rank, "unknown exception");
  }
}

int Worker::rank() const { return int(state.frame.rank); }
Communicator &Worker::comm() const { return *state.comm; }
void *Worker::memory(const Tensor &tensor) const {
  return engine.gpus ? engine.gpus->rank(localRank).host(tensor) : state.frame.arena + tensor.offset;
}
void Worker::barrier() { meetTeam(state, thread); }

static thread_local int rankOfThread = -1;

int crashRank() { return rankOfThread; }

// A function of its own, for a variable that lives across setjmp must not change.
static bool enter(tp_entry code, RankState &state, int64_t thread) {
  if (setjmp(state.threads[thread].exit) != 0)
    return false;
  code(&state.frame, thread);
  return true;
}

void Worker::load() {
  if (!engine.gpus)
    return state.weights.prefault(thread, engine.threads);
  cuda::RankDevice &gpu = engine.gpus->rank(localRank);
  gpu.makeCurrent(); // for this thread, for good
  gpu.upload(state.weights, engine.onLoad);
  state.weights = MappedFile(); // the GPU has them
}

static void callOnGpu(RankState &state, cuda::RankDevice &gpu, const Entry &entry) {
  // Outputs are the same on all ranks, and rank 0 reads them.
  gpu.run(entry, state.frame.rank == 0);
  const std::vector<int64_t> &calls = gpu.collectiveCalls(entry);
  for (size_t i = 0; i < calls.size(); ++i) {
    const Collective &c = state.engine->package->manifest().collectives[i];
    state.calls.counts[size_t(c.kind)] += calls[i];
    state.calls.bytes[size_t(c.kind)] += calls[i] * c.bytes;
  }
}

void Worker::call(const Entry &entry) {
  if (engine.gpus)
    return callOnGpu(state, engine.gpus->rank(localRank), entry);
  rankOfThread = rank();
  bool returned = enter(engine.package->code(entry), state, thread);
  rankOfThread = -1;
  if (!returned)
    throw Stopped();
}

} // namespace tp::rt
